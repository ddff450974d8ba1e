-- +goose Up
alter table asides add column kind text not null default '';
alter table asides add column snapshot text not null default '';

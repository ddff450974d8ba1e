-- +goose Up
alter table instances add column tags text not null default '[]';

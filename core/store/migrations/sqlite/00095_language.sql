-- +goose Up
alter table users add column language text not null default ''; -- of the panel, empty while nobody chose one

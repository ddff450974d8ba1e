-- +goose Up
create table healthy (
    instance  text primary key,
    diagnosis text     not null,
    at        datetime not null,
    features  text     not null check (json_valid(features))
);

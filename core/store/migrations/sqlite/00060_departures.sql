-- +goose Up
create table departures (
    change_id text     primary key,
    instance  text     not null,
    kept      text     not null,
    returned  text     not null default '',
    at        datetime not null
);
create index departures_by_return on departures (returned);

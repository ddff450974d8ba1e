-- +goose Up
create table reservations (
    kind     text     not null check (kind in ('port', 'subnet')),
    value    text     not null,
    instance text     not null,
    created  datetime not null,
    primary key (kind, value)
);
create index reservations_by_instance on reservations (instance);

-- +goose Up
create table asides (
    id        text primary key,
    instance  text     not null,
    change_id text     not null,
    path      text     not null,
    service   text     not null,
    mount     text     not null,
    why       text     not null,
    root      text     not null,
    origin    text     not null,
    place     text     not null,
    refill    integer  not null,
    size      integer  not null,
    state     text     not null check (state in ('kept', 'restored', 'purged')),
    at        datetime not null,
    until     datetime not null
);
create index asides_by_change on asides (change_id, id);

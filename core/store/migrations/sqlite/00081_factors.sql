-- +goose Up
-- The second factor of a user, sealed with the key beside the database.
alter table users add column factor text not null default '';
alter table users add column factor_step integer not null default 0; -- the last one whose code was used
alter table users add column recovery text not null default '[]' check (json_valid(recovery)); -- SHA-256 of codes
-- Who a user is at the issuer of single sign-on.
alter table users add column subject text not null default '';
create unique index users_by_subject on users (subject) where subject <> '';

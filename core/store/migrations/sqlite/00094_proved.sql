-- +goose Up
alter table sessions add column proved datetime; -- when who logged in last showed that it is they
update sessions set proved = created;

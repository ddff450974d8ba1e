-- +goose Up
-- The agent in whose data folder the file is.
alter table audit_archives add column keeper text not null default '';

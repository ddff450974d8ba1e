-- +goose Up
alter table schedules add column begun timestamptz; -- when the run under way was due
alter table schedules add column made_up boolean not null default false; -- it makes up for one that was cut off

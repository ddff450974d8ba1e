-- +goose Up
alter table diagnosis_days add column turns integer not null default 0;
alter table diagnosis_days add column falls integer not null default 0;

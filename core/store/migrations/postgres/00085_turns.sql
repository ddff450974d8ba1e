-- +goose Up
alter table diagnosis_days add column turns bigint not null default 0;
alter table diagnosis_days add column falls bigint not null default 0;

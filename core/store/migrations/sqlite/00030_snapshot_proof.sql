-- +goose Up
alter table snapshots add column encrypted    boolean not null default false;
alter table snapshots add column proof_level  text    not null default '';
alter table snapshots add column proof_at     datetime;
alter table snapshots add column proof_rto    integer not null default 0; -- nanoseconds
alter table snapshots add column proof_detail text    not null default '';

-- +goose Up
alter table changes add column data_snapshot text not null default '';

-- Ports of the host that instances were given, so that one which is down keeps
-- its own. A port is of one instance.
create table ports (
    port      integer primary key,
    instance  text     not null,
    key       text     not null,
    change_id text     not null,
    at        datetime not null
);
create index ports_by_change on ports (change_id);

-- Which playbooks may run commands, as their text was when an admin read it.
create table exec_permissions (
    playbook text primary key,
    source   text     not null,
    actor    text     not null,
    at       datetime not null
);

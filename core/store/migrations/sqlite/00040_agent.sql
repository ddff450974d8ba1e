-- +goose Up
create table users (
    id       text primary key,
    name     text     not null collate nocase unique,
    password text     not null, -- argon2id, encoded
    disabled integer  not null default 0,
    created  datetime not null
);

-- One role of one user on one instance; '*' is every instance.
create table grants (
    user_id  text not null references users (id) on delete cascade,
    instance text not null,
    role     text not null check (role in ('viewer', 'operator', 'admin')),
    primary key (user_id, instance)
);

-- A login of a person: what a JWT or a cookie names, and what ends with it.
create table sessions (
    id      text primary key, -- SHA-256 of what the cookie or the JWT holds
    user_id text     not null references users (id) on delete cascade,
    kind    text     not null check (kind in ('bearer', 'cookie')),
    created datetime not null,
    expires datetime not null
);
create index sessions_by_user on sessions (user_id);
create index sessions_by_end on sessions (expires);

create table tokens (
    id        text primary key,
    user_id   text     not null references users (id) on delete cascade,
    name      text     not null,
    hash      text     not null unique, -- SHA-256
    verbs     text     not null check (json_valid(verbs)),
    instances text     not null check (json_valid(instances)),
    created   datetime not null,
    expires   datetime not null,
    last_used datetime
);
create index tokens_by_user on tokens (user_id);

create table instances (
    id      text primary key,
    name    text     not null,
    project text     not null,
    dir     text     not null,
    files   text     not null check (json_valid(files)),
    origin  text     not null,
    mode    text     not null check (mode in ('observe', 'control')),
    release text     not null default '',
    created datetime not null
);
create unique index instances_by_project on instances (project);

create table schedules (
    id       text primary key,
    instance text     not null, -- '*' is every instance
    kind     text     not null,
    spec     text     not null, -- five fields of cron
    zone     text     not null,
    params   text     not null default '{}' check (json_valid(params)),
    jitter   integer  not null default 0, -- seconds
    enabled  integer  not null default 1,
    owner    text     not null, -- user whose right is asked for at every run
    created  datetime not null,
    next     datetime not null,
    last     datetime,
    outcome  text     not null default '',
    detail   text     not null default ''
);
create index schedules_by_next on schedules (next) where enabled = 1;

-- What remains of diagnoses older than the last hundred: a row for each day.
create table diagnosis_days (
    instance text    not null,
    day      text    not null, -- 2026-11-21, UTC
    runs     integer not null default 0,
    up       integer not null default 0, -- seconds known to be healthy or degraded
    down     integer not null default 0, -- seconds known to be unhealthy
    worst    text    not null,
    codes    text    not null default '{}' check (json_valid(codes)), -- root causes and how often
    primary key (instance, day)
);

-- +goose Up
create table autonomy (
    instance   text     not null,
    playbook   text     not null,
    source     text     not null,
    after      integer  not null check (after > 0),
    cooldown   integer  not null check (cooldown > 0), -- nanoseconds
    per_hour   integer  not null check (per_hour > 0),
    actor      text     not null,
    at         datetime not null,
    suspended  text     not null default '',
    primary key (instance, playbook)
);

-- Why nothing at all is repaired by itself: at most one finding of the host.
create table autonomy_stop (
    id      integer primary key check (id = 1),
    at      datetime not null,
    finding text     not null check (json_valid(finding))
);

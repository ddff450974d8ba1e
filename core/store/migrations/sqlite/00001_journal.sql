-- +goose Up
create table changes (
    id       text primary key,
    instance text     not null,
    actor    text     not null,
    state    text     not null,
    step     integer  not null default 0,
    snapshot text     not null default '',
    reason   text     not null default '',
    plan     text     not null check (json_valid(plan)),
    before   text     not null check (json_valid(before)),
    after    text     not null check (json_valid(after)),
    created  datetime not null,
    finished datetime
);
create index changes_by_instance on changes (instance, created);

-- One change at a time per instance, whatever the programs above think.
create unique index changes_under_way on changes (instance)
    where state not in ('planned', 'committed', 'rolled_back', 'rollback_failed');

create table journal (
    change_id text     not null references changes (id),
    seq       integer  not null,
    step      text     not null,
    at        datetime not null,
    done      datetime,
    outcome   text     not null default '',
    primary key (change_id, seq)
);

create table snapshots (
    id       text primary key,
    instance text     not null,
    scope    text     not null,
    reason   text     not null,
    path     text     not null,
    size     integer  not null,
    sha256   text     not null,
    created  datetime not null
);
create index snapshots_by_instance on snapshots (instance, created);

create table audit (
    seq      integer primary key,
    at       datetime not null,
    actor    text     not null,
    action   text     not null,
    instance text     not null,
    outcome  text     not null,
    detail   text     not null,
    prev     text     not null,
    hash     text     not null
);

-- +goose StatementBegin
create trigger audit_is_never_changed before update on audit
begin select raise(abort, 'audit entries are only ever added'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_is_never_deleted before delete on audit
begin select raise(abort, 'audit entries are only ever added'); end;
-- +goose StatementEnd

create table diagnoses (
    id       text primary key,
    instance text     not null,
    at       datetime not null,
    mode     text     not null,
    cause    text     not null,
    status   text     not null,
    body     text     not null check (json_valid(body))
);
create index diagnoses_by_instance on diagnoses (instance, at);

create table settings (
    key   text primary key,
    value text not null
);

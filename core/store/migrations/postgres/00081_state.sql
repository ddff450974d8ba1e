-- +goose Up
-- All that the SQLite schema has, by the same names, in one step.
create table changes (
    id            text        primary key,
    instance      text        not null,
    actor         text        not null,
    state         text        not null,
    step          integer     not null default 0,
    snapshot      text        not null default '',
    data_snapshot text        not null default '',
    reason        text        not null default '',
    plan          text        not null check (plan::json is not null),
    before        text        not null check (before::json is not null),
    after         text        not null check (after::json is not null),
    created       timestamptz not null,
    finished      timestamptz
);
create index changes_by_instance on changes (instance, created);

create table journal (
    change_id text        not null references changes (id),
    seq       integer     not null,
    step      text        not null,
    at        timestamptz not null,
    done      timestamptz,
    outcome   text        not null default '',
    primary key (change_id, seq)
);

create table snapshots (
    id           text        primary key,
    instance     text        not null,
    scope        text        not null,
    reason       text        not null,
    path         text        not null,
    size         bigint      not null,
    sha256       text        not null,
    created      timestamptz not null,
    encrypted    boolean     not null default false,
    proof_level  text        not null default '',
    proof_at     timestamptz,
    proof_rto    bigint      not null default 0, -- nanoseconds
    proof_detail text        not null default ''
);
create index snapshots_by_instance on snapshots (instance, created);

create table audit (
    seq      bigint      primary key,
    at       timestamptz not null,
    actor    text        not null,
    action   text        not null,
    instance text        not null,
    outcome  text        not null,
    detail   text        not null,
    prev     text        not null,
    hash     text        not null
);

create table audit_archives (
    seq    bigint      primary key,
    hash   text        not null,
    first  bigint      not null,
    file   text        not null,
    sha256 text        not null,
    at     timestamptz not null
);

-- +goose StatementBegin
create function refuse_change_of_audit() returns trigger language plpgsql as
$$ begin raise exception 'audit entries are only ever added'; end $$;
-- +goose StatementEnd
create trigger audit_is_never_changed before update on audit
    for each row execute function refuse_change_of_audit();
create trigger audit_is_never_deleted before delete on audit
    for each row execute function refuse_change_of_audit();
create trigger audit_is_never_emptied before truncate on audit
    for each statement execute function refuse_change_of_audit();
create trigger audit_archives_are_never_changed before update or delete on audit_archives
    for each row execute function refuse_change_of_audit();

create table diagnoses (
    id       text        primary key,
    instance text        not null,
    at       timestamptz not null,
    mode     text        not null,
    cause    text        not null,
    status   text        not null,
    body     text        not null check (body::json is not null)
);
create index diagnoses_by_instance on diagnoses (instance, at);

create table diagnosis_days (
    instance text    not null,
    day      text    not null,
    runs     integer not null default 0,
    up       bigint  not null default 0,
    down     bigint  not null default 0,
    worst    text    not null,
    codes    text    not null default '{}' check (codes::json is not null),
    primary key (instance, day)
);

create table settings (
    key   text primary key,
    value text not null
);

create table healthy (
    instance  text        primary key,
    diagnosis text        not null,
    at        timestamptz not null,
    features  text        not null check (features::json is not null)
);

create table ports (
    port      integer     not null,
    instance  text        not null,
    key       text        not null,
    change_id text        not null,
    at        timestamptz not null
);
create index ports_by_change on ports (change_id);

create table exec_permissions (
    playbook text        not null,
    source   text        not null,
    actor    text        not null,
    at       timestamptz not null
);

create table asides (
    id        text        primary key,
    instance  text        not null,
    change_id text        not null,
    path      text        not null,
    service   text        not null,
    mount     text        not null,
    why       text        not null,
    root      text        not null,
    origin    text        not null,
    place     text        not null,
    refill    boolean     not null,
    size      bigint      not null,
    state     text        not null check (state in ('kept', 'restored', 'purged')),
    at        timestamptz not null,
    until     timestamptz not null
);
create index asides_by_change on asides (change_id, id);

create table autonomy (
    instance  text        not null,
    playbook  text        not null,
    source    text        not null,
    after     integer     not null check (after > 0),
    cooldown  bigint      not null check (cooldown > 0), -- nanoseconds
    per_hour  integer     not null check (per_hour > 0),
    actor     text        not null,
    at        timestamptz not null,
    suspended text        not null default '',
    primary key (instance, playbook)
);

create table autonomy_stop (
    id      integer     not null check (id = 1),
    at      timestamptz not null,
    finding text        not null check (finding::json is not null)
);

create table users (
    id          text        primary key,
    name        text        not null,
    password    text        not null,
    disabled    boolean     not null default false,
    created     timestamptz not null,
    factor      text        not null default '',
    factor_step bigint      not null default 0,
    recovery    text        not null default '[]' check (recovery::json is not null),
    subject     text        not null default ''
);
create unique index users_by_name on users (lower(name));
create unique index users_by_subject on users (subject) where subject <> '';

create table grants (
    user_id  text not null references users (id) on delete cascade,
    instance text not null,
    role     text not null check (role in ('viewer', 'operator', 'admin')),
    primary key (user_id, instance)
);

create table sessions (
    id      text        primary key,
    user_id text        not null references users (id) on delete cascade,
    kind    text        not null check (kind in ('bearer', 'cookie')),
    created timestamptz not null,
    expires timestamptz not null
);
create index sessions_by_user on sessions (user_id);
create index sessions_by_end on sessions (expires);

create table tokens (
    id        text        primary key,
    user_id   text        not null references users (id) on delete cascade,
    name      text        not null,
    hash      text        not null unique,
    verbs     text        not null check (verbs::json is not null),
    instances text        not null check (instances::json is not null),
    created   timestamptz not null,
    expires   timestamptz not null,
    last_used timestamptz
);
create index tokens_by_user on tokens (user_id);

create table instances (
    id      text        primary key, -- of all agents: an instance is of one of them
    name    text        not null,
    project text        not null,
    dir     text        not null,
    files   text        not null check (files::json is not null),
    origin  text        not null,
    mode    text        not null check (mode in ('observe', 'control')),
    release text        not null default '',
    created timestamptz not null
);

create table schedules (
    id       text        primary key,
    instance text        not null,
    kind     text        not null,
    spec     text        not null,
    zone     text        not null,
    params   text        not null default '{}' check (params::json is not null),
    jitter   integer     not null default 0,
    enabled  boolean     not null default true,
    owner    text        not null,
    created  timestamptz not null,
    next     timestamptz not null,
    last     timestamptz,
    outcome  text        not null default '',
    detail   text        not null default ''
);
create index schedules_by_next on schedules (next) where enabled;

create table reservations (
    kind     text        not null check (kind in ('port', 'subnet')),
    value    text        not null,
    instance text        not null,
    created  timestamptz not null
);
create index reservations_by_instance on reservations (instance);

create table departures (
    change_id text        primary key,
    instance  text        not null,
    kept      text        not null,
    returned  text        not null default '',
    at        timestamptz not null
);
create index departures_by_return on departures (returned);

create table windows (
    id       text        primary key,
    instance text        not null,
    begins   timestamptz not null,
    ends     timestamptz not null,
    reason   text        not null,
    actor    text        not null,
    created  timestamptz not null
);
create index windows_by_end on windows (ends);

-- What is of one host is of one agent: each sees, and can change, no other's rows.
-- Users, grants, logins, settings and the audit log are of all.
-- +goose StatementBegin
do $$
declare t text;
begin
    foreach t in array array['changes', 'journal', 'snapshots', 'diagnoses', 'diagnosis_days', 'healthy', 'ports', 'exec_permissions', 'asides', 'autonomy',
        'autonomy_stop', 'instances', 'schedules', 'reservations', 'departures', 'windows'] loop
        execute format('alter table %I add column agent text not null default current_setting(''basewright.agent'', true)', t);
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy of_its_agent on %I using (agent = current_setting(''basewright.agent'', true))', t);
    end loop;
end $$;
-- +goose StatementEnd
alter table ports add primary key (agent, port);
alter table exec_permissions add primary key (agent, playbook);
alter table autonomy_stop add primary key (agent, id);
alter table reservations add primary key (agent, kind, value);
create unique index instances_by_project on instances (agent, project);
create index instances_by_agent on instances (agent);

-- One change at a time per instance, whatever the programs above think.
create unique index changes_under_way on changes (agent, instance)
    where state not in ('planned', 'committed', 'rolled_back', 'rollback_failed');

-- +goose Up
-- Parts of the audit log that were moved into files; the log goes on from there.
create table audit_archives (
    seq    integer primary key, -- of its last entry
    hash   text     not null,   -- of its last entry
    first  integer  not null,
    file   text     not null,
    sha256 text     not null,
    at     datetime not null
);
drop trigger audit_is_never_deleted;
-- +goose StatementBegin
create trigger audit_is_never_deleted before delete on audit
when old.seq > (select coalesce(max(seq), 0) from audit_archives)
begin select raise(abort, 'audit entries are only ever added'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_archives_are_never_changed before update on audit_archives
begin select raise(abort, 'audit entries are only ever added'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_archives_are_never_deleted before delete on audit_archives
begin select raise(abort, 'audit entries are only ever added'); end;
-- +goose StatementEnd

-- Times in which nothing happens to an instance by itself.
create table windows (
    id       text primary key,
    instance text     not null, -- '*' is every instance
    begins   datetime not null,
    ends     datetime not null,
    reason   text     not null,
    actor    text     not null,
    created  datetime not null
);
create index windows_by_end on windows (ends);

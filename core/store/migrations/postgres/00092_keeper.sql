-- +goose Up
-- The agent in whose data folder the file is.
alter table audit_archives add column keeper text not null default '';

-- +goose StatementBegin
create function name_keeper_of_archive() returns trigger language plpgsql as
$$ begin
    new.keeper := coalesce(nullif(new.keeper, ''), current_setting('basewright.agent', true), '');
    return new;
end $$;
-- +goose StatementEnd
create trigger audit_archives_have_a_keeper before insert on audit_archives
    for each row execute function name_keeper_of_archive(); -- a state that comes out of SQLite names none
create trigger audit_archives_are_never_emptied before truncate on audit_archives
    for each statement execute function refuse_change_of_audit();

drop trigger audit_archives_are_never_changed on audit_archives;
create trigger audit_archives_are_never_changed before update on audit_archives
    for each row execute function refuse_change_of_audit();
create trigger audit_archives_are_never_deleted before delete on audit_archives
    for each row execute function refuse_change_of_audit();

-- Only what is archived may go.
-- +goose StatementBegin
create function refuse_loss_of_audit() returns trigger language plpgsql as
$$ begin
    if old.seq > (select coalesce(max(seq), 0) from audit_archives) then
        raise exception 'audit entries are only ever added';
    end if;
    return old;
end $$;
-- +goose StatementEnd
drop trigger audit_is_never_deleted on audit;
create trigger audit_is_never_deleted before delete on audit
    for each row execute function refuse_loss_of_audit();

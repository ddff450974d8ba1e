-- +goose Up
alter table changes add column thinned datetime; -- when its journal and the bulk of its plan went
create index changes_whole on changes (instance, created) where thinned is null;

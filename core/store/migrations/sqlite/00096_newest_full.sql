-- +goose Up
create index diagnoses_full_by_instance on diagnoses (instance, at) where mode <> 'quick'; -- however many quick ones came after

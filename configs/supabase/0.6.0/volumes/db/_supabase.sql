\set pguser `echo "$POSTGRES_USER"`

create database _supabase with owner :pguser;

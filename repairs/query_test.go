package repairs

import "testing"

func TestCheckQuery(t *testing.T) {
	for sql, fine := range map[string]bool{
		`select rolname from pg_roles where rolcanlogin order by rolname`: true,
		`SELECT count(*) FROM auth.users WHERE email IN ('a(b', 'it''s')`: true,
		`select pg_catalog.pg_get_userbyid(relowner) from pg_class`:       true,
		`select a from (select 1 as a) x where exists (select 1)`:         true,
		`copy (select 1) to program 'sh'`:                                 false,
		`select pg_read_file('/etc/passwd')`:                              false,
		`select pg_catalog.pg_read_file ('/etc/passwd')`:                  false,
		`select "pg_read_file"('/etc/passwd')`:                            false,
		`select pg_terminate_backend(pid) from pg_stat_activity`:          false,
		`select pg_sleep(60)`:                                             false,
		`select 1; drop table x`:                                          false,
		`select pg_read_file/**/('/etc/passwd')`:                          false,
		"select pg_read_file--\n('/etc/passwd')":                          false,
		`select E'\'' || pg_read_file('/etc/passwd')`:                     false,
		`select $a$'$a$, pg_read_file('x')`:                               false,
		`select rolpassword from pg_authid`:                               false,
		`select decrypted_secret from vault.decrypted_secrets`:            false,
		`with x as (select pg_sleep(1)) select * from x`:                  false,
		`select 1 into evil`:                                              false,
		`select * from auth.users for update`:                             false,
		`select dblink('host=evil', 'select 1')`:                          false,
		`select lo_export(1, '/tmp/x')`:                                   false,
		`select 'a`:                                                       false,
		`do 'begin end'`:                                                  false,
		`explain analyze select 1`:                                        false,
		`select set_config('log_statement', 'all', false)`:                false,
		`select my.function(1)`:                                           false,
		`select query_to_xml('select pg_sleep(9)', true, true, '')`:       false,
	} {
		if err := checkQuery(sql); (err == nil) != fine {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

package configure

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// rows answers a statement with one column.
func rows(values ...string) [][]string {
	var out [][]string
	for _, v := range values {
		out = append(out, []string{v})
	}
	return out
}

func TestRotate(t *testing.T) {
	const keys = "ANON_KEY=old-anon SERVICE_ROLE_KEY=old-service JWT_SECRET=old-jwt "
	for name, tt := range map[string]struct {
		what    string
		env     string
		schemas []string
		tenants []string
		want    string // the actions but the notes, or the refusal
	}{
		"API keys": {"api-keys", keys, nil, nil, "mint_keys, recreate auth, recreate gateway, wait_healthy auth timeout=2m, wait_healthy gateway timeout=2m"},
		"API keys of both kinds": {"api-keys", keys + "SUPABASE_SECRET_KEY=sb_secret_old", nil, nil,
			"generate_secret key=SUPABASE_SECRET_KEY, mint_keys, recreate auth, recreate gateway, wait_healthy auth timeout=2m, wait_healthy gateway timeout=2m"},
		"the JWT secret": {"jwt-secret", keys, nil, nil,
			"generate_secret key=JWT_SECRET, mint_keys, recreate db, wait_healthy db timeout=2m, recreate auth, recreate gateway, wait_healthy auth timeout=2m, wait_healthy gateway timeout=2m"},
		"the dashboard's password": {"dashboard-password", "DASHBOARD_PASSWORD=old", nil, nil, "generate_secret key=DASHBOARD_PASSWORD, recreate gateway, wait_healthy gateway timeout=2m"},
		"the database's passwords": {"database-passwords", "POSTGRES_PASSWORD=old", []string{"_supavisor", "_supavisor_before"}, []string{"shop"},
			"stop pooler, sql database=_supabase inverse=alter schema _supavisor_before2 rename to _supavisor statement=alter schema _supavisor rename to _supavisor_before2, " +
				"sql database=_supabase inverse=drop schema _supavisor statement=create schema _supavisor authorization supabase_admin, generate_secret key=POSTGRES_PASSWORD, " +
				"set_role_password password=env:POSTGRES_PASSWORD role=authenticator, set_role_password password=env:POSTGRES_PASSWORD role=postgres, " +
				"recreate db, wait_healthy db timeout=2m, recreate pooler, recreate auth, wait_healthy pooler timeout=2m, wait_healthy auth timeout=2m"},
		"a pooler of many": {"database-passwords", "POSTGRES_PASSWORD=old", []string{"_supavisor"}, []string{"a", "b"}, "has stored 2 tenants"},
		"what is not set":  {"jwt-secret", "OTHER=1", nil, nil, "JWT_SECRET is not set in the .env of shop"},
	} {
		t.Run(name, func(t *testing.T) {
			obs := observed(t)
			obs.Env.Vars = nil
			for _, pair := range strings.Fields(tt.env) {
				key, value, _ := strings.Cut(pair, "=")
				obs.Env.Vars = append(obs.Env.Vars, core.EnvVar{Key: key, Value: core.Secret(value)})
			}
			obs.Containers = coretest.Running(core.DB, core.Auth, core.Gateway, core.Pooler)
			e := &coretest.Engine{Containers: obs.Containers, Databases: map[string]func(string) ([][]string, error){
				"postgres": func(string) ([][]string, error) { return rows("anyone", "authenticator", "postgres"), nil },
				"_supabase": func(sql string) ([][]string, error) {
					if strings.Contains(sql, "tenants") {
						return rows(tt.tenants...), nil
					}
					return rows(tt.schemas...), nil
				},
			}}
			r, err := RotationOf(tt.what)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Rotate(t.Context(), e, obs, r)
			if err != nil {
				if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			var did []string
			notes := 0
			for _, a := range p.Actions {
				if a.Op == core.OpNote {
					notes++
					continue
				}
				did = append(did, a.String())
			}
			if got := strings.Join(did, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if notes != len(r.Clients) || notes == 0 {
				t.Errorf("%d clients are named in the plan, want %d", notes, len(r.Clients))
			}
			if text := strings.Join(did, "") + p.Title + p.Diff[0].After; strings.Contains(text, "old-") {
				t.Error("the plan holds a secret")
			}
		})
	}
	if _, err := RotationOf("everything"); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "api-keys, jwt-secret") {
		t.Errorf("got %v", err)
	}
}

package repairs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// planted are the secrets of the instance below; no fact and no plan may hold one.
var planted = []string{"Hunter2-Hunter2", "jwt-Secret-of-40-characters-000000000000", "old-Password-9", "Tok3n-in-a-file"}

// sickInstance is an instance whose roles have another password than .env.
func sickInstance() *core.Observation {
	env := func(extra map[string]core.Secret) map[string]core.Secret {
		m := map[string]core.Secret{"PATH": "/usr/bin:/bin"}
		maps.Copy(m, extra)
		return m
	}
	return &core.Observation{
		Instance: core.Instance{ID: "shop", Name: "Shop", Project: "shop", Mode: core.Control},
		Env: core.EnvFile{Path: "/srv/shop/.env", Mode: 0o600, Vars: []core.EnvVar{
			{Key: "POSTGRES_PASSWORD", Value: core.Secret(planted[0]), Line: 1},
			{Key: "JWT_SECRET", Value: core.Secret(planted[1]), Line: 2},
			{Key: "POSTGRES_PORT", Value: "5432", Line: 3},
			{Key: "SITE_URL", Value: "http://ana:Hunter2-Hunter2@localhost:3000", Line: 4},
			{Key: "ENABLE_EMAIL_SIGNUP", Value: "true", Line: 5},
		}},
		Compose: core.Compose{Services: []core.ComposeService{
			{Name: "db", Service: core.DB, Env: map[string]core.Secret{"POSTGRES_PASSWORD": core.Secret(planted[0])}},
			{Name: "auth", Service: core.Auth, Env: map[string]core.Secret{"GOTRUE_DB_DATABASE_URL": "postgres://supabase_auth_admin:Hunter2-Hunter2@db:5432/postgres", "GOTRUE_API_PORT": "9999"}},
			{Name: "supavisor", Service: core.Pooler, Image: "supabase/supavisor:2.9.12"},
			{Name: "mailpit", Image: "axllent/mailpit"},
		}},
		Containers: []core.Container{
			{ID: "aaaaaaaaaaaaaaaa", ImageID: "sha256:1111111111111111", Name: "shop-db-1", Service: core.DB, ComposeService: "db", State: "running", Health: "healthy",
				Env: env(map[string]core.Secret{"POSTGRES_PASSWORD": core.Secret(planted[0])}), Ports: []core.Port{{HostPort: 5432, ContainerPort: 5432, Proto: "tcp"}}},
			{ID: "bbbbbbbbbbbbbbbb", ImageID: "sha256:2222222222222222", Name: "shop-auth-1", Service: core.Auth, ComposeService: "auth", State: "restarting", ExitCode: 1, Restarts: 7,
				Env:  env(map[string]core.Secret{"GOTRUE_DB_DATABASE_URL": "postgres://supabase_auth_admin:Hunter2-Hunter2@db:5432/postgres", "GOTRUE_API_PORT": "9999"}),
				Logs: []core.LogLine{{Text: "started"}, {Text: "postgres://supabase_auth_admin:old-Password-9@db refused"}, {Text: "password is Hunter2-Hunter2"}}},
			{ID: "cccccccccccccccc", Name: "shop-mailpit-1", ComposeService: "mailpit", State: "running"},
		},
	}
}

// eyes is an inspector of the sick instance.
type eyes struct {
	roles [][]string
	err   error
}

func (e eyes) Observe(context.Context) (*core.Observation, error) { return sickInstance(), nil }

func (e eyes) Dial(context.Context, core.Address) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		buf := make([]byte, 1024)
		if _, err := there.Read(buf); err == nil {
			_, _ = io.WriteString(there, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 27\r\n\r\nit uses Hunter2-Hunter2 now")
		}
	}()
	return here, nil
}

func (e eyes) TakenPorts(context.Context) ([]int, error) { return []int{8000, 8001}, nil }

func (e eyes) Login(context.Context, core.Login) error { return nil }

func (e eyes) Query(context.Context, string, string) ([][]string, error) { return e.roles, e.err }

func (e eyes) ReadFile(_ context.Context, name string) (core.File, error) {
	if name == "volumes/kong.yml" {
		return core.File{Name: name, Data: []byte("key: Hunter2-Hunter2\nurl: http://a:Tok3n-in-a-file@b/")}, nil
	}
	return core.File{}, fs.ErrNotExist
}

func sickTarget(e eyes) core.Target {
	return core.Target{Observation: sickInstance(), Inspector: e, Key: core.FingerprintKey("a local key")}
}

func builtInBook(t *testing.T, id string) core.Playbook {
	t.Helper()
	b, err := NewLibrary(nil).Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var passwordFinding = core.Finding{
	Code: "PG-01", Service: core.DB, Severity: core.Critical, Details: map[string]string{"roles": "supabase_auth_admin"},
	Evidence: []core.Evidence{{Source: "log:auth", Text: "password Hunter2-Hunter2 rejected"}},
}

func TestPlanAlignsPasswords(t *testing.T) {
	d := &core.Diagnosis{Findings: []core.Finding{passwordFinding, {Code: "AUTH-01", Service: core.Auth}}}
	tg := sickTarget(eyes{roles: [][]string{{"authenticator"}, {"postgres"}, {"supabase_auth_admin"}, {"visitor"}}})
	b := builtInBook(t, "align-database-passwords")
	p, err := Plan(t.Context(), b, tg, d, &d.Findings[0], map[string]string{"timeout": "30s"})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range p.Actions {
		lines = append(lines, a.String())
	}
	equalJSON(t, lines, []string{
		"set_role_password password=env:POSTGRES_PASSWORD role=authenticator",
		"set_role_password password=env:POSTGRES_PASSWORD role=postgres",
		"set_role_password password=env:POSTGRES_PASSWORD role=supabase_auth_admin",
		"restart auth", "wait_healthy auth timeout=30s",
	})
	fingerprint := tg.Key.Of(core.Secret(planted[0]))
	equalJSON(t, p.Diff[2:], []core.Diff{
		{Target: "role supabase_auth_admin", Before: "password in the database", After: "value of POSTGRES_PASSWORD (fingerprint " + fingerprint + ")"},
		{Target: "container shop-auth-1", After: "restarted"},
	})
	equalJSON(t, p.Claims, []string{"PG-01"})
	if p.Instance != "shop" || p.Finding != "PG-01" || p.Risk != core.MediumRisk || p.Scope != core.ConfigScope || p.Downtime.Duration() != 10*time.Second {
		t.Errorf("plan: %+v", p)
	}
	for _, k := range []string{"container:db", "container:auth", "env", "compose", "finding"} {
		if p.Basis[k] == "" {
			t.Errorf("the plan does not rest on %s: %v", k, p.Basis)
		}
	}
	holdsNoSecret(t, p)

	again, err := Plan(t.Context(), b, tg, d, &d.Findings[0], map[string]string{"timeout": "30s"})
	if err != nil || again.Hash != p.Hash || len(p.Hash) != 64 {
		t.Errorf("made again the plan has another hash: %s, %s, %v", p.Hash, again.Hash, err)
	}
	tg.Observation.Env.Vars[1].Value = "another"
	changed, err := Plan(t.Context(), b, tg, d, &d.Findings[0], map[string]string{"timeout": "30s"})
	if err != nil || changed.Hash == p.Hash {
		t.Errorf("the world changed and the hash did not: %v", err)
	}
}

func TestPlanRefuses(t *testing.T) {
	tests := map[string]struct {
		eyes   eyes
		change func(*core.Observation)
		want   string
	}{
		"the database is down": {eyes{}, func(o *core.Observation) { o.Containers[0].State = "exited" }, "the database is exited; start it first"},
		"the container has another password": {eyes{}, func(o *core.Observation) { o.Containers[0].Env["POSTGRES_PASSWORD"] = core.Secret(planted[2]) },
			"db runs with another database password than .env (DK-07); recreate it first"},
		"a URL in a container is old": {eyes{}, func(o *core.Observation) {
			o.Containers[1].Env["GOTRUE_DB_DATABASE_URL"] = "postgres://supabase_auth_admin:old-Password-9@db:5432/postgres"
		}, "auth runs with another database password than .env (DK-07); recreate it first"},
		"the password is empty":        {eyes{}, func(o *core.Observation) { o.Env.Vars[0].Value = "" }, "POSTGRES_PASSWORD is not set in .env; put a password there first"},
		"the roles cannot be read":     {eyes{err: errors.New("no route")}, func(*core.Observation) {}, "the roles of the database cannot be read: no route"},
		"no login is refused":          {eyes{roles: [][]string{{"authenticator"}}}, func(*core.Observation) {}, "no login was seen to be refused, so nothing is to be done; to set the passwords all the same, give --param anyway=true"},
		"the database was never ready": {eyes{roles: [][]string{{"visitor"}}}, func(*core.Observation) {}, "the database has none of Supabase's roles; its first start did not finish (PG-03)"},
	}
	b := builtInBook(t, "align-database-passwords")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tg := sickTarget(tt.eyes)
			tt.change(tg.Observation)
			_, err := Plan(t.Context(), b, tg, nil, nil, nil)
			if err == nil || err.Error() != tt.want || core.CodeOf(err) != core.Conflict {
				t.Errorf("err = %v (%s), want %q", err, core.CodeOf(err), tt.want)
			}
		})
	}
}

func TestPlanOfOtherBuiltIns(t *testing.T) {
	tg := sickTarget(eyes{})
	tg.Containers[1].State = "exited"
	tg.Containers[0].Env["POSTGRES_PASSWORD"] = core.Secret(planted[2])
	for id, want := range map[string][]string{
		"restart-auth":              {"restart auth", "wait_healthy auth timeout=60s"},
		"start-stopped-services":    {"start auth", "up pooler", "wait_healthy auth timeout=120s", "wait_healthy pooler timeout=120s"},
		"recreate-stale-containers": {"recreate db", "wait_healthy db timeout=120s"},
	} {
		p, err := Plan(t.Context(), builtInBook(t, id), tg, nil, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		var got []string
		for _, a := range p.Actions {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s plans %q", id, got)
		}
		holdsNoSecret(t, p)
	}
}

func TestWrongCurePlans(t *testing.T) {
	src, err := os.ReadFile("testdata/wrong-cure.lua")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Plan(t.Context(), book(t, "wrong-cure", string(src)), sickTarget(eyes{}), &core.Diagnosis{Findings: []core.Finding{passwordFinding}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	equalJSON(t, p.Claims, []string{"PG-01"})
	equalJSON(t, p.Diff[0], core.Diff{Target: ".env BASEWRIGHT_NOTE", Before: "not set", After: "auth was restarted"})
}

func TestPlanNamesOnlySecretsThatExist(t *testing.T) {
	for body, want := range map[string]string{
		`return {{op='set_env', key='A', value={secret='env:NO_SUCH'}}}`:              "there is no secret env:NO_SUCH",
		`return {{op='set_env', key='A', value={secret='svc:db:NO_SUCH'}}}`:           "there is no secret svc:db:NO_SUCH",
		`return {{op='set_env', key='A', value={secret='svc:other:PASSWORD'}}}`:       "there is no secret svc:other:PASSWORD",
		`return {{op='set_env', key='A', value=t.services.db.env.POSTGRES_PASSWORD}}`: "",
	} {
		_, err := Plan(t.Context(), book(t, "x", playbookWith(body)), sickTarget(eyes{}), nil, nil, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: err = %v, want %q", body, err, want)
		}
	}
}

func TestFactsHoldNoSecret(t *testing.T) {
	tg := sickTarget(eyes{roles: [][]string{{"SCRAM-SHA-256$4096:abc$def:ghi"}, {"eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"}, {planted[0]}}})
	w, err := Gather(t.Context(), tg, core.Wants{
		Logs:  map[string]int{"auth": 2, "rest": 5},
		SQL:   map[string]string{"hashes": "select hash from somewhere"},
		Files: []string{"volumes/kong.yml", "volumes/db/data/PG_VERSION", ".env", "../other/.env", "none"},
		HTTP:  map[string]string{"health": "auth:9999/health"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	facts := Facts(tg.Observation, &passwordFinding, []core.Finding{passwordFinding}, w, tg.Key)
	holdsNoSecret(t, facts)

	fingerprint := tg.Key.Of(core.Secret(planted[0]))
	env := facts["env"].(map[string]any)
	equalJSON(t, env["POSTGRES_PASSWORD"], map[string]any{"secret": "env:POSTGRES_PASSWORD", "fingerprint": fingerprint})
	equalJSON(t, []any{env["POSTGRES_PORT"], env["ENABLE_EMAIL_SIGNUP"]}, []any{"5432", "true"})
	if _, handle := env["SITE_URL"].(map[string]any); !handle {
		t.Error("a URL with a password is shown")
	}
	services := facts["services"].(map[string]any)
	equalJSON(t, slices.Sorted(maps.Keys(services)), []string{"auth", "db", "mailpit", "pooler"})
	pooler := services["pooler"].(map[string]any)
	equalJSON(t, []any{pooler["state"], pooler["missing"], pooler["compose_service"]}, []any{"missing", true, "supavisor"})
	db := services["db"].(map[string]any)["env"].(map[string]any)
	equalJSON(t, db["POSTGRES_PASSWORD"], map[string]any{"secret": "svc:db:POSTGRES_PASSWORD", "fingerprint": fingerprint})
	equalJSON(t, facts["logs"], map[string]any{"auth": []string{"postgres://supabase_auth_admin:•••@db refused", "password is •••"}})
	equalJSON(t, facts["sql"], map[string]any{"hashes": [][]string{{"•••"}, {"•••"}, {"•••"}}})
	equalJSON(t, facts["files"], map[string]any{"volumes/kong.yml": "key: •••\nurl: http://a:•••@b/"})
	equalJSON(t, facts["http"], map[string]any{"health": map[string]any{"status": 503, "body": "it uses ••• now"}})
	equalJSON(t, slices.Sorted(maps.Keys(facts["gaps"].(map[string]any))), []string{"files.../other/.env", "files..env", "files.none", "files.volumes/db/data/PG_VERSION", "logs.rest"})
	equalJSON(t, facts["ports"], map[string]any{"used": []int{5432}})
}

// holdsNoSecret greps for what was planted.
func holdsNoSecret(t *testing.T, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range planted {
		if strings.Contains(string(b), s) {
			t.Errorf("holds the secret %q: %s", s, b)
		}
	}
}

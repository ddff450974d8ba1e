package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// probing is a stack on which the sign-up probe is tried.
type probing struct {
	*person
	stack  string
	engine *docker.Engine
}

func (w *world) probing(t *testing.T) probing {
	t.Helper()
	stack := w.borrow(t)
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return probing{w.person(t), stack, host.Open(core.Instance{ID: stack, Name: stack, Project: stack, Dir: w.folder(stack),
		Files: []string{filepath.Join(w.folder(stack), "docker-compose.yml")}, Mode: core.Control})}
}

// sql runs statements in the stack's database and returns what they print.
func (p probing) sql(text string) string {
	p.t.Helper()
	out, err := p.engine.Exec(p.t.Context(), core.DB, core.Command{
		Args: []string{"psql", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"}, Stdin: []byte(text)})
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// users is who there is, so that one who went and one who came would show.
func (p probing) users() string {
	p.t.Helper()
	return p.sql(`select count(*), md5(coalesce(string_agg(id::text, ',' order by id), '')) from auth.users;`)
}

// deep diagnoses the stack with the probe and wants the same users as before.
func (p probing) deep(want int) core.Diagnosis {
	p.t.Helper()
	before := p.users()
	out := p.basewright(want, "doctor", p.stack, "--mode", "deep", "--output", "json")
	if now := p.users(); now != before {
		p.t.Errorf("users were %s and are %s", before, now)
	}
	var answer struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Diagnoses) != 1 {
		p.t.Fatalf("doctor's JSON: %v\n%s", err, out)
	}
	return answer.Diagnoses[0]
}

// wants checks that a finding names a step, and what the root causes are.
func (p probing) wants(d core.Diagnosis, code, step string, roots ...string) {
	p.t.Helper()
	named := slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.Code == code && f.Details["step"] == step })
	if !named || !slices.Equal(d.RootCauses, roots) {
		p.t.Errorf("no %s at the step %s, or root causes %q are not %q:", code, step, d.RootCauses, roots)
		for _, f := range d.Findings {
			p.t.Logf("%s %s %q %v caused by %v: %v", f.Code, f.Service, f.Title, f.Details, deref(f.CausedBy), f.Evidence)
		}
	}
}

func (p probing) healthy() {
	p.t.Helper()
	if d := p.deep(0); d.Status != core.Healthy || len(d.Findings) != 0 || len(d.Unknowns) != 0 {
		p.t.Errorf("a healthy stack is called %s: %+v %+v", d.Status, d.Findings, d.Unknowns)
	}
}

// TestSignUpProbe runs the probe on a stack that is well and on one that breaks
// at each of its steps. The users are the same after every run.
func TestSignUpProbe(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	p := w.probing(t)
	if err := os.Mkdir(p.data, 0o700); err != nil { // a diagnosis alone makes none
		t.Fatal(err)
	}
	p.lab("signup", p.stack) // so that there is somebody to be spared
	p.healthy()

	for _, row := range []struct{ fault, code, step, root string }{
		{"AUTH-05", "AUTH-05", "trigger", "AUTH-05"},
		{"AUTH-08", "AUTH-08", "mail", "AUTH-08"},
		{"GW-04", "GW-04", "key", "GW-04"},
		{"REST-02", "SIGN-02", "key", "REST-02"},
		{"GW-06", "SIGN-02", "gateway", "GW-06"},
		{"GW-07", "SIGN-02", "auth", "SVC-02"},
	} {
		p.lab("break", p.stack, row.fault)
		p.wants(p.deep(1), row.code, row.step, row.root)
		p.lab("mend", p.stack, row.fault)
	}

	p.lab("up", p.stack)     // auth was started only just now
	p.lab("signup", p.stack) // a recent failure is news until a sign-up works
	if err := p.engine.Stop(t.Context(), core.Gateway); err != nil {
		t.Fatal(err)
	}
	p.wants(p.deep(1), "SIGN-02", "gateway", "SVC-02")
	if err := p.engine.Start(t.Context(), core.Gateway); err != nil {
		t.Fatal(err)
	}
	p.lab("up", p.stack)
	p.serviceKey()
	p.healthy()
	p.noSecrets(w.secrets(t, p.stack))
}

// serviceKey puts another service key into .env than the gateway has.
func (p probing) serviceKey() {
	p.t.Helper()
	name := filepath.Join(p.folder(p.stack), ".env")
	before, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	vars, err := supabase.ParseEnv(before)
	if err != nil {
		p.t.Fatal(err)
	}
	secret, _ := core.EnvFile{Vars: vars}.Lookup("JWT_SECRET")
	key, err := supabase.MintKey("service_role", secret, time.Now().AddDate(0, 0, -9))
	if err != nil {
		p.t.Fatal(err)
	}
	edited, err := supabase.SetEnv(before, "SERVICE_ROLE_KEY", key.Reveal())
	if err == nil {
		err = os.WriteFile(name, edited, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	d := p.deep(1)
	if !slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.Code == "GW-04" && f.Details["step"] == "key" }) {
		p.t.Errorf("a wrong service key is not named: %+v", d.Findings)
	}
	if err := os.WriteFile(name, before, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

const (
	lateTrigger = `create schema probe_test;
create table probe_test.profiles (id uuid primary key references auth.users%s);
create function probe_test.profile() returns trigger language plpgsql security definer set search_path = '' as $$
begin insert into probe_test.profiles (id) values (new.id); return new; end $$;
create trigger probe_profile after insert on auth.users for each row execute function probe_test.profile();`
	noTrigger = `drop trigger probe_profile on auth.users;
drop schema probe_test cascade;`
)

// TestSignUpProbeLeavesNothing tries the probe where a trigger writes about new
// users, and where an earlier probe was killed.
func TestSignUpProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	p := onStacks(t).probing(t)

	p.sql(strings.Replace(lateTrigger, "%s", " on delete cascade", 1))
	p.healthy()
	if n := p.sql(`select count(*) from probe_test.profiles;`); n != "0" {
		t.Errorf("the trigger's table has %s rows", n)
	}
	p.sql(noTrigger)

	p.sql(strings.Replace(lateTrigger, "%s", "", 1))
	d := p.deep(2) // nobody could delete the user again, so none is created
	if len(d.Unknowns) != 1 || !strings.Contains(d.Unknowns[0].Reason, "probe_test.profiles") {
		t.Errorf("unknown: %+v, found: %+v", d.Unknowns, d.Findings)
	}
	p.sql(noTrigger)

	before := p.users()
	p.lab("signup", p.stack)
	p.sql(`update auth.users set email = 'basewright-probe-killed@probe.invalid', created_at = now() - interval '1 hour'
where id = (select id from auth.users order by created_at desc limit 1);`)
	p.basewright(0, "doctor", p.stack, "--mode", "deep")
	if now := p.users(); now != before {
		t.Errorf("the user of a probe that was killed is still there: %s, %s", before, now)
	}
}

const (
	slowSignIn = `create schema probe_slow;
create function probe_slow.wait() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$;
create trigger probe_slow before update on auth.users for each row execute function probe_slow.wait();`
	noSlowSignIn = `drop trigger probe_slow on auth.users;
drop schema probe_slow cascade;`
	probeUsers = `select count(*) from auth.users where email like 'basewright-probe-%@probe.invalid';`
)

// TestSignUpProbeKilled kills the agent with SIGKILL between a probe's sign-up and
// its deletion, and wants the next run to remove what it left.
func TestSignUpProbeKilled(t *testing.T) {
	if os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
		t.Skip("slow; make test-all runs it")
	}
	t.Parallel()
	p := onStacks(t).probing(t)
	before := p.users()
	p.sql(slowSignIn)
	agent := exec.CommandContext(t.Context(), filepath.Join(p.dir, "basewright"), "doctor", p.stack, "--mode", "deep")
	agent.Env = append(os.Environ(), "BASEWRIGHT_DATA="+p.data)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); p.sql(probeUsers) != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("the probe creates no user")
		}
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	agent.Wait()
	p.sql(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep';`)
	p.sql(noSlowSignIn)
	if n := p.sql(probeUsers); n != "1" {
		t.Fatalf("%s users are left behind; the agent was to be killed before it could delete its own", n)
	}
	p.sql(`update auth.users set created_at = now() - interval '2 minutes' where email like 'basewright-probe-%@probe.invalid';`)
	p.basewright(0, "doctor", p.stack, "--mode", "deep")
	if now := p.users(); now != before {
		t.Errorf("users were %s and are %s", before, now)
	}
}

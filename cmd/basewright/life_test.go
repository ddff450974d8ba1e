package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// lives has a created instance used by a real client, stopped and started, given
// new secrets, and deleted: killed in the middle of that, undone, and for good.
func (p *person) lives(host *docker.Host, name, dir string) {
	p.t.Helper()
	inst := core.Instance{ID: name, Project: name, Dir: dir, Files: []string{filepath.Join(dir, "docker-compose.yml")}}
	e := host.Open(inst)
	if _, err := supabase.PSQL(p.t.Context(), e, "postgres", notesTable); err != nil {
		p.t.Fatal(err)
	}
	p.useAsClient(dir)
	p.toldNoPassword(e)
	p.stopsAndStarts(name)
	p.rotates(name, dir)
	p.toldNoPassword(host.Open(inst))
	if os.Getenv("BASEWRIGHT_TEST_ALL") == "1" {
		p.clones(host, name, dir, false)
		p.clones(host, name, dir, true)
	}
	p.deletes(host, name, dir)
}

// toldNoPassword wants no statement that gives a role a password, or a verifier of
// one, among those that the database keeps for whoever may look at its load.
func (p *person) toldNoPassword(e core.Engine) {
	p.t.Helper()
	out, err := supabase.PSQL(p.t.Context(), e, "postgres", "select left(query, 60) from extensions.pg_stat_statements where query ~* 'password\\s+''|SCRAM-SHA-256';\n")
	if err != nil || out != "" {
		p.t.Errorf("the statistics tell passwords: %v\n%s", err, out)
	}
}

// notesTable is what an app would make: everybody sees their own rows.
const notesTable = `
set role postgres;
create table public.notes (id bigint generated always as identity primary key, owner uuid not null default auth.uid(), text text not null);
alter table public.notes enable row level security;
create policy own on public.notes for all to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
grant select, insert on public.notes to anon, authenticated;
notify pgrst, 'reload schema';
`

// useAsClient signs a user up and in with supabase-js, writes a row and reads it,
// and wants that nobody else sees it.
func (p *person) useAsClient(dir string) {
	p.t.Helper()
	order, err := json.Marshal(map[string]string{"url": p.setting(filepath.Join(dir, ".env"), "SUPABASE_PUBLIC_URL"), "anon": p.setting(filepath.Join(dir, ".env"), "ANON_KEY"), "table": "notes"})
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(p.dir, "lab"), "client")
	cmd.Stdin = bytes.NewReader(order)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("the client: %v\n%s", err, complaint.String())
	}
	if got, want := strings.TrimSpace(out.String()), `{"same":true,"rows":1,"text":true,"owner":true,"stranger":0}`; got != want {
		p.t.Errorf("the client saw %s, want %s", got, want)
	}
}

func (p *person) stopsAndStarts(name string) {
	p.t.Helper()
	p.basewright(0, "instance", "stop", name, "--yes")
	if out := p.basewright(0, "instance", "show", name); strings.Count(out, "exited") != 11 || strings.Contains(out, "running") {
		p.t.Errorf("after the stop:\n%s", out)
	}
	p.basewright(1, "instance", "stop", name, "--yes") // there is nothing to stop
	p.basewright(0, "instance", "start", name, "--yes")
	if d := p.diagnosis(0, name); d.Status != core.Healthy {
		p.t.Errorf("after the start it is %s: %q", d.Status, d.RootCauses)
	}
}

// rotates makes secrets anew: what was good before is refused, what is in .env now
// works for a real client.
func (p *person) rotates(name, dir string) {
	p.t.Helper()
	what := []string{"jwt-secret"}
	if os.Getenv("BASEWRIGHT_TEST_ALL") == "1" {
		what = append(what, "api-keys", "database-passwords", "dashboard-password")
	}
	for _, r := range what {
		before := map[string]string{}
		for _, key := range []string{"JWT_SECRET", "ANON_KEY", "POSTGRES_PASSWORD", "DASHBOARD_PASSWORD"} {
			before[key] = p.setting(filepath.Join(dir, ".env"), key)
		}
		out := p.basewright(0, "rotate", name, r, "--yes")
		if !strings.Contains(out, "committed") || !strings.Contains(out, "note text=") {
			p.t.Errorf("rotate %s says no client that must change:\n%s", r, out)
		}
		key := map[string]string{"jwt-secret": "JWT_SECRET", "api-keys": "ANON_KEY", "database-passwords": "POSTGRES_PASSWORD", "dashboard-password": "DASHBOARD_PASSWORD"}[r]
		if p.setting(filepath.Join(dir, ".env"), key) == before[key] {
			p.t.Errorf("rotate %s left %s as it was", r, key)
		}
		if d := p.diagnosis(0, name); d.Status != core.Healthy {
			p.t.Errorf("after rotate %s it is %s: %q", r, d.Status, d.RootCauses)
		}
		p.useAsClient(dir)
	}
}

// deletes takes the instance off the engine. Its rows outlast that.
func (p *person) deletes(host *docker.Host, name, dir string) {
	p.t.Helper()
	before := len(p.rowsOf(host, name, dir))
	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=action-12-remove.do.after:kill"}, "instance", "delete", name, "--yes")
	p.said.WriteString(out)
	if code != -1 {
		p.t.Fatalf("it was not killed: exit code %d\n%s", code, out)
	}
	p.basewright(0, "change", "recover")
	if got := len(p.rowsOf(host, name, dir)); got != before || !strings.Contains(p.basewright(0, "instance", "list"), name) {
		p.t.Fatalf("a killed deletion lost something: %d rows, want %d", got, before)
	}

	out = p.basewright(0, "instance", "delete", name, "--yes", "--quarantine-data")
	change := regexp.MustCompile(`Receipt (\w+)  committed`).FindStringSubmatch(out)
	if change == nil {
		p.t.Fatalf("no receipt:\n%s", out)
	}
	s, err := host.Survey(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if left := s.Projects[name]; strings.Contains(left, "container") || strings.Contains(left, "network") {
		p.t.Errorf("%s is left", left)
	}
	if strings.Contains(p.basewright(0, "instance", "list"), name) || strings.Count(p.basewright(0, "quarantine", "list", name), change[1]) != 3 {
		p.t.Error("it is still kept, or its data is not in quarantine")
	}
	p.basewright(0, "change", "undo", change[1])
	if got := len(p.rowsOf(host, name, dir)); got != before {
		p.t.Errorf("after the deletion was undone there are %d rows, want %d", got, before)
	}
	p.basewright(0, "instance", "delete", name, "--yes")
	if _, err := os.Stat(filepath.Join(dir, "volumes/db/data/PG_VERSION")); err != nil {
		p.t.Errorf("the data is gone: %v", err)
	}
}

// clones makes a clone, in which a client signs up by its own keys and not by the
// other's, and with which the rows come along, or not.
func (p *person) clones(host *docker.Host, name, dir string, schemaOnly bool) {
	p.t.Helper()
	clone, to := name+"-twin", filepath.Dir(dir)
	order := []string{"instance", "clone", name, clone, "--yes", "--root", to, "--images", imagePrefix()}
	want := len(p.rowsOf(host, name, dir))
	if schemaOnly {
		order, want = append(order, "--schema-only"), 0
	}
	erase(p.t, host, clone) // of a killed run; mostly there is none
	defer func() {
		erase(p.t, host, clone)
		p.basewright(0, "instance", "forget", clone)
		if err := os.RemoveAll(filepath.Join(to, clone)); err != nil {
			p.t.Error(err)
		}
	}()
	p.basewright(0, order...)
	if got := len(p.rowsOf(host, clone, filepath.Join(to, clone))); got != want {
		p.t.Errorf("the clone has %d rows, want %d", got, want)
	}
	for _, key := range []string{"JWT_SECRET", "POSTGRES_PASSWORD", "ANON_KEY", "VAULT_ENC_KEY"} {
		if p.setting(filepath.Join(dir, ".env"), key) == p.setting(filepath.Join(to, clone, ".env"), key) {
			p.t.Errorf("%s is the same in both", key)
		}
	}
	p.useAsClient(filepath.Join(to, clone))
	if d := p.diagnosis(0, clone); d.Status != core.Healthy {
		p.t.Errorf("the clone is %s: %+v", d.Status, d.Findings)
	}
	p.noSecrets(p.madeSecrets(filepath.Join(to, clone)))
}

// rowsOf reads what clients wrote.
func (p *person) rowsOf(host *docker.Host, name, dir string) []string {
	p.t.Helper()
	e := host.Open(core.Instance{ID: name, Project: name, Dir: dir, Files: []string{filepath.Join(dir, "docker-compose.yml")}})
	out, err := supabase.PSQL(p.t.Context(), e, "postgres", "select text from public.notes order by id;\n")
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.Fields(out)
}

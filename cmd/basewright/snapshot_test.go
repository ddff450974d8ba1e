package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// sql runs statements as superuser in the database of a stack.
func (w *world) sql(t *testing.T, stack, statements string) string {
	t.Helper()
	return w.inDB(t, stack, statements, "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "postgres")
}

func (w *world) inDB(t *testing.T, stack, stdin string, args ...string) string {
	t.Helper()
	host, err := docker.Connect(context.Background(), "") // also while a test cleans up
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	out, err := host.Open(core.Instance{ID: stack, Project: stack}).Exec(context.Background(), core.DB, core.Command{Args: args, Stdin: []byte(stdin)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var dumpFrame = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// data is all that a restore must bring back or leave alone, as text: the dump of
// what users own, every role, the very databases, and the storage folder.
func (w *world) data(t *testing.T, stack string) string {
	t.Helper()
	var b strings.Builder
	for _, dump := range [][]string{
		{"pg_dump", "-h", "127.0.0.1", "-U", "supabase_admin", "-n", "public", "-n", "auth", "postgres"},
		{"pg_dumpall", "-h", "127.0.0.1", "-U", "supabase_admin", "--roles-only"},
	} {
		text := dumpFrame.ReplaceAllString(w.inDB(t, stack, "", dump...), "")
		fmt.Fprintf(&b, "%s %x\n", dump[0], sha256.Sum256([]byte(text)))
	}
	b.WriteString(w.files(t, stack))
	return b.String()
}

// identity is which databases and folders there are, beside what is in them.
func (w *world) identity(t *testing.T, stack string) string {
	t.Helper()
	return w.sql(t, stack, "select datname, oid, datallowconn from pg_database order by 1;") + w.files(t, stack)
}

func (w *world) files(t *testing.T, stack string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(w.folder(stack), "volumes", "storage"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		fmt.Fprintf(&b, "%s %q\n", filepath.Base(name), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const seed = `drop table if exists public.orders;
create table public.orders (id int primary key, what text, created_at timestamptz default '2026-11-20');
insert into public.orders select i, 'order ' || i from generate_series(1, 2000) i;
do $$ begin create role shopkeeper login password 'once'; exception when duplicate_object then null; end $$;
alter role shopkeeper with login; alter role shopkeeper set work_mem = '8MB';
`

// spoil is what befalls an instance after its snapshot.
const spoil = `delete from public.orders where id > 10; alter table public.orders drop column what;
alter role shopkeeper with nologin; alter role shopkeeper reset all;
`

func (w *world) seed(t *testing.T, stack string) {
	t.Helper()
	w.sql(t, stack, seed)
	w.store(t, stack, "one")
	t.Cleanup(func() {
		w.sql(t, stack, "drop table if exists public.orders; drop role if exists shopkeeper;")
		for _, name := range strings.Fields(w.sql(t, stack, "select datname from pg_database where starts_with(datname, 'basewright_');")) {
			w.sql(t, stack, fmt.Sprintf("drop database %q;", name))
		}
		os.Remove(filepath.Join(w.folder(stack), "volumes", "storage", "object"))
	})
}

// store writes an object of the storage service.
func (w *world) store(t *testing.T, stack, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder(stack), "volumes", "storage", "object"), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// snapshot takes a snapshot and returns its ID.
func (p *person) snapshot(stack, scope string, more ...string) string {
	p.t.Helper()
	var s core.Snapshot
	out := p.basewright(0, append([]string{"snapshot", "create", stack, "--scope", scope, "--output", "json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.ID == "" {
		p.t.Fatalf("%v: %s", err, out)
	}
	return s.ID
}

// slowSet leaves a test to make test-all.
func slowSet(t *testing.T) {
	t.Helper()
	if os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
		t.Skip("slow; make test-all runs it")
	}
}

// TestSnapshotJourney takes a snapshot, proves it by a drill, lets the data be
// spoilt, and brings it back.
func TestSnapshotJourney(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	before := w.data(t, stack)
	id := p.snapshot(stack, "full")

	if out := p.basewright(0, "snapshot", "verify", id, "--drill"); !strings.Contains(out, "is proven") || !strings.Contains(out, "public.orders: 2000 rows") {
		t.Errorf("the drill says:\n%s", out)
	}
	if out := p.basewright(0, "snapshot", "list", stack); !strings.Contains(out, "proven") || !strings.Contains(out, "RTO") {
		t.Errorf("the list says:\n%s", out)
	}
	w.sql(t, stack, spoil)
	w.store(t, stack, "two")
	if now := w.data(t, stack); now == before {
		t.Fatal("nothing was spoilt")
	}
	if out := p.basewright(0, "snapshot", "restore", id, "--yes"); !strings.Contains(out, "committed") || !strings.Contains(out, "Put aside") {
		t.Errorf("the restore says:\n%s", out)
	}
	if d := difference(before, w.data(t, stack)); d != "" {
		t.Errorf("what came back is not what was: %s", d)
	}
	p.purgesWhatWasPutAside(w, stack)
	if out := p.basewright(1, "change", "undo", lastChange(p.basewright(0, "change", "list", stack))); !strings.Contains(out, "replaced data") {
		t.Errorf("undo says:\n%s", out)
	}
	into := filepath.Join(t.TempDir(), "copy")
	p.basewright(0, "snapshot", "restore", id, "--into", into)
	for _, name := range []string{".env", "docker-compose.yml", "database/roles.sql", "database/postgres.dump", "volumes/storage/object"} {
		if _, err := os.Stat(filepath.Join(into, name)); err != nil {
			t.Error(err)
		}
	}
	p.basewright(0, "audit", "verify")
	if out := p.basewright(0, "snapshot", "delete", id); !strings.Contains(out, "quarantine") {
		t.Errorf("delete says:\n%s", out)
	}
	p.noSecrets(w.secrets(t, stack))
}

// purgesWhatWasPutAside finds in the list of the quarantine all that a restore put
// aside, and deletes it as a person does.
func (p *person) purgesWhatWasPutAside(w *world, stack string) {
	p.t.Helper()
	var out struct{ Quarantine []core.Aside }
	if err := json.Unmarshal([]byte(p.basewright(0, "quarantine", "list", stack, "--output", "json")), &out); err != nil {
		p.t.Fatal(err)
	}
	kinds := map[core.AsideKind]int{}
	for _, a := range out.Quarantine {
		kinds[a.Kind]++
		if a.Until.IsZero() || a.Kind == core.AsideDatabase && a.Size == 0 {
			p.t.Errorf("%+v", a)
		}
		p.basewright(1, "quarantine", "restore", a.ID)
		p.basewright(0, "quarantine", "purge", a.ID, "--confirm", a.ID)
		if _, err := os.Stat(a.In()); a.Kind != core.AsideDatabase && err == nil {
			p.t.Errorf("%s is left", a.In())
		}
		if left := w.sql(p.t, stack, "select datname from pg_database where datname = '"+a.Place+"';"); strings.TrimSpace(left) != "" {
			p.t.Errorf("the database %s is left", left)
		}
	}
	if kinds[core.AsideDatabase] == 0 || kinds[core.AsideFolder] == 0 {
		p.t.Errorf("the list has %v", kinds)
	}
}

// TestRestoreThatMakesItWorse restores a database whose gateway role cannot log
// in: it is taken back, and everything is the very same as before.
func TestRestoreThatMakesItWorse(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	w.sql(t, stack, "alter role authenticator with nologin;")
	bad := p.snapshot(stack, "full")
	w.sql(t, stack, "alter role authenticator with login; delete from public.orders where id = 1;")
	w.store(t, stack, "two")
	p.lab("mend", stack)
	data, identity, state := w.data(t, stack), w.identity(t, stack), w.state(t, stack)
	if out := p.basewright(1, "snapshot", "restore", bad, "--only", "database", "--only", "volumes", "--yes"); !strings.Contains(out, "rolled_back") {
		t.Errorf("the restore says:\n%s", out)
	}
	for what, d := range map[string]string{
		"data": difference(data, w.data(t, stack)), "identity": difference(identity, w.identity(t, stack)), "state": difference(state, w.state(t, stack)),
	} {
		if d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
}

// steps lists the failpoints that a command line passes, in order.
func (p *person) steps(prefix string, args ...string) []string {
	p.t.Helper()
	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=list"}, args...)
	if code != 0 {
		p.t.Fatalf("%v does not work when nobody kills it:\n%s", args, out)
	}
	var points []string
	for _, m := range regexp.MustCompile(`(?m)failpoint (`+prefix+`\S+)$`).FindAllStringSubmatch(out, -1) {
		if !slices.Contains(points, m[1]) {
			points = append(points, m[1])
		}
	}
	return points
}

// kill runs a command line that is killed at a point.
func (p *person) kill(point string, args ...string) {
	p.t.Helper()
	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=" + point + ":kill"}, args...)
	p.said.WriteString(out)
	if code != -1 {
		p.t.Fatalf("%s: the agent was not killed, exit code %d:\n%s", point, code, out)
	}
}

// TestKilledRestore kills the agent at every step of a restore of databases and
// volumes. The next start puts back the very databases and folders that were
// there, byte for byte.
func TestKilledRestore(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	id := p.snapshot(stack, "full")
	w.sql(t, stack, "delete from public.orders where id > 100;")
	w.store(t, stack, "two")
	restore := []string{"snapshot", "restore", id, "--only", "database", "--only", "volumes", "--yes"}
	points := p.steps("restore\\.", restore...)
	if len(points) < 14 {
		t.Fatalf("only %d steps: %q", len(points), points)
	}
	w.sql(t, stack, "delete from public.orders where id > 100;")
	w.store(t, stack, "two")
	data, identity, state := w.data(t, stack), w.identity(t, stack), w.state(t, stack)
	for _, point := range points {
		p.kill(point, restore...)
		p.basewright(0, "change", "recover")
		if list := p.basewright(0, "change", "list", stack); !strings.Contains(strings.Split(list, "\n")[1], "rolled_back") {
			t.Fatalf("%s: the change ended so:\n%s", point, list)
		}
		for what, d := range map[string]string{
			"data": difference(data, w.data(t, stack)), "identity": difference(identity, w.identity(t, stack)), "state": difference(state, w.state(t, stack)),
		} {
			if d != "" {
				t.Fatalf("killed at %s: %s: %s", point, what, d)
			}
		}
	}
}

// TestKilledTakeAndDrill kills the agent while it takes and tries snapshots: the
// next one works, nothing half is left, and none is lost that had its name.
func TestKilledTakeAndDrill(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	create := []string{"snapshot", "create", stack, "--scope", "full"}
	points := p.steps("snapshot\\.", create...)
	if len(points) < 10 {
		t.Fatalf("only %d steps: %q", len(points), points)
	}
	for _, point := range points {
		p.kill(point, create...)
	}
	id := p.snapshot(stack, "full")
	left, err := filepath.Glob(filepath.Join(p.data, "snapshots", stack, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	kept := 0
	for _, point := range points {
		if point == "snapshot.renamed" || point == "snapshot.save" {
			kept++
		}
	}
	out := p.basewright(0, "snapshot", "list", stack)
	if got := strings.Count(out, " full "); kept != 2 || got != 2+kept {
		t.Errorf("%d snapshots are listed, want %d:\n%s", got, 2+kept, out)
	}
	p.kill("drill.started", "snapshot", "verify", id, "--drill")
	p.basewright(0, "snapshot", "verify", id, "--drill")
	if out := w.throwaways(t, p); out > 0 {
		t.Errorf("%d throwaway databases are left", out)
	}
}

// throwaways counts the throwaway databases of a person.
func (w *world) throwaways(t *testing.T, p *person) int {
	t.Helper()
	owner, err := os.ReadFile(filepath.Join(p.data, "snapshots", ".drills", "owner"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	return countLabelled(t, host, "io.basewright.throwaway", string(owner))
}

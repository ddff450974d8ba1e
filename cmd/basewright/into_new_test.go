package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// twin is a new instance that a test makes from a snapshot.
type twin struct {
	*person
	host       *docker.Host
	name, root string
	order      []string // how it is made, but for --yes
}

// twinOf orders an instance from a snapshot of a stack.
func (p *person) twinOf(stack, snapshot string) *twin {
	p.t.Helper()
	name := stack + "-new"
	n := &twin{person: p, host: engineErasing(p.t, name), name: name, root: filepath.Join(p.t.TempDir(), "instances")}
	n.order = []string{"snapshot", "restore", snapshot, "--into-new", n.name, "--root", n.root, "--images", imagePrefix()}
	return n
}

func (n *twin) sql(w *world, statements string) string {
	n.t.Helper()
	return w.inDB(n.t, n.name, statements, "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "postgres")
}

// orderly takes the findings away that the seed brings along.
const orderly = "alter table public.orders owner to postgres; alter table public.orders enable row level security;"

// TestRestoreIntoNew makes a new instance from a snapshot of one that lost its data
// since: refused with nothing done, planned, and then for good. It has the data,
// secrets of its own, and is used by a client; the other is not touched.
func TestRestoreIntoNew(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	w.sql(t, stack, orderly+notesTable)
	t.Cleanup(func() { w.sql(t, stack, "drop table if exists public.notes;") })
	files, full := p.snapshot(stack, "config"), p.snapshot(stack, "full")
	w.sql(t, stack, spoil)
	w.store(t, stack, "two")
	data, identity, state := w.data(t, stack), w.identity(t, stack), w.state(t, stack)

	n := p.twinOf(stack, full)
	for says, args := range map[string][]string{
		"holds no database postgres, so no instance can be made of it": {"snapshot", "restore", files, "--into-new", n.name, "--yes"},
		"is of PostgreSQL 15":      append(n.order, "--postgres", "17", "--yes"),
		"there is no snapshot":     {"snapshot", "restore", "NONE", "--into-new", n.name, "--yes"},
		"leave --into, --only and": append(n.order, "--only", "database", "--yes"),
		"goes with --into-new":     {"snapshot", "restore", full, "--port", "9000", "--yes"},
	} {
		out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, args...)
		if code == 0 || !strings.Contains(out, says) {
			t.Errorf("%q: exit code %d:\n%s", args, code, out)
		}
	}
	if out := p.basewright(0, append(n.order, "--plan")...); !strings.Contains(out, "from snapshot "+full) {
		t.Errorf("the plan says:\n%s", out)
	}
	p.nothingOf(n.host, n.name, n.root)

	if out := p.basewright(0, append(n.order, "--yes")...); !strings.Contains(out, n.name+" is running") {
		t.Errorf("it does not say that it runs:\n%s", out)
	}
	n.hasTheDataAndItsOwnSecrets(w, stack)
	n.noSecrets(n.madeSecrets(filepath.Join(n.root, n.name)))
	for what, d := range map[string]string{
		"data": difference(data, w.data(t, stack)), "identity": difference(identity, w.identity(t, stack)), "state": difference(state, w.state(t, stack)),
	} {
		if d != "" {
			t.Errorf("the instance of the snapshot is not what it was: %s: %s", what, d)
		}
	}
	p.basewright(0, "audit", "verify")
}

// hasTheDataAndItsOwnSecrets looks at the new instance as its users do.
func (n *twin) hasTheDataAndItsOwnSecrets(w *world, stack string) {
	t, dir := n.t, filepath.Join(n.root, n.name)
	t.Helper()
	if got := n.sql(w, "select count(*), max(what) from public.orders;"); strings.TrimSpace(got) != "2000|order 999" {
		t.Errorf("the rows are %q", got)
	}
	if got := n.sql(w, "select rolcanlogin, rolconfig from pg_roles where rolname = 'shopkeeper';"); !strings.Contains(got, "t|{work_mem=8MB}") {
		t.Errorf("the role is %q", got)
	}
	if got := n.sql(w, "select rolpassword is null from pg_authid where rolname = 'shopkeeper';"); strings.TrimSpace(got) != "t" {
		t.Errorf("a password of the other instance came along: %q", got)
	}
	object, err := os.ReadFile(filepath.Join(dir, "volumes", "storage", "object"))
	if err != nil || string(object) != "one" {
		t.Errorf("the object of storage is %q, %v", object, err)
	}
	for _, key := range []string{"JWT_SECRET", "POSTGRES_PASSWORD", "ANON_KEY", "SERVICE_ROLE_KEY"} {
		if theirs := n.setting(filepath.Join(w.folder(stack), ".env"), key); theirs == n.setting(filepath.Join(dir, ".env"), key) {
			t.Errorf("%s is the same in both", key)
		}
	}
	if d := n.diagnosis(0, n.name); d.Status != core.Healthy {
		t.Errorf("it is %s: %+v", d.Status, d.Findings)
	}
	n.useAsClient(dir)
	if left, _ := filepath.Glob(filepath.Join(dir, "volumes", "*.basewright-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestKilledRestoreIntoNew kills the agent at every step that gives a new instance
// its data. The next start leaves nothing of it, and the snapshot can be restored.
func TestKilledRestoreIntoNew(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	w.sql(t, stack, orderly)
	n := p.twinOf(stack, p.snapshot(stack, "full"))
	for _, point := range []string{
		"approve.after", "action-1-make_folder.do.after", "action-2-up.do.after", "action-4-transplant.intent.after",
		"transplant.stop", "transplant.roles", "transplant.aside", "transplant.database", "transplant.identity", "transplant.files", "transplant.start",
		"action-4-transplant.do.after", "action-6-register.do.after", "verify.do.after", "end.before",
	} {
		p.kill(point, append(n.order, "--yes")...)
		p.basewright(0, "change", "recover")
		if list := p.basewright(0, "change", "list", n.name); !strings.Contains(strings.Split(list, "\n")[1], "rolled_back") {
			t.Fatalf("%s: the change ended so:\n%s", point, list)
		}
		p.nothingOf(n.host, n.name, n.root)
	}
	p.basewright(0, append(n.order, "--yes")...)
	if d := p.diagnosis(0, n.name); d.Status != core.Healthy {
		t.Errorf("it is %s: %+v", d.Status, d.Findings)
	}
}

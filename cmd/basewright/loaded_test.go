package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// dangerous writes a playbook of high risk that runs statements, and returns its
// file.
func dangerous(t *testing.T, statements ...string) string {
	t.Helper()
	var actions strings.Builder
	for _, s := range statements {
		fmt.Fprintf(&actions, "{ op = \"sql\", statement = [[%s]] }, ", s)
	}
	file := filepath.Join(t.TempDir(), "dangerous.lua")
	text := fmt.Sprintf(`return { title = "Change data", fixes = {}, risk = "high", needs = { "sql" }, plan = function(t) return { %s } end }`, actions.String())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const (
	loses = "delete from public.orders"
	fails = "do $$ begin delete from public.orders; raise exception 'on purpose'; end $$"
	dies  = "do $$ begin delete from public.orders; perform pg_terminate_backend(pg_backend_pid()); end $$"
)

// TestDataIsLoadedWhenItMustBe has SQL fail on a real PostgreSQL. What it undid
// itself is left as it is, with all that was written since the snapshot; anything
// else is loaded, once, wherever the agent is killed, and the list of the quarantine
// names the database that was put aside.
func TestDataIsLoadedWhenItMustBe(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	w.mark(t, stack)
	// Not the whole dump: pg_dump does not keep who owns what belongs to extensions.
	now := func() string {
		return w.state(t, stack) + w.inspected(t, stack) + entries(t, w.folder(stack)) + w.data(t, stack)
	}
	before, whole, identity := now(), w.whole(t, stack), w.identity(t, stack)
	same := func(what string) {
		t.Helper()
		if d := difference(before, now()); d != "" {
			t.Fatalf("%s: the rollback did not bring back what was: %s", what, d)
		}
	}

	out := p.basewright(1, "repair", stack, dangerous(t, fails), "--yes")
	if !strings.Contains(out, "rolled_back") || !strings.Contains(out, "nothing was committed") || !strings.Contains(out, "on purpose") {
		t.Errorf("SQL that PostgreSQL undid:\n%s", out)
	}
	same("SQL that PostgreSQL undid")
	if d := difference(identity, w.identity(t, stack)) + difference(whole, w.whole(t, stack)); d != "" {
		t.Errorf("databases were replaced although nothing was committed: %s", d)
	}

	if out := p.basewright(1, "repair", stack, dangerous(t, dies), "--yes"); !strings.Contains(out, "rolled_back") || strings.Contains(out, "nothing was committed") {
		t.Errorf("SQL whose connection was lost:\n%s", out)
	}
	same("SQL whose connection was lost")
	w.mustPurgeOneLoad(p, stack)

	for _, point := range []string{"load.after", "loaded.after", "restore.settle", "settle.after", "rollback.outcome.after"} {
		p.kill(point, "repair", stack, dangerous(t, loses, fails), "--yes")
		p.recovered(stack)
		same("killed at " + point)
		w.mustPurgeOneLoad(p, stack)
	}
	for _, removed := range []bool{false, true} {
		p.mustTakeHalfALoadBackAlone(w, stack, removed)
		same("killed in the middle of loading")
		w.mustPurgeOneLoad(p, stack)
	}
	p.mustTakeBackABadLoad(w, stack)
	p.basewright(0, "audit", "verify")
}

// mustTakeBackABadLoad damages the snapshot of data before it is loaded: the very
// database that was there stays, its services run, and a person is told.
func (p *person) mustTakeBackABadLoad(w *world, stack string) {
	p.t.Helper()
	identity, boxes := w.identity(p.t, stack), w.inspected(p.t, stack)
	p.kill("load.before", "repair", stack, dangerous(p.t, loses, fails), "--yes")
	dumps, err := filepath.Glob(filepath.Join(p.data, "snapshots", stack, "*", "database-*.dump.zst"))
	if err != nil || len(dumps) == 0 {
		p.t.Fatalf("there is no dump to damage: %v", err)
	}
	for _, name := range dumps {
		info, err := os.Stat(name)
		if err == nil {
			err = os.Truncate(name, info.Size()/2)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	if out := p.basewright(1, "change", "recover"); !strings.Contains(out, "A person is needed") || !strings.Contains(out, "basewright snapshot restore ") {
		p.t.Errorf("a snapshot that cannot be loaded:\n%s", out)
	}
	if d := difference(identity, w.identity(p.t, stack)) + difference(boxes, w.inspected(p.t, stack)); d != "" {
		p.t.Errorf("a load that failed was not taken back: %s", d)
	}
}

// extras are the databases that are not the stack's own.
func (w *world) extras(t *testing.T, stack string) string {
	t.Helper()
	return strings.TrimSpace(w.sql(t, stack, "select datname from pg_database where starts_with(datname, 'basewright_') order by 1;"))
}

// mustPurgeOneLoad wants a database of each name to be aside, and each of them in the
// list of the quarantine; it purges them.
func (w *world) mustPurgeOneLoad(p *person, stack string) {
	p.t.Helper()
	var out struct{ Quarantine []core.Aside }
	if err := json.Unmarshal([]byte(p.basewright(0, "quarantine", "list", stack, "--output", "json")), &out); err != nil {
		p.t.Fatal(err)
	}
	var places, origins []string
	for _, a := range out.Quarantine {
		if a.Kind == core.AsideDatabase {
			places, origins = append(places, a.Place), append(origins, a.Origin)
			p.basewright(0, "quarantine", "purge", a.ID, "--confirm", a.ID)
			continue
		}
		p.t.Errorf("the list has %+v", a)
	}
	slices.Sort(origins)
	if len(places) == 0 || len(slices.Compact(origins)) != len(places) {
		p.t.Errorf("aside are %q", places)
	}
	if left := w.extras(p.t, stack); left != "" {
		p.t.Errorf("aside, and not in the list: %s", left)
	}
}

package apply

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

func shelving() core.Action {
	return core.Action{Op: core.OpQuarantine, Args: map[string]any{"path": "volumes/api"}, Why: "it is a folder where a file belongs"}
}

// TestQuarantineBothWays: what is set aside is listed and comes back with a
// rollback, with an undo, and by a person's hand.
func TestQuarantineBothWays(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	failsAfter(w)
	c, err := w.apply(t.Context(), w.plan(shelving()))
	if err == nil || c.State != core.RolledBack {
		t.Fatalf("%+v, %v", c, err)
	}
	w.mustBe(t, before)
	if list, err := w.st.Quarantine(t.Context(), "shop"); err != nil || len(list) != 0 {
		t.Errorf("after the rollback: %+v, %v", list, err)
	}

	cured(w)
	if c, err = w.apply(t.Context(), w.plan(shelving())); err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, ok := w.state().Files["volumes/api/kong.yml"]; ok {
		t.Error("it is still there")
	}
	list, err := w.st.Quarantine(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].ID != c.ID+"-1" || list[0].Size != 11 || list[0].From() != "/nowhere/shop/volumes/api" || !list[0].Until.After(list[0].At) {
		t.Fatalf("%+v, %v", list, err)
	}
	undo, err := w.a.Undo(t.Context(), c.ID, "cli:ana")
	if err != nil || undo.State != core.Committed {
		t.Fatalf("%+v, %v", undo, err)
	}
	w.mustBe(t, before)
}

// TestAnUndoneUndoSetsAsideAgain: the state between two changes is brought back,
// the quarantine with it.
func TestAnUndoneUndoSetsAsideAgain(t *testing.T) {
	w := newWorld(t)
	cured(w)
	c, err := w.apply(t.Context(), w.plan(shelving()))
	if err != nil {
		t.Fatal(err)
	}
	between := w.state()
	w.a.Diagnose = func(context.Context, core.Engine, core.Instance) (*core.Diagnosis, error) {
		if _, back := w.state().Files["volumes/api/kong.yml"]; back {
			return nil, core.Errorf(core.Unreachable, "nothing can be seen")
		}
		return &core.Diagnosis{Status: core.Healthy}, nil
	}
	undo, err := w.a.Undo(t.Context(), c.ID, "cli:ana")
	if err == nil || undo.State != core.RolledBack {
		t.Fatalf("%+v, %v", undo, err)
	}
	w.mustBe(t, between)
	if list, err := w.st.Quarantine(t.Context(), "shop"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAPersonRestoresAndPurges(t *testing.T) {
	find := func(string) (core.Instance, error) { return shop, nil }
	w := newWorld(t)
	cured(w)
	before := w.state()
	c, err := w.apply(t.Context(), w.plan(shelving()))
	if err != nil {
		t.Fatal(err)
	}
	after := w.state()
	observed := func(string) (core.Instance, error) {
		i := shop
		i.Mode = core.Observe
		return i, nil
	}
	if _, err := w.a.RestoreAside(t.Context(), c.ID+"-1", observed, "cli:ana"); core.CodeOf(err) != core.Forbidden {
		t.Errorf("put back where nothing may be written: %v", err)
	}
	w.mustBe(t, after)
	if a, err := w.a.RestoreAside(t.Context(), c.ID+"-1", find, "cli:ana"); err != nil || a.State != core.Restored {
		t.Fatalf("%+v, %v", a, err)
	}
	w.mustBe(t, before)
	if _, err := w.a.PurgeAside(t.Context(), c.ID+"-1", find, "cli:ana"); core.CodeOf(err) != core.Conflict {
		t.Errorf("what is back was purged: %v", err)
	}
	if _, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "is restored") {
		t.Errorf("an undo after it: %v", err)
	}
	if c, err = w.apply(t.Context(), w.plan(shelving())); err != nil {
		t.Fatal(err)
	}
	w.a.Journal = noAudit{w.st}
	if _, err := w.a.PurgeAside(t.Context(), c.ID+"-1", find, "cli:ana"); err == nil || len(w.e.Aside) != 1 {
		t.Fatalf("purged without an audit entry: %v", err)
	}
	w.a.Journal = w.st
	if a, err := w.a.PurgeAside(t.Context(), c.ID+"-1", find, "cli:ana"); err != nil || a.State != core.Purged || len(w.e.Aside) != 0 {
		t.Errorf("%+v, %v, %d left", a, err, len(w.e.Aside))
	}
	audit, err := w.st.Audit(t.Context(), 2)
	if err != nil || audit[0].Action != "quarantine.purge" || audit[0].Outcome != "ok" || audit[1].Outcome != "intent" {
		t.Errorf("%+v, %v", audit, err)
	}
	if _, err := w.a.PurgeAside(t.Context(), "nonsense", find, "cli:ana"); core.CodeOf(err) != core.NotFound {
		t.Errorf("nonsense: %v", err)
	}
}

func (j noAudit) SaveAside(ctx context.Context, a core.Aside, entries ...core.AuditEntry) error {
	if len(entries) > 0 {
		return errFull
	}
	return j.port.SaveAside(ctx, a)
}

func TestDataIsMovedOnlyBehindItsSnapshot(t *testing.T) {
	w := newWorld(t)
	v := &vault{w: w}
	w.a.Data = v
	w.e.Edit(func(e *coretest.Engine) {
		e.Files["pg/PG_VERSION"] = core.File{Data: []byte("17"), Mode: 0o600}
		e.Containers[0].Mounts = []core.Mount{{Type: "bind", Source: "/nowhere/shop/pg", Target: "/var/lib/postgresql/data"}}
	})
	for name, args := range map[string]map[string]any{
		"by its name": {"path": "volumes/storage/x"}, "by what mounts it": {"path": "pg"}, "by what holds it": {"path": "volumes/db/data"},
	} {
		for _, scope := range []core.Scope{core.ConfigScope, core.DatabaseScope} {
			p := w.plan(core.Action{Op: core.OpQuarantine, Args: args})
			p.Risk, p.Scope = core.HighRisk, scope
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			if c, err := w.apply(t.Context(), p); c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "data") {
				t.Errorf("%s, %s: %+v, %v", name, scope, c, err)
			}
		}
	}
	cured(w)
	p := w.plan(core.Action{Op: core.OpQuarantine, Args: map[string]any{"path": "pg"}})
	p.Risk, p.Scope = core.HighRisk, core.VolumesScope
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if c, err := w.apply(t.Context(), p); err != nil || c.State != core.Committed || len(v.calls) != 1 {
		t.Errorf("%+v, %v, %q", c, err, v.calls)
	}
}

func TestQuarantineRefuses(t *testing.T) {
	for says, a := range map[string]core.Action{
		"either path, or service and mount": {Op: core.OpQuarantine},
		"a service goes with mount":         {Op: core.OpQuarantine, Service: core.DB, Args: map[string]any{"path": "x"}},
		"is not a file inside":              {Op: core.OpQuarantine, Args: map[string]any{"path": "../x"}},
		"the service is missing":            {Op: core.OpQuarantine, Args: map[string]any{"mount": "/x"}},
		"is not a folder of a container":    {Op: core.OpQuarantine, Service: core.DB, Args: map[string]any{"mount": "/x/../y"}},
	} {
		if err := validateAction(a); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}

// TestWhatARestorePutsAsideIsListed: databases, folders and files that a restore
// took the place of are in the list until a person purges them, and no longer when
// the restore was taken back.
func TestWhatARestorePutsAsideIsListed(t *testing.T) {
	w := newWorld(t)
	v := &vault{w: w}
	w.a.Data = v
	plan := core.Plan{Instance: "shop", Playbook: core.RestorePlaybook, Title: "Restore", Risk: core.HighRisk, Scope: core.DatabaseScope}
	if err := plan.Seal(); err != nil {
		t.Fatal(err)
	}
	worse, done := true, false
	w.spoil = func(d *core.Diagnosis) {
		if d.Findings = nil; worse && done {
			d.Findings = []core.Finding{{Code: "REST-01", Severity: core.Critical}}
		}
	}
	r := Restoration{
		Ready: func(context.Context, core.Engine, *core.Observation) error { return nil },
		Read:  func() error { return nil },
		Do:    func(context.Context, core.Engine, core.Snapshot) error { done = true; return nil },
		Aside: func(_ context.Context, _ core.Engine, safety core.Snapshot) ([]core.Aside, error) {
			return []core.Aside{
				{Kind: core.AsideDatabase, Origin: "postgres", Place: "basewright_before_x_1", Size: 7, Snapshot: safety.ID},
				{Kind: core.AsideFiles, Root: "/data/snapshots/shop/S", Origin: "/srv/shop", Place: "displaced", Snapshot: "S"},
			}, nil
		},
	}
	restore := func() (*core.Change, error) {
		return w.a.Restore(t.Context(), shop, plan, r, "cli:ana", plan.Hash)
	}
	listed := func() string {
		t.Helper()
		items, err := w.st.Quarantine(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range items {
			if !a.Until.After(a.At) || a.Instance != "shop" {
				t.Errorf("%+v", a)
			}
			names = append(names, a.From()+" in "+a.In())
		}
		return strings.Join(names, ", ")
	}
	if c, err := restore(); err == nil || c.State != core.RolledBack {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := listed(); got != "/srv/shop in /data/snapshots/shop/S/displaced" {
		t.Errorf("after the rollback the list has %s", got)
	}
	if needed, err := w.st.NeededSnapshots(t.Context(), "shop"); err != nil || !needed["S"] {
		t.Errorf("the snapshot beside which something lies is not spared: %v, %v", needed, err)
	}
	worse = false
	c, err := restore()
	if err != nil {
		t.Fatal(err)
	}
	if got := listed(); !strings.Contains(got, "database postgres in database basewright_before_x_1") {
		t.Errorf("the list has %s", got)
	}
	id := w.asideOf(t, c.ID, core.AsideDatabase)
	find := func(string) (core.Instance, error) { return shop, nil }
	if _, err := w.a.RestoreAside(t.Context(), id, find, "cli:ana"); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "restore the snapshot") {
		t.Errorf("it came back by itself: %v", err)
	}
	if a, err := w.a.PurgeAside(t.Context(), id, find, "cli:ana"); err != nil || a.State != core.Purged || v.calls[len(v.calls)-1] != "discard basewright_before_x_1" {
		t.Errorf("%+v, %v, %q", a, err, v.calls)
	}
	gone := func(string) (core.Instance, error) {
		return core.Instance{}, core.Errorf(core.NotFound, "there is no instance")
	}
	if _, err := w.a.PurgeAside(t.Context(), w.asideOf(t, c.ID, core.AsideFiles), gone, "cli:ana"); err != nil {
		t.Errorf("files that outlast their instance: %v", err)
	}
}

// asideOf returns the ID of the one thing of a kind that a change set aside.
func (w *world) asideOf(t *testing.T, change string, kind core.AsideKind) string {
	t.Helper()
	items, err := w.st.AsidesOf(t.Context(), change)
	items = slices.DeleteFunc(items, func(a core.Aside) bool { return a.Kind != kind })
	if err != nil || len(items) != 1 {
		t.Fatalf("%+v, %v", items, err)
	}
	return items[0].ID
}

// TestReleaseOfWhatAPersonRestores: files that come back may be of another release,
// which the books follow.
func TestReleaseOfWhatAPersonRestores(t *testing.T) {
	find := func(string) (core.Instance, error) { return shop, nil }
	w := newWorld(t)
	cured(w)
	entry := core.AuditEntry{At: w.a.now(), Actor: "test", Action: "x", Outcome: "ok"}
	kept := shop
	kept.Origin, kept.Release = core.Created, "0.8.1"
	if err := w.st.AddInstance(t.Context(), kept, entry); err != nil {
		t.Fatal(err)
	}
	w.a.ReleaseOf = func(ctx context.Context, in core.Inspector) string {
		if _, err := in.ReadFile(ctx, "volumes/api/kong.yml"); err == nil {
			return "0.6.0"
		}
		return ""
	}
	c, err := w.apply(t.Context(), w.plan(shelving()))
	if err != nil {
		t.Fatal(err)
	}
	if i, err := w.st.Instance(t.Context(), "shop"); err != nil || i.Release != "0.8.1" {
		t.Errorf("while they are in quarantine: %+v, %v", i, err)
	}
	if a, err := w.a.RestoreAside(t.Context(), c.ID+"-1", find, "cli:ana"); err != nil || a.Release != "0.6.0" {
		t.Errorf("%+v, %v", a, err)
	}
	if i, err := w.st.Instance(t.Context(), "shop"); err != nil || i.Release != "0.6.0" {
		t.Errorf("the books say %q of files of 0.6.0, %v", i.Release, err)
	}
}

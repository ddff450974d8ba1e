package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestKilledTakeIsSweptAtOnce(t *testing.T) {
	f, e := newFolder(t), newDumps()
	dead := filepath.Join(f.Dir, "shop", tempPrefix+"dead")
	alive := filepath.Join(f.Dir, "shop", tempPrefix+"alive")
	if err := errors.Join(os.MkdirAll(dead, 0o700), os.Mkdir(alive, 0o700), os.WriteFile(filepath.Join(dead, "x"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	release, err := lock(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := e.take(t, f, Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("what a killed program left is still there")
	}
	if _, err := os.Stat(alive); err != nil {
		t.Error("what a living program writes was swept")
	}
}

func TestRetentionCountsScopesApart(t *testing.T) {
	f, e := newFolder(t), newDumps()
	old, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := e.take(t, f, Request{}); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := f.Retain("shop", 2, nil)
	if err != nil || len(gone) != 1 || gone[0] == old.ID {
		t.Errorf("removed %v, %v", gone, err)
	}
	all := []core.Snapshot{
		{ID: "new", Scope: core.FullScope, Proof: core.Proof{Level: core.Damaged}}, {ID: "good", Scope: core.FullScope, Proof: core.Proof{Level: core.Readable}},
		{ID: "older", Scope: core.FullScope, Proof: core.Proof{Level: core.Readable}}, {ID: "proven", Scope: core.FullScope, Proof: core.Proof{Level: core.Proven}},
	}
	if good := LastGood(all); !good["good"] || !good["proven"] || len(good) != 2 {
		t.Errorf("spared %v", good)
	}
}

// TestForgetLeavesWhatIsOlder: a rehearsal's clone may have the name of an
// instance that is gone, whose snapshots outlive it.
func TestForgetLeavesWhatIsOlder(t *testing.T) {
	f, e := newFolder(t), newDumps()
	old, err := e.take(t, f, Request{})
	if err != nil {
		t.Fatal(err)
	}
	begun := old.Created.Add(time.Nanosecond)
	own, err := e.take(t, f, Request{})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := f.Forget("shop", begun)
	if err != nil || len(gone) != 1 || gone[0] != own.ID {
		t.Errorf("removed %v, %v; wanted only %s", gone, err, own.ID)
	}
	if left, err := f.List("shop"); err != nil || len(left) != 1 || left[0].ID != old.ID {
		t.Errorf("left %v, %v; wanted %s", left, err, old.ID)
	}
}

func TestQuarantineKeepsEverything(t *testing.T) {
	f, e := newFolder(t), newDumps()
	s, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Quarantine(s, func(core.Aside) error { return errors.New("it cannot be listed") }); err == nil || f.Missing(s) {
		t.Fatalf("it was moved without being listed: %v", err)
	}
	var listed core.Aside
	a, err := f.Quarantine(s, func(a core.Aside) error { listed = a; return nil })
	if err != nil || !f.Missing(s) || a != listed || a.Kind != core.AsideSnapshot || a.From() != s.Path || a.Size < 1000 || !a.Until.After(a.At) {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := Verify(a.In()); err != nil {
		t.Error(err)
	}
	if err := f.Discard(t.Context(), e, a); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(a.In()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there after the purge: %v", err)
	}
}

// TestDiscardDeletesOnlyWhatIsOurs: what the list says is not trusted.
func TestDiscardDeletesOnlyWhatIsOurs(t *testing.T) {
	f, e := newFolder(t), newDumps()
	s, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"data", "data.basewright-before-x", "data.other"} {
		if err := os.MkdirAll(filepath.Join(root, name, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []core.Aside{
		{}, {Kind: "other", Root: root, Place: "data"},
		{Kind: core.AsideFolder, Root: root, Origin: "data", Place: "data"},
		{Kind: core.AsideFolder, Root: root, Origin: "data", Place: "data.other"},
		{Kind: core.AsideFolder, Root: root, Origin: "data", Place: "data.basewright-before-x/../data"},
		{Kind: core.AsideFolder, Root: ".", Origin: "data", Place: "data.basewright-before-x"},
		{Kind: core.AsideFiles, Instance: "shop", Snapshot: "../shop", Root: root, Place: displacedName},
		{Kind: core.AsideFiles, Instance: "shop", Snapshot: s.ID, Root: s.Path, Place: "."},
		{Kind: core.AsideSnapshot, Instance: "shop", Root: filepath.Dir(filepath.Dir(s.Path)), Place: "shop/" + s.ID},
		{Kind: core.AsideSnapshot, Instance: "shop", Root: filepath.Dir(filepath.Dir(s.Path)), Place: ".quarantine/shop/../../shop"},
		{Kind: core.AsideDatabase, Place: "postgres"},
	} {
		if err := f.Discard(t.Context(), e, a); core.CodeOf(err) != core.Invalid {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for _, name := range []string{root + "/data/sub", root + "/data.other/sub", root + "/data.basewright-before-x/sub", s.Path} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if err := f.Discard(t.Context(), e, core.Aside{Kind: core.AsideFolder, Root: root, Origin: "data", Place: "data.basewright-before-x"}); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(root + "/*"); len(left) != 2 {
		t.Errorf("left %q", left)
	}
}

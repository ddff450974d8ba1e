package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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

func TestQuarantineKeepsEverything(t *testing.T) {
	f, e := newFolder(t), newDumps()
	s, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	to, err := f.Quarantine(s)
	if err != nil || !f.Missing(s) {
		t.Fatalf("%s, %v", to, err)
	}
	if _, err := Verify(to); err != nil {
		t.Error(err)
	}
}

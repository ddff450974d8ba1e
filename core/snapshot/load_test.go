package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// uploads is an instance with one real folder of users, and a snapshot of that.
type uploads struct {
	*Folder
	e    *coretest.Engine
	inst core.Instance
	dir  string // of the volume
	snap core.Snapshot
}

func newUploads(t *testing.T) *uploads {
	t.Helper()
	inst := shop
	inst.Dir, inst.Files = t.TempDir(), nil
	u := &uploads{Folder: newFolder(t), inst: inst, dir: filepath.Join(inst.Dir, "volumes", "storage")}
	if err := os.MkdirAll(u.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	u.e = &coretest.Engine{Instance: inst, Host: core.HostFacts{Local: true}, Containers: coretest.Running(core.DB, core.Storage), Files: map[string]core.File{
		".env": {Name: ".env", Data: []byte("A=1\n"), Mode: 0o600},
	}}
	u.e.Containers[1].Mounts = []core.Mount{{Type: "bind", Source: u.dir, Target: "/var/lib/storage"}}
	u.write(t, "photo", "of before")
	obs, err := u.e.Observe(t.Context())
	if err == nil {
		u.snap, err = u.TakeScope(t.Context(), u.e, inst, obs, Request{Scope: core.VolumesScope})
	}
	if err != nil {
		t.Fatal(err)
	}
	u.write(t, "photo", "of the change")
	return u
}

func (u *uploads) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustHold checks a file of the volume, and that the services run.
func (u *uploads) mustHold(t *testing.T, name, text string) {
	t.Helper()
	if b, err := os.ReadFile(filepath.Join(u.dir, name)); err != nil || string(b) != text {
		t.Errorf("%s holds %q, want %q, %v", name, b, text, err)
	}
	for _, s := range []core.Service{core.DB, core.Storage} {
		if got := u.e.State(s); got != "running" {
			t.Errorf("%s is %s", s, got)
		}
	}
}

// TestALoadIsNotTakenBackOnceServicesRan: what users wrote since is theirs, although
// nobody wrote down that the data is loaded.
func TestALoadIsNotTakenBackOnceServicesRan(t *testing.T) {
	u := newUploads(t)
	if err := u.Load(t.Context(), u.e, u.inst, u.snap); err != nil {
		t.Fatal(err)
	}
	u.mustHold(t, "photo", "of before")
	u.write(t, "new", "written since")
	if err := u.e.Stop(t.Context(), core.Storage); err != nil {
		t.Fatal(err)
	}
	if err := u.Load(t.Context(), u.e, u.inst, u.snap); err != nil {
		t.Fatal(err)
	}
	u.mustHold(t, "new", "written since")
	if names, err := u.Aside(u.snap); err != nil || len(names) != 1 || !strings.Contains(names[0], beforeMark) {
		t.Errorf("aside are %q, %v", names, err)
	}
	var listed []core.Aside
	for range 2 {
		if err := u.Settle(t.Context(), u.e, u.snap, func(items []core.Aside) error { listed = append(listed, items...); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(listed) != 1 || listed[0].Kind != core.AsideFolder {
		t.Errorf("listed %+v", listed)
	}
	if names, err := u.Aside(u.snap); err != nil || len(names) > 0 {
		t.Errorf("after settling aside are %q, %v", names, err)
	}
	if b, err := os.ReadFile(filepath.Join(listed[0].In(), "photo")); err != nil || string(b) != "of the change" {
		t.Errorf("aside is %q, %v", b, err)
	}
}

// TestALoadWhoseServicesDoNotStart stays, for some of them may have run.
func TestALoadWhoseServicesDoNotStart(t *testing.T) {
	u := newUploads(t)
	u.e.Fail = func(op, _ string) error {
		if op == "recover" {
			return core.Errorf(core.Internal, "it does not start")
		}
		return nil
	}
	if err := u.Load(t.Context(), u.e, u.inst, u.snap); err == nil || !strings.Contains(err.Error(), "does not start") {
		t.Errorf("%v", err)
	}
	u.write(t, "new", "written since")
	u.e.Fail = nil
	if err := u.Load(t.Context(), u.e, u.inst, u.snap); err != nil {
		t.Fatal(err)
	}
	u.mustHold(t, "new", "written since")
	u.mustHold(t, "photo", "of before")
}

// TestALoadPastItsTimeIsTakenBack: what takes it back has time of its own.
func TestALoadPastItsTimeIsTakenBack(t *testing.T) {
	u := newUploads(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u.Failpoint = func(name string) {
		if name == "restore.volume-1" {
			cancel()
		}
	}
	if err := u.Load(ctx, u.e, u.inst, u.snap); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	u.mustHold(t, "photo", "of the change")
	if names, err := u.Aside(u.snap); err != nil || len(names) > 0 {
		t.Errorf("aside are %q, %v", names, err)
	}
	if begun, done, err := u.Loaded(u.snap); begun || done || err != nil {
		t.Errorf("begun %v, done %v, %v", begun, done, err)
	}
}

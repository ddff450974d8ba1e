package apply

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/store"
)

const planted = "pl4nted+s3cret/value=42"

// world is an instance whose database does not accept the password of its .env,
// with everything an Applier needs. It lives on the disk, so that it outlasts a
// process that is killed.
type world struct {
	dir    string
	mu     sync.Mutex
	roles  map[string]*string
	sql    []string
	e      *coretest.Engine
	st     *store.Store
	shots  *snapshot.Folder
	a      *Applier
	events []core.Event
	spoil  func(d *core.Diagnosis) // edits every diagnosis
	hook   func(name string)       // called around every change of the world
	half   string                  // what let services run on half of the data
}

var shop = core.Instance{ID: "shop", Project: "shop", Dir: "/nowhere/shop", Files: []string{"/nowhere/shop/docker-compose.yml"}, Mode: core.Control}

// snapshotOf is what lasts of a world.
type worldState struct {
	Files      map[string]core.File
	Containers []core.Container
	Roles      map[string]*string
	Aside      map[string]core.File
	Kept       bool // Basewright keeps the instance
}

func oldVerifier(role string) string {
	v, err := verifier("the old password", []byte("salt of "+role))
	if err != nil {
		panic(err)
	}
	return v
}

// newState is a world before any change.
func newState() worldState {
	s := worldState{Files: map[string]core.File{}, Roles: map[string]*string{"anon": nil}}
	for name, text := range map[string]string{
		".env":                 "# settings\nPOSTGRES_PASSWORD=" + planted + "\nKEEP=as it is\n",
		"docker-compose.yml":   "services: {}\n",
		"volumes/api/kong.yml": "routes: []\n",
	} {
		s.Files[name] = core.File{Name: name, Data: []byte(text), Mode: 0o640, UID: 1000, GID: 1001}
	}
	for _, r := range []string{"authenticator", "supabase_admin"} {
		v := oldVerifier(r)
		s.Roles[r] = &v
	}
	s.Containers = coretest.Running(core.DB, core.Auth, core.Gateway)
	s.Containers[1].Env = map[string]core.Secret{"GOTRUE_DB_PASSWORD": "stale-" + planted}
	s.Containers[0].Networks = []core.Endpoint{{Network: "shop_default"}}
	s.Containers[2].Mounts = []core.Mount{{Type: "bind", Source: "/nowhere/shop/volumes/api/kong.yml", Target: "/kong.yml"}}
	return s
}

// openWorld loads the world in dir, or makes it.
func openWorld(dir string) (*world, error) {
	w := &world{dir: dir, hook: func(string) {}}
	s := newState()
	if b, err := os.ReadFile(filepath.Join(dir, "world")); err == nil {
		s = worldState{}
		if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
			return nil, err
		}
		for role, v := range s.Roles {
			if *v == "" {
				s.Roles[role] = nil // gob has no nil in a map
			}
		}
	}
	w.roles = s.Roles
	w.e = &coretest.Engine{Instance: shop, Files: s.Files, Containers: s.Containers, Aside: s.Aside, Commands: w.psql, OnCall: w.changed}
	var err error
	if w.st, err = store.OpenWithin(w.database(), busy); err != nil {
		return nil, err
	}
	w.shots = &snapshot.Folder{Dir: filepath.Join(dir, "data", "snapshots"), Patience: 100 * time.Millisecond}
	w.a = &Applier{
		Open:     func(context.Context, core.Instance) (core.Engine, error) { return w.e, nil },
		Diagnose: w.diagnose,
		Basis: func(obs *core.Observation, _ core.Plan) map[string]string {
			v, _ := obs.Env.Lookup("POSTGRES_PASSWORD")
			return map[string]string{".env POSTGRES_PASSWORD": w.st.Key().Of(v)}
		},
		Fingerprint: w.st.Key().Of,
		Journal:     w.st, Snapshots: w.shots, LockDir: filepath.Join(dir, "data", "locks"), HostDir: dir, Settle: time.Millisecond,
		RollbackTimeout: 20 * time.Second,
		Progress:        func(e core.Event) { w.events = append(w.events, e) },
		Failpoint:       func(name string) { w.hook(name) },
	}
	return w, w.save()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w, err := openWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.st.Close() })
	return w
}

// busy is how long a world waits for another program that holds its database:
// short, and longer than what tests themselves write at once.
const busy = 500 * time.Millisecond

func (w *world) database() string { return filepath.Join(w.dir, "data", "basewright.db") }

// state returns what a rollback must bring back.
func (w *world) state() worldState {
	s := worldState{Files: map[string]core.File{}, Roles: map[string]*string{}, Aside: map[string]core.File{}}
	w.e.Edit(func(e *coretest.Engine) {
		maps.Copy(s.Files, e.Files)
		maps.Copy(s.Aside, e.Aside)
		for _, c := range e.Containers {
			c.ID, c.StartedAt, c.FinishedAt = "", time.Time{}, time.Time{}
			s.Containers = append(s.Containers, c)
		}
	})
	for name, f := range s.Files {
		f.Name = name
		s.Files[name] = f
	}
	_, err := w.st.Instance(context.Background(), shop.ID)
	s.Kept = err == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(s.Roles, w.roles)
	return s
}

// save puts the world on the disk, whole.
func (w *world) save() error {
	var b bytes.Buffer
	var err error
	w.e.Edit(func(e *coretest.Engine) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s := worldState{Files: e.Files, Containers: e.Containers, Roles: map[string]*string{}, Aside: e.Aside}
		none := ""
		for role, v := range w.roles {
			if s.Roles[role] = v; v == nil {
				s.Roles[role] = &none
			}
		}
		err = gob.NewEncoder(&b).Encode(s)
	})
	name := filepath.Join(w.dir, "world")
	if err == nil {
		err = os.WriteFile(name+".new", b.Bytes(), 0o600)
	}
	return errors.Join(err, os.Rename(name+".new", name))
}

// changed is called after each change of the engine.
func (w *world) changed(e *coretest.Engine, op, about string) {
	if op == "exec" {
		return // psql saves by itself
	}
	if op == "up" {
		e.Edit(func(e *coretest.Engine) { fill(e, about) })
	}
	if w.half == "" && w.runsOnHalf() {
		w.half = op + " " + about
	}
	w.saveAround("engine " + op + " " + about)
}

// runsOnHalf reports whether a service that may write runs while the data is half
// loaded: what it writes is lost when that is taken back. What is in the list of the
// quarantine was put there by an earlier version of the agent, when all was loaded.
func (w *world) runsOnHalf() bool {
	now, err := (&shelf{vault{w: w}}).read()
	if err != nil || now.Swap == "" || now.Done {
		return false
	}
	items, err := w.st.Quarantine(context.Background(), shop.ID)
	whole := slices.ContainsFunc(items, func(a core.Aside) bool { return a.Place == now.Swap })
	return err == nil && !whole && slices.ContainsFunc(w.state().Containers, func(c core.Container) bool {
		return c.Service != core.DB && c.State == "running"
	})
}

func (w *world) saveAround(what string) {
	w.hook(what + ".before")
	if err := w.save(); err != nil {
		panic(err)
	}
	w.hook(what + ".after")
}

func envValue(files map[string]core.File, key string) string {
	for line := range strings.Lines(string(files[".env"].Data)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, "'")
		}
	}
	return ""
}

func handle(h string) map[string]any { return map[string]any{"secret": h} }

// cure is a plan that mends the world and touches everything that a rollback
// brings back.
func (w *world) cure(more ...core.Action) core.Plan {
	return w.plan(append([]core.Action{
		{Op: core.OpNote, Args: map[string]any{"text": "align the password"}},
		{Op: core.OpSetRolePassword, Args: map[string]any{"role": "authenticator", "password": handle("env:POSTGRES_PASSWORD")}},
		{Op: core.OpSetEnv, Args: map[string]any{"key": "MARK", "value": "1"}},
		{Op: core.OpWriteFile, Args: map[string]any{"path": "volumes/api/new.yml", "content": "new: true\n"}},
		{Op: core.OpRecreate, Service: core.Auth},
		{Op: core.OpWaitHealthy, Service: core.Auth, Args: map[string]any{"timeout": "5s"}},
	}, more...)...)
}

func (w *world) plan(actions ...core.Action) core.Plan {
	obs, err := w.e.Observe(context.Background())
	if err != nil {
		panic(err)
	}
	p := core.Plan{Instance: "shop", Playbook: "align", Title: "Align passwords", Scope: core.ConfigScope, Actions: actions, Claims: []string{"PG-01"}}
	p.Basis = w.a.Basis(obs, p)
	if err := p.Seal(); err != nil {
		panic(err)
	}
	return p
}

func (w *world) apply(ctx context.Context, p core.Plan) (*core.Change, error) {
	return w.a.Apply(ctx, shop, p, "cli:ana", p.Hash)
}

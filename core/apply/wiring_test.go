package apply

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// failsAfter makes every diagnosis after the change find what it claims to mend,
// and none before it find anything else.
func failsAfter(w *world) {
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01"}} }
}

func cured(w *world) {
	w.spoil = func(d *core.Diagnosis) { d.Findings = nil }
}

// wired gives the world a network.
func wired(e *coretest.Engine) {
	for i := range e.Containers[:2] {
		e.Containers[i].Networks = []core.Endpoint{{Network: "shop_default", Aliases: []string{"x"}}}
	}
}

// TestWiringBothWays does each operation, sees its effect, and has a rollback take
// it back.
func TestWiringBothWays(t *testing.T) {
	for name, row := range map[string]struct {
		action core.Action
		shows  func(s worldState) bool
	}{
		"connect_network": {
			core.Action{Op: core.OpConnectNetwork, Service: core.Gateway, Args: map[string]any{"network": "default", "alias": "kong"}},
			func(s worldState) bool {
				n := s.Containers[2].Networks
				return len(n) == 1 && n[0].Network == "shop_default" && slices.Contains(n[0].Aliases, "kong") && slices.Contains(n[0].Aliases, "gateway")
			},
		},
		"rename_container": {
			core.Action{Op: core.OpRenameContainer, Service: core.Auth, Args: map[string]any{"name": "shop-auth"}},
			func(s worldState) bool { return s.Containers[1].Name == "shop-auth" },
		},
		"allocate_port": {
			core.Action{Op: core.OpAllocatePort, Args: map[string]any{"key": "KONG_HTTP_PORT", "from": 18000.0, "to": 18010.0}},
			func(s worldState) bool { return envValue(s.Files, "KONG_HTTP_PORT") == "18003" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.e.Edit(wired)
			w.e.Taken = []int{18000}
			w.e.Edit(func(e *coretest.Engine) { e.Containers[2].Ports = []core.Port{{HostPort: 18001, ContainerPort: 8000}} })
			if err := w.st.ReservePort(t.Context(), "c", "blog", "KONG_HTTP_PORT", 18002); err != nil {
				t.Fatal(err)
			}
			before := w.state()
			failsAfter(w)
			c, err := w.apply(t.Context(), w.plan(row.action))
			if err == nil || c.State != core.RolledBack {
				t.Fatalf("%+v, %v", c, err)
			}
			w.mustBe(t, before)
			cured(w)
			if c, err = w.apply(t.Context(), w.plan(row.action)); err != nil || c.State != core.Committed {
				t.Fatalf("%+v, %v", c, err)
			}
			if s := w.state(); !row.shows(s) {
				t.Errorf("it is not done: %+v", s)
			}
		})
	}
}

func TestPortsThatAreNotFree(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := l.Addr().(*net.TCPAddr).Port
	w.e.Host.Local = true
	if err := w.st.ReservePort(t.Context(), "c", "blog", "K", 18002); err != nil {
		t.Fatal(err)
	}
	w.e.Taken = []int{18001}
	cured(w)
	for port, says := range map[int]string{18001: "port 18001 was taken since the plan was made", 18002: "port 18002 was taken", heard: "cannot be had"} {
		c, err := w.apply(t.Context(), w.plan(core.Action{Op: core.OpAllocatePort, Args: map[string]any{"key": "K", "port": float64(port)}}))
		if err == nil || c.State != core.RolledBack || !strings.Contains(c.Reason, says) {
			t.Errorf("%d: %+v, %v", port, c, err)
		}
	}
	if ports, err := w.st.ReservedPorts(t.Context(), "other"); err != nil || !slices.Equal(ports, []int{18002}) {
		t.Errorf("reserved %v, %v", ports, err)
	}
	if err := w.st.ReservePort(t.Context(), "c", "third", "K", 18002); core.CodeOf(err) != core.Conflict {
		t.Errorf("a port of another: %v", err)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	for says, a := range map[string]core.Action{
		"cannot be the name of a network":   {Op: core.OpConnectNetwork, Service: core.Auth, Args: map[string]any{"network": "../x"}},
		"cannot be a name on a network":     {Op: core.OpConnectNetwork, Service: core.Auth, Args: map[string]any{"network": "x", "alias": "a b"}},
		"cannot be the name of a container": {Op: core.OpRenameContainer, Service: core.Auth, Args: map[string]any{"name": "-x"}},
		"does not begin with realtime-dev.": {Op: core.OpRenameContainer, Service: core.Realtime, Args: map[string]any{"name": "shop-realtime"}},
		"there is no port from 9 to 5":      {Op: core.OpAllocatePort, Args: map[string]any{"key": "K", "from": 9.0, "to": 5.0}},
		"command names no program":          {Op: core.OpExec, Service: core.DB, Args: map[string]any{"command": []any{""}}},
	} {
		if err := validateAction(a); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}

func TestCommandsNeedPermissionAndAWayBack(t *testing.T) {
	w := newWorld(t)
	var ran []string
	psql := w.e.Commands
	w.e.Commands = func(s core.Service, c core.Command) (string, error) {
		if c.Args[0] == "psql" {
			return psql(s, c)
		}
		ran = append(ran, string(s)+": "+strings.Join(c.Args, " "))
		return planted, nil
	}
	failsAfter(w)
	run := core.Action{Op: core.OpExec, Service: core.Auth, Args: map[string]any{"command": []any{"touch", "/tmp/x"}, "inverse": []any{"rm", "/tmp/x"}}}
	if c, err := w.apply(t.Context(), w.plan(run)); c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "no admin has allowed") {
		t.Fatalf("without permission: %+v, %v", c, err)
	}
	w.a.MayExec = func(_ context.Context, p core.Plan) bool { return p.Playbook == "align" }
	c, err := w.apply(t.Context(), w.plan(run))
	if err == nil || c.State != core.RolledBack || !slices.Equal(ran, []string{"auth: touch /tmp/x", "auth: rm /tmp/x"}) {
		t.Fatalf("%+v, %v, ran %q", c, err, ran)
	}
	w.mustHoldNoSecret(t, err)
	delete(run.Args, "inverse")
	if c, err := w.apply(t.Context(), w.plan(run)); c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "no inverse") {
		t.Errorf("without a way back: %+v, %v", c, err)
	}
}

// vault is a DataSnapshots of the world's statements.
type vault struct {
	w     *world
	calls []string
	ran   []string // the services that ran when it saved
	fail  error

	loadFails, settleFails error
	begun, done            bool // how far it loaded, while that is not settled
	aside                  []string
}

func (v *vault) Save(_ context.Context, _ core.Engine, inst core.Instance, _ *core.Observation, scope core.Scope, reason string, _ core.Snapshot) (core.Snapshot, error) {
	v.calls, v.ran = append(v.calls, "save "+string(scope)), nil
	for _, c := range v.w.state().Containers {
		if c.State == "running" {
			v.ran = append(v.ran, c.ComposeService)
		}
	}
	return core.Snapshot{ID: "data1", Instance: inst.ID, Scope: scope, Reason: reason, Path: "/nowhere"}, v.fail
}

func (v *vault) SaveStopped(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, scope core.Scope, reason string, config core.Snapshot) (core.Snapshot, error) {
	return v.Save(ctx, e, inst, obs, scope, reason, config)
}

func (v *vault) Prove(_ context.Context, s core.Snapshot) (core.Snapshot, error) {
	v.calls = append(v.calls, "prove "+s.ID)
	return s, v.fail
}

func (v *vault) Load(_ context.Context, _ core.Engine, _ core.Instance, s core.Snapshot) error {
	v.calls = append(v.calls, "load "+s.ID)
	v.done = v.loadFails == nil
	return v.loadFails
}

func (v *vault) Unload(_ context.Context, _ core.Engine, s core.Snapshot) error {
	v.calls = append(v.calls, "unload "+s.ID)
	return nil
}

func (v *vault) Loaded(core.Snapshot) (begun, done bool, err error) {
	return v.begun || v.done, v.done, nil
}

func (v *vault) Settle(_ context.Context, _ core.Engine, s core.Snapshot, list func([]core.Aside) error) error {
	if err := v.settleFails; err != nil {
		v.settleFails = nil
		return err
	}
	v.begun, v.done = false, false
	return list([]core.Aside{{Kind: core.AsideDatabase, Origin: "postgres", Place: "basewright_before_x_1", Snapshot: s.ID}})
}

func (v *vault) Aside(core.Snapshot) ([]string, error) { return v.aside, nil }

func (v *vault) Discard(_ context.Context, _ core.Engine, a core.Aside) error {
	v.calls = append(v.calls, "discard "+a.Place)
	return v.fail
}

// TestDangerousPlansSaveTheDataFirst: what no inverse takes back is done only
// behind a snapshot of data, which a rollback loads when it was begun.
func TestDangerousPlansSaveTheDataFirst(t *testing.T) {
	w := newWorld(t)
	v := &vault{w: w}
	drop := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "drop table x"}}
	high := func(actions ...core.Action) core.Plan {
		p := w.plan(actions...)
		p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	failsAfter(w)
	if c, err := w.apply(t.Context(), high(drop)); c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "not available yet") {
		t.Fatalf("without data snapshots: %+v, %v", c, err)
	}
	w.a.Data = v
	if c, err := w.apply(t.Context(), w.plan(drop)); c != nil || core.CodeOf(err) != core.Forbidden || len(v.calls) > 0 {
		t.Fatalf("a plan that is not of high risk: %+v, %v", c, err)
	}
	before := w.state()
	c, err := w.apply(t.Context(), high(drop))
	if err == nil || c.State != core.RolledBack || c.Data != "data1" || !slices.Equal(v.calls, []string{"save database", "load data1"}) {
		t.Fatalf("%+v, %v, %q", c, err, v.calls)
	}
	if list, err := w.st.Quarantine(t.Context(), "shop"); err != nil || len(list) != 1 || list[0].Kind != core.AsideDatabase || list[0].Change != c.ID {
		t.Errorf("what loading the data put aside is not listed: %+v, %v", list, err)
	}
	w.mustBe(t, before)
	if saved, err := w.st.Change(t.Context(), c.ID); err != nil || saved.Data != "data1" {
		t.Errorf("stored %+v, %v", saved, err)
	}
	v.calls = nil
	if c, err = w.apply(t.Context(), high(core.Action{Op: core.OpRestart, Service: core.Auth})); c.State != core.RolledBack || !slices.Equal(v.calls, []string{"save database"}) {
		t.Errorf("no data was touched: %v, %q", err, v.calls)
	}
	v.fail, v.calls = errors.New("no room"), nil
	sql := len(w.sql)
	if c, err = w.apply(t.Context(), high(drop)); err == nil || !strings.Contains(c.Reason, "nothing was touched: no room") || len(w.sql) != sql {
		t.Errorf("%+v, %v", c, err)
	}
	for _, never := range []string{"copy x to program 'id'", "commit", "drop database x", "alter system set a = 'b'", "load 'x'"} {
		p := high(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": never}})
		if c, err := w.apply(t.Context(), p); c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "no plan may run") {
			t.Errorf("%s: %+v, %v", never, c, err)
		}
	}
}

// TestOneInstanceTwoDataFolders: the second agent knows nothing of the first but
// the lock on the instance.
func TestOneInstanceTwoDataFolders(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	inst := shop
	inst.Dir = t.TempDir()
	other.a.HostDir = w.dir
	for name, row := range map[string]core.Instance{"its folder": inst, "a folder on another machine": shop} {
		tried := false
		w.hook = func(point string) {
			if point != "action-1-restart.do.before" {
				return
			}
			tried = true
			p := other.plan(core.Action{Op: core.OpRestart, Service: core.Auth})
			c, err := other.a.Apply(t.Context(), row, p, "cli:bob", p.Hash)
			if c != nil || core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "keeps its state in another folder") {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
		}
		cured(w)
		p := w.plan(core.Action{Op: core.OpRestart, Service: core.Auth})
		if c, err := w.a.Apply(t.Context(), row, p, "cli:ana", p.Hash); err != nil || !tried {
			t.Errorf("%s: %+v, %v, tried %v", name, c, err, tried)
		}
	}
	if left, err := os.ReadDir(inst.Dir); err != nil || len(left) > 0 {
		t.Errorf("the lock left %v in the instance's folder, %v", left, err)
	}
}

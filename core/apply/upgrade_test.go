package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/supabase"
)

// ledger is a database that says how many migrations auth has run.
type ledger struct{ ran string }

func (l *ledger) answer(sql string) ([][]string, error) {
	switch {
	case strings.Contains(sql, "pg_database"):
		return [][]string{{"postgres"}}, nil
	case strings.Contains(sql, "relkind"):
		return [][]string{{"auth.schema_migrations"}}, nil
	}
	return [][]string{{l.ran}}, nil
}

// upgradeWorld is a world with a plan that brings it to another release.
func upgradeWorld(t *testing.T) (*world, *vault, *ledger, core.Plan) {
	t.Helper()
	w, l := newWorld(t), &ledger{ran: "70"}
	v := &vault{w: w}
	w.a.Data = v
	p, err := w.toUpgrade(l)
	if err != nil {
		t.Fatal(err)
	}
	return w, v, l, p
}

// toUpgrade gives a world the files of another release, in which the gateway's
// service has another name, and plans to bring it there.
func (w *world) toUpgrade(l *ledger) (core.Plan, error) {
	w.e.Edit(func(e *coretest.Engine) {
		e.Databases = map[string]func(string) ([][]string, error){"postgres": l.answer}
		e.Compose.Services = []core.ComposeService{
			{Name: "db", Service: core.DB, Image: "postgres:15.2"}, {Name: "auth", Service: core.Auth, Image: "gotrue:v2"}, {Name: "api-gw", Service: core.Gateway, Image: "kong:3.9"},
		}
	})
	w.spoil = func(d *core.Diagnosis) { *d = core.Diagnosis{Status: core.Healthy} }
	ran, err := supabase.Migrations(context.Background(), w.e)
	if err != nil {
		return core.Plan{}, err
	}
	p := w.plan(
		core.Action{Op: core.OpStop, Service: core.Gateway}, core.Action{Op: core.OpStop, Service: core.Auth}, core.Action{Op: core.OpSnapshot},
		core.Action{Op: core.OpStop, Service: core.DB}, core.Action{Op: core.OpRemove},
		core.Action{Op: core.OpWriteFile, Args: map[string]any{"path": "docker-compose.yml", "content": handle("given:CONTENT_1")}},
		core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "RELEASE", "value": "new"}},
		core.Action{Op: core.OpUp, Args: map[string]any{"migrations": ran}},
		core.Action{Op: core.OpWaitHealthy, Service: core.Gateway, Args: map[string]any{"timeout": "1s"}},
	)
	p.Playbook, p.Risk, p.Scope, p.Claims = core.UpgradePlaybook, core.HighRisk, core.FullScope, nil
	return p, p.Seal()
}

var newFiles = map[string]core.Secret{"CONTENT_1": "services: {db: {}}\n"}

func (w *world) upgrade(ctx context.Context, p core.Plan, fetch error) (*core.Change, error) {
	return w.a.Upgrade(ctx, shop, p, "cli:ana", p.Hash, newFiles, func(context.Context) error { return fetch })
}

func TestUpgrade(t *testing.T) {
	w, v, _, p := upgradeWorld(t)
	c, err := w.upgrade(t.Context(), p, nil)
	if err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	if !slices.Equal(v.calls, []string{"save full"}) || !slices.Equal(v.ran, []string{"db"}) {
		t.Errorf("what users own: %q, while %q ran", v.calls, v.ran)
	}
	now := w.state()
	if string(now.Files["docker-compose.yml"].Data) != "services: {db: {}}\n" || !strings.Contains(string(now.Files[".env"].Data), "RELEASE=new") {
		t.Errorf("the files are %v", now.Files)
	}
	if len(now.Containers) != 3 || now.Containers[2].ComposeService != "api-gw" {
		t.Errorf("the containers are %+v", now.Containers)
	}
	if _, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); CanUndo(*c) || err == nil || !strings.Contains(err.Error(), "snapshot restore data1") {
		t.Errorf("an upgrade is not undone by its configuration alone: %v", err)
	}
}

// TestUpgradeIsPutBack wants everything as it was, with the data only when a service
// has migrated it, or when nobody can tell.
func TestUpgradeIsPutBack(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func(w *world, l *ledger) func(op, about string) error
		want []string
	}{
		"a new image does not start": {func(*world, *ledger) func(string, string) error {
			return func(op, _ string) error { return onlyUp(op) }
		}, []string{"save full"}},
		"a new image migrates and dies": {func(_ *world, l *ledger) func(string, string) error {
			return func(op, _ string) error {
				if op == "up" {
					l.ran = "71"
				}
				return onlyUp(op)
			}
		}, []string{"save full", "load data1"}},
		"a new image is not healthy": {func(w *world, _ *ledger) func(string, string) error {
			w.hook = func(name string) {
				if strings.HasPrefix(name, "engine up") {
					w.e.Edit(func(e *coretest.Engine) { e.Containers[len(e.Containers)-1].Health = "unhealthy" })
				}
			}
			return nil
		}, []string{"save full"}},
		"nothing is up before the failure": {func(*world, *ledger) func(string, string) error {
			return func(op, _ string) error {
				if op == "down" {
					return errors.New("the network is busy")
				}
				return nil
			}
		}, []string{"save full"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, v, l, p := upgradeWorld(t)
			before := w.state()
			fail := tt.fail(w, l)
			w.e.Edit(func(e *coretest.Engine) { e.Fail = fail })
			c, err := w.upgrade(t.Context(), p, nil)
			if err == nil || c.State != core.RolledBack {
				t.Fatalf("%+v, %v", c, err)
			}
			if !slices.Equal(v.calls, tt.want) {
				t.Errorf("what users own: %q, want %q", v.calls, tt.want)
			}
			if strings.Contains(c.Reason, "displaced") || strings.Contains(c.Reason, "somebody else") {
				t.Errorf("it takes its own work for another's: %s", c.Reason)
			}
			w.mustBe(t, before)
		})
	}
}

// TestUpgradeLeavesWhatIsStopped keeps the gateway down, which somebody stopped: that
// it is made anew and not started is nothing worse.
func TestUpgradeLeavesWhatIsStopped(t *testing.T) {
	w, _, _, p := upgradeWorld(t)
	if err := w.e.Stop(t.Context(), core.Gateway); err != nil {
		t.Fatal(err)
	}
	p.Actions = slices.Delete(p.Actions, 0, 1)
	p.Actions[len(p.Actions)-2].Args["leave"] = []string{"api-gw"}
	p.Actions = p.Actions[:len(p.Actions)-1]
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	codes := []string{"SVC-02", "DK-11"}
	w.spoil = func(d *core.Diagnosis) {
		*d = core.Diagnosis{Status: core.Unhealthy, Findings: []core.Finding{{Code: codes[0], Service: core.Gateway, Severity: core.Critical}}}
		codes = codes[1:]
	}
	c, err := w.upgrade(t.Context(), p, nil)
	if err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := w.e.State(core.Gateway); got != "created" {
		t.Errorf("the gateway is %s", got)
	}
}

// TestOwnServicesComeBack: what an upgrade stopped itself, no person did, and comes
// back when the upgrade is put back, whether the containers were removed by then or
// not.
func TestOwnServicesComeBack(t *testing.T) {
	for name, op := range map[string]string{"before anything is removed": "down", "after that": "up"} {
		t.Run(name, func(t *testing.T) {
			w, v, _, p := upgradeWorld(t)
			w.e.Edit(func(e *coretest.Engine) {
				e.Containers = append(e.Containers, core.Container{ID: "w", Name: "shop-worker-1", ComposeService: "worker", State: "running"})
				for i := range e.Containers {
					e.Containers[i].RestartPolicy = "unless-stopped"
				}
				e.Fail = failing(op, errors.New("it is broken"))
			})
			p.Actions = slices.Insert(p.Actions, 0, core.Action{Op: core.OpStop, Service: "worker"})
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			before := w.state()
			c, err := w.upgrade(t.Context(), p, nil)
			if err == nil || c.State != core.RolledBack || strings.Contains(c.Reason, "somebody else") || !slices.Equal(v.ran, []string{"db"}) {
				t.Fatalf("%+v, %v, while %q ran", c, err, v.ran)
			}
			w.mustBe(t, before)
		})
	}
}

// TestWhatIsSharedIsNotTakenDown refuses while somebody else's container is on the
// network, before anything is stopped.
func TestWhatIsSharedIsNotTakenDown(t *testing.T) {
	for name, do := range map[string]func(w *world, p core.Plan) error{
		"an upgrade": func(w *world, p core.Plan) error { _, err := w.upgrade(t.Context(), p, nil); return err },
		"a deletion": func(w *world, _ core.Plan) error {
			obs, err := w.e.Observe(t.Context())
			if err != nil {
				return err
			}
			p, err := w.a.Deletion(shop, obs, false)
			if err == nil {
				_, err = w.a.Delete(t.Context(), shop, p, "cli:ana")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, v, _, p := upgradeWorld(t)
			w.e.Edit(func(e *coretest.Engine) {
				e.Fail = failing("alone", core.Errorf(core.Conflict, "other, which is none of shop, is on its network"))
			})
			before := w.state()
			if err := do(w, p); err == nil || !strings.Contains(err.Error(), "is on its network") {
				t.Errorf("got %v", err)
			}
			if did := w.e.Did(); len(did) > 0 || len(v.calls) > 0 {
				t.Errorf("it began: %q, %q", did, v.calls)
			}
			w.mustBe(t, before)
		})
	}
}

func onlyUp(op string) error {
	if op == "up" {
		return errors.New("auth exited (1)")
	}
	return nil
}

func TestUpgradeRefuses(t *testing.T) {
	seal := func(p core.Plan, change func(*core.Plan)) core.Plan {
		change(&p)
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, tt := range map[string]struct {
		change func(*core.Plan)
		fetch  error
		want   string
	}{
		"images that cannot be had": {func(*core.Plan) {}, errors.New("no such host"), "no such host"},
		"no snapshot of data":       {func(p *core.Plan) { p.Scope = core.ConfigScope }, nil, "full snapshot before"},
		"a snapshot that comes too late": {func(p *core.Plan) {
			p.Actions[2], p.Actions[4] = p.Actions[4], p.Actions[2]
		}, nil, "full snapshot before"},
		"an operation of its own": {func(p *core.Plan) { p.Actions = append(p.Actions, core.Action{Op: core.OpExec, Service: core.DB}) }, nil, "exec upgrades no instance"},
		"another plan":            {func(p *core.Plan) { p.Playbook = "align" }, nil, "not one of upgrading"},
		"facts that are not so any more": {func(p *core.Plan) {
			p.Basis = map[string]string{".env POSTGRES_PASSWORD": "another"}
		}, nil, "changed since the plan was made"},
		"a file of data": {func(p *core.Plan) {
			p.Actions[5] = core.Action{Op: core.OpWriteFile, Args: map[string]any{"path": "volumes/db/data/x", "content": "x"}}
		}, nil, "is data"},
		"a text that nobody gave": {func(p *core.Plan) {
			p.Actions[5] = core.Action{Op: core.OpWriteFile, Args: map[string]any{"path": "x.yml", "content": handle("given:CONTENT_9")}}
		}, nil, "CONTENT_9"},
	} {
		t.Run(name, func(t *testing.T) {
			w, v, _, p := upgradeWorld(t)
			before := w.state()
			c, err := w.upgrade(t.Context(), seal(p, tt.change), tt.fetch)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%+v, %v, want %q", c, err, tt.want)
			}
			if len(v.calls) > 0 {
				t.Errorf("it began: %q", v.calls)
			}
			w.mustBe(t, before)
		})
	}
}

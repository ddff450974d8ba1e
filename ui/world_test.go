package ui

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

// canary is a secret that a stack and its users hold; no answer may have it.
const canary = "c4nary+pl4nted/secret=42"

// world is an agent with a real store, and rooms that answer without an engine.
type world struct {
	t    testing.TB
	a    *Agent
	h    http.Handler
	look func(i core.Instance) (*core.Diagnosis, error)
	hold chan struct{} // changes under way end when it is closed
}

// instances that a world has.
var shopOf = map[string]core.Instance{
	"shop":  {ID: "shop", Name: "Shop", Project: "shop", Dir: "/srv/shop", Files: []string{"/srv/shop/docker-compose.yml"}, Origin: core.Adopted, Mode: core.Control},
	"other": {ID: "other", Name: "Other", Project: "other", Dir: "/srv/other", Files: []string{}, Origin: core.Adopted, Mode: core.Control},
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "basewright.db"))
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	keys, err := access.OpenKeyring(filepath.Join(dir, "signing-keys"), time.Now())
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, hold: make(chan struct{})}
	w.look = func(i core.Instance) (*core.Diagnosis, error) { return aDiagnosis(i.ID), nil }
	hub := queue.NewHub()
	w.a = &Agent{Store: s, Keyring: keys, Hub: hub, Log: log, Metrics: NewMetrics(), Version: "test", Now: time.Now,
		Changes: queue.NewChanges(hub, log), Scheduler: &queue.Scheduler{Store: s, Hub: hub, Log: log}}
	w.a.Diagnoses = queue.NewDiagnoses(func(_ context.Context, i core.Instance, depth core.Depth, trigger core.Trigger) (*core.Diagnosis, error) {
		d, err := w.look(i)
		if err == nil {
			d.Mode, d.Trigger = depth, trigger
		}
		return d, err
	}, s, hub, log)
	t.Cleanup(func() { w.a.Changes.Close(200 * time.Millisecond) }) // before the store is closed
	w.a.Works = w.works()
	w.h, err = w.a.Handler(nil)
	must(t, err)
	w.seed()
	return w
}

// seed puts the instances and what belongs to them in place, again if a request
// removed them.
func (w *world) seed() {
	w.t.Helper()
	ctx, s, now := context.Background(), w.a.Store, time.Now()
	for _, i := range shopOf {
		if _, err := s.Instance(ctx, i.ID); err != nil {
			must(w.t, s.AddInstance(ctx, i, entryOf("instance.adopt")))
		}
		must(w.t, s.SaveChange(ctx, aChange("change-"+i.ID, i.ID)))
		must(w.t, s.SaveAside(ctx, anAside("aside-"+i.ID, i.ID)))
		must(w.t, s.SaveSnapshot(ctx, core.Snapshot{ID: "snap-" + i.ID, Instance: i.ID, Scope: core.ConfigScope, Created: now}))
		must(w.t, s.SaveSchedule(ctx, core.Schedule{ID: "sched-" + i.ID, Instance: i.ID, Kind: core.ScheduleDiagnose, Spec: "@daily", Zone: "UTC", Created: now, Next: now.Add(time.Hour)}, entryOf("schedule.add")))
		if _, err := s.Window(ctx, "window-"+i.ID); err != nil {
			must(w.t, s.AddWindow(ctx, core.Window{ID: "window-" + i.ID, Instance: i.ID, Begins: now, Ends: now.Add(time.Hour), Created: now}, entryOf("maintenance.add")))
		}
	}
}

func aDiagnosis(instance string) *core.Diagnosis {
	return &core.Diagnosis{ID: core.NewID(), InstanceID: instance, Project: instance, Timestamp: time.Now().UTC(), Status: core.Unhealthy,
		Results:    map[core.Category]core.CategoryResult{core.DatabaseConnection: {Status: "1 critical", Issues: []string{"PG-01"}}},
		Findings:   []core.Finding{{Code: "PG-01", Severity: core.Critical, Service: core.DB, Category: core.DatabaseConnection, Title: "x", Evidence: []core.Evidence{}, Remedies: []core.Remedy{}}},
		RootCauses: []string{"PG-01"}, Unknowns: []core.Unknowable{}}
}

func aChange(id, instance string) core.Change {
	return core.Change{ID: id, Instance: instance, State: core.Committed, Actor: "cli:ana", Created: time.Now(), Finished: time.Now(),
		Plan: core.Plan{Instance: instance, Title: "a plan", Playbook: "restart-auth", Risk: core.LowRisk}}
}

func anAside(id, instance string) core.Aside {
	return core.Aside{ID: id, Instance: instance, Change: "change-" + instance, Path: "volumes/api/kong.yml", Why: "it was empty", Root: "/srv", Origin: instance + "/kong.yml", Place: ".quarantine/" + id,
		Size: 4711, State: core.Kept, At: time.Now(), Until: time.Now().Add(time.Hour)}
}

func entryOf(action string) core.AuditEntry {
	return core.AuditEntry{At: time.Now(), Actor: "test", Action: action, Outcome: "ok"}
}

// someFile is a file of a stack, as it is shown.
const someFile = "consumers:\n  - username: anon\n    key: ••• (1ba91c8a)\nservices:\n  - name: auth\n    url: http://auth:9999/\n    routes:\n      - paths: [/auth/v1/]\n"

// works answer as the other rooms would.
func (w *world) works() Works {
	plan := func(i core.Instance) core.Plan {
		p := core.Plan{Instance: i.ID, Playbook: "restart-auth", Title: "Restart auth", Risk: core.LowRisk, Actions: []core.Action{{Op: core.OpRestart, Service: core.Auth}}}
		_ = p.Seal()
		return p
	}
	job := func(i core.Instance) queue.Job {
		return func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
			c := aChange(id, i.ID)
			c.State, c.Finished, c.Plan = core.Approved, time.Time{}, plan(i)
			if err := w.a.Store.SaveChange(ctx, c, entryOf("change.apply")); err != nil {
				return nil, err
			}
			progress(core.Event{Change: id, Instance: i.ID, State: core.Approved, At: time.Now()})
			select {
			case <-w.hold:
			case <-ctx.Done():
			}
			c.State, c.Finished = core.Committed, time.Now()
			return &c, w.a.Store.SaveChange(context.WithoutCancel(ctx), c, entryOf("change.end"))
		}
	}
	return Works{
		Engine: func(context.Context) error { return nil },
		Discover: func(context.Context) ([]core.Instance, error) {
			return []core.Instance{{ID: "new-one", Name: "new-one", Project: "new-one"}, shopOf["shop"]}, nil
		},
		Category: func(_ context.Context, i core.Instance, _ core.Category) (*core.Diagnosis, error) {
			return aDiagnosis(i.ID), nil
		},
		SignUp: func(_ context.Context, i core.Instance) (*core.Diagnosis, error) { return aDiagnosis(i.ID), nil },
		Logs: func(ctx context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, note func(string)) error {
			note("some are left out")
			if err := emit(logs.Entry{At: time.Now(), Service: core.Auth, Level: logs.Error, Message: "boom </script>\nid: 1"}); err != nil || !q.Follow {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		},
		Create: func(_ context.Context, o CreateOrder, _ string) (core.Instance, queue.Job, error) {
			i := core.Instance{ID: "fresh", Name: o.Name, Project: "fresh", Origin: core.Created, Mode: core.Control}
			return i, job(i), nil
		},
		Preflight: func(_ context.Context, o CreateOrder) (Preflight, error) {
			p := Preflight{ID: core.Slug(o.Name), Release: "2026.10"}
			if o.Name == "" || o.Name == "shop" {
				p.Problems = []OrderProblem{{"name", "there is already an instance shop; choose another name"}, {"disk", "/srv has 1.0 GB free and a stack needs 5.0 GB; make room first"}}
			}
			return p, nil
		},
		Handover: func(_ context.Context, i core.Instance) ([]Handed, error) {
			return []Handed{{Key: "URL", Value: "http://127.0.0.1:8000"}, {Key: "ANON_KEY", Value: "handed-" + core.Secret(i.ID), Secret: true}}, nil
		},
		Settings: func(context.Context, core.Instance) ([]Setting, error) {
			return []Setting{{Key: "JWT_SECRET", Value: "fingerprint 1ba91c8a", Set: true, Type: "secret", Secret: true, Services: []string{"auth"}}}, nil
		},
		Configure: func(_ context.Context, i core.Instance, _ map[string]core.Secret, _ string) (queue.Job, error) {
			return job(i), nil
		},
		PlanConfig: func(_ context.Context, i core.Instance, _ map[string]core.Secret) (core.Plan, error) {
			return plan(i), nil
		},
		PlanFile: func(_ context.Context, i core.Instance, _ FileEdit) (core.Plan, error) { return plan(i), nil },
		Files: func(context.Context, core.Instance) ([]string, error) {
			return []string{".env", "volumes/api/kong.yml"}, nil
		},
		ShowFile: func(context.Context, core.Instance, string) (string, error) { return someFile, nil },
		WholeFile: func(_ context.Context, _ core.Instance, name, edited string) (core.Secret, core.Diff, error) {
			return core.Secret(strings.ReplaceAll(edited, "\r\n", "\n")), core.Diff{Target: name, Before: someFile, After: strings.ReplaceAll(edited, "\r\n", "\n")}, nil
		},
		EditFile: func(_ context.Context, i core.Instance, _ FileEdit, _ string) (queue.Job, error) { return job(i), nil },
		PlanClone: func(_ context.Context, i core.Instance, _ CloneOrder) (core.Plan, error) {
			return plan(i), nil
		},
		Clone: func(_ context.Context, _ core.Instance, o CloneOrder, _ string) (core.Instance, queue.Job, error) {
			i := core.Instance{ID: "twin", Name: o.Name, Project: "twin", Origin: core.Created, Mode: core.Control}
			return i, job(i), nil
		},
		Upgrades: Upgrades{
			PlanUpgrade: func(_ context.Context, i core.Instance, o UpgradeOrder) (core.Plan, error) {
				if o.To == "0.8.0" && len(o.Take) == 0 {
					return core.Plan{}, &Undecided{[]UpgradeConflict{{".env", "IMAGE_GOTRUE", "gotrue:1", "gotrue:2", "gotrue:3"}}, core.Errorf(core.Conflict, "shop and release 0.8.0 changed the same: .env IMAGE_GOTRUE")}
				}
				return plan(i), nil
			},
			Upgrade: func(i core.Instance, _ UpgradeOrder, _ string) queue.Job { return job(i) },
		},
		AuditStacks: func(context.Context) (StackAudit, error) {
			return StackAudit{Stacks: 2, Concerns: []Concern{{ID: "ports", Title: "Ports that two want", Codes: []string{"DK-03"},
				Findings: []StackFinding{{"shop", core.Finding{Code: "DK-03", Evidence: []core.Evidence{}, Remedies: []core.Remedy{}}}}}}}, nil
		},
		Plan: func(_ context.Context, i core.Instance, _ RepairOrder) (core.Plan, error) { return plan(i), nil },
		PlanRotation: func(_ context.Context, i core.Instance, _ RotateOrder) (core.Plan, []string, error) {
			return plan(i), []string{"users: all log in again"}, nil
		},
		Rotate:         func(i core.Instance, _ RotateOrder, _ string) queue.Job { return job(i) },
		Repair:         func(i core.Instance, _ RepairOrder, _ string) queue.Job { return job(i) },
		DeleteInstance: func(i core.Instance, _ bool, _ string) queue.Job { return job(i) },
		Operate:        func(i core.Instance, _ Operation, _ string) queue.Job { return job(i) },
		CanUndo:        func(c core.Change) bool { return c.State == core.Committed && c.Plan.Playbook != "upgrade" },
		Undo:           func(id, _ string) queue.Job { return job(shopOf[strings.TrimPrefix(id, "change-")]) },
		Snapshot: func(_ context.Context, i core.Instance, scope core.Scope, reason string) (core.Snapshot, error) {
			return core.Snapshot{ID: "fresh", Instance: i.ID, Scope: scope, Reason: reason, Created: time.Now()}, nil
		},
		DrillSnapshot:  func(_ context.Context, _ core.Instance, s core.Snapshot) (core.Snapshot, error) { return s, nil },
		VerifySnapshot: func(_ context.Context, s core.Snapshot) (core.Snapshot, error) { return s, nil },
		PlanRestore: func(_ context.Context, i core.Instance, _ core.Snapshot, _ RestoreOrder) (core.Plan, error) {
			return plan(i), nil
		},
		RestoreAside: func(ctx context.Context, id, _ string) (core.Aside, error) { return w.a.Store.Aside(ctx, id) },
		PurgeAside:   func(ctx context.Context, id, _ string) (core.Aside, error) { return w.a.Store.Aside(ctx, id) },
		Restore:      func(i core.Instance, _ core.Snapshot, _ RestoreOrder, _ string) queue.Job { return job(i) },
		Playbooks: func(context.Context) ([]core.Playbook, []string, error) {
			return []core.Playbook{{ID: "my-book", Title: "Mine"}, {ID: "restart-auth", Title: "Restart auth", BuiltIn: true}}, nil, nil
		},
		CheckPlaybook: func(_ context.Context, id, source string) []string {
			if strings.Contains(source, "wrong") {
				return []string{id + ".lua:2: wrong"}
			}
			return nil
		},
		TestPlaybook: func(_ context.Context, _, source string) ([]Example, error) {
			return []Example{{Number: 1, Passed: true, Plan: []string{"restart auth"}}, {Number: 2, Passed: !strings.Contains(source, "fails"), Message: "plans nothing"}}, nil
		},
		PlanPlaybook: func(_ context.Context, i core.Instance, _, source string) (core.Plan, error) {
			if strings.Contains(source, "refuse") {
				return core.Plan{}, core.Errorf(core.Conflict, "the database is exited; mend that first")
			}
			return plan(i), nil
		},
		PlaybookVersions: func(_ context.Context, id string) ([]PlaybookVersion, error) {
			if id != "my-book" {
				return nil, nil
			}
			now := time.Now()
			return []PlaybookVersion{{ID: "b.lua", At: now, Source: "-- two\nreturn {}\n"}, {ID: "a.lua", At: now.Add(-time.Hour), Source: "-- one\nreturn {}\n"}}, nil
		},
		SavePlaybook: func(context.Context, string, string) error { return nil },
		Checks: func() []core.Checker {
			return []core.Checker{{ID: "x.y", Category: core.DiskUsage, Finds: []core.Explanation{{Code: "PG-01"}}}}
		},
	}
}

// user adds a user and returns a login of theirs.
func (w *world) user(name string, grants map[string]core.Role) (core.User, string) {
	w.t.Helper()
	u := core.User{ID: core.NewID(), Name: name, Created: time.Now(), Grants: grants}
	must(w.t, w.a.Store.AddUser(context.Background(), u, "$", entryOf("user.add")))
	return u, w.jwt(u.ID, time.Hour)
}

// jwt logs a user in for so long.
func (w *world) jwt(user string, life time.Duration) string {
	w.t.Helper()
	text, now := core.NewID(), time.Now()
	must(w.t, w.a.Store.AddSession(context.Background(), store.Session{ID: access.Digest(text), UserID: user, Kind: "bearer", Created: now.Add(-time.Minute), Expires: now.Add(life)}, entryOf("login")))
	signed, err := w.a.Keyring.Sign(access.Claims{UserID: user, Session: text, Expires: now.Add(life)}, now.Add(-time.Minute))
	must(w.t, err)
	return signed
}

// token makes an API token of a user.
func (w *world) token(user string, instances []string, verbs ...core.Verb) string {
	w.t.Helper()
	t, err := NewToken("script", verbs, instances, 1, time.Now())
	must(w.t, err)
	t.UserID = user
	text := access.NewToken()
	must(w.t, w.a.Store.AddToken(context.Background(), t, access.Digest(text), entryOf("token.add")))
	return text
}

// ask makes a request as whoever holds the credential, and gives a stream a
// moment.
func (w *world) ask(method, path, credential, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	if strings.HasSuffix(r.URL.Path, "/stream") || strings.HasSuffix(r.URL.Path, "/events") {
		ctx, cancel := context.WithTimeout(r.Context(), 50*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// decoded reads an answer that must be JSON.
func decoded(t testing.TB, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var m map[string]any
	b, err := io.ReadAll(rec.Body)
	must(t, err)
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("status %d, not JSON: %v: %.200s", rec.Code, err, b)
	}
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

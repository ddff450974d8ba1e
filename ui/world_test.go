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
	dir  string        // of the data
	asks *questions    // when set, what the database is asked for the next request
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
	w := &world{t: t, hold: make(chan struct{}), dir: dir}
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
	if w.asks != nil {
		r = r.WithContext(context.WithValue(r.Context(), asking{}, w.asks))
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	w.described(r, rec)
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

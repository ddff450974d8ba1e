package ui

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// keeper is a world whose clock stands, so that nothing but what a test does makes
// a page old.
type keeper struct {
	*world
	now time.Time
}

func newKeeper(t *testing.T) *keeper {
	w := newWorld(t)
	k := &keeper{world: w, now: time.Now().Truncate(time.Second)}
	w.a.Now, w.a.Metrics = func() time.Time { return k.now }, NewMetrics()
	var err error
	w.h, err = w.a.Handler(nil)
	must(t, err)
	return k
}

// fleet is the list as the holder of a credential sees it, and whether that page
// was made anew.
func (k *keeper) fleet(credential string, headers ...string) (page string, fresh bool) {
	k.t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+credential)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	before, made := k.a.panel.shelf.ticks, k.makings()
	rec := k.send(r)
	if rec.Code != http.StatusOK {
		k.t.Fatalf("the list: %d %s", rec.Code, rec.Body)
	}
	if k.a.panel.shelf.ticks == before {
		k.t.Fatal("the page is not from the shelf")
	}
	return rec.Body.String(), k.makings() != made
}

// makings adds up when the pages on the shelf were begun.
func (k *keeper) makings() (sum uint64) {
	for _, p := range k.a.panel.shelf.pages {
		sum += p.began
	}
	return sum
}

// row is the line of an instance on the list, as text.
func row(page, id string) string {
	_, line, found := strings.Cut(page, `id="row-`+id+`"`)
	if !found {
		return ""
	}
	line, _, _ = strings.Cut(line, "</tr>")
	return strings.Join(strings.Fields(markup.ReplaceAllString(line, " ")), " ")
}

// TestFleetIsKeptWhileNothingChanges and is sent as it was made.
func TestFleetIsKeptWhileNothingChanges(t *testing.T) {
	k := newKeeper(t)
	_, login := k.user("ana", map[string]core.Role{"*": core.Admin})
	first, fresh := k.fleet(login)
	if again, anew := k.fleet(login); !fresh || anew || again != first || !strings.Contains(row(again, "shop"), "Shop") {
		t.Errorf("made: %v, made again: %v, row: %q", fresh, anew, row(again, "shop"))
	}
	for range 2 {
		small, _ := k.fleet(login, "Accept-Encoding", "gzip")
		z, err := gzip.NewReader(strings.NewReader(small))
		must(t, err)
		whole, err := io.ReadAll(z)
		must(t, err)
		if string(whole) != first {
			t.Error("what is sent compressed is another page")
		}
	}
}

// TestFleetIsNeverOld changes one thing after another of all that a row tells, and
// looks at the very next page: the clock stands, so that no second makes it new.
func TestFleetIsNeverOld(t *testing.T) {
	k := newKeeper(t)
	_, login := k.user("ana", map[string]core.Role{"*": core.Admin})
	s, ctx := k.a.Store, t.Context()
	other, err := store.Open(filepath.Join(k.dir, "basewright.db"))
	must(t, err)
	defer other.Close()
	status, seen := core.Unhealthy, k.now
	k.look = func(i core.Instance) (*core.Diagnosis, error) {
		d := aDiagnosis(i.ID)
		seen = seen.Add(time.Millisecond) // of two at once neither is the last
		d.Status, d.Timestamp = status, seen
		return d, nil
	}
	diagnose := func(as core.Status) func() error {
		return func() error {
			status = as
			_, err := k.a.Diagnoses.Run(ctx, shopOf["shop"], core.Full, core.BySchedule)
			return err
		}
	}
	begin, end := k.change("shop")
	for _, step := range []struct {
		what string
		does func() error
		has  string
		not  string
	}{
		{"a diagnosis ends", diagnose(core.Unhealthy), "Unhealthy", "Unknown"},
		{"another ends", diagnose(core.Degraded), "Degraded", "Unhealthy"},
		{"a name is given", func() error { return s.SetInstance(ctx, "shop", "Bazaar", core.Control, entryOf("edit")) }, "Bazaar", "Shop"},
		{"tags are given", func() error { return s.SetTags(ctx, "shop", []string{"eu"}, entryOf("edit")) }, "eu", ""},
		{"tags are given by another program", func() error { return other.SetTags(ctx, "shop", []string{"us"}, entryOf("edit")) }, "us", "eu"},
		{"users rely on it", func() error { return s.SetSetting(ctx, productionSetting, "shop") }, "Production", ""},
		{"a change begins", begin, "A change is under way", ""},
		{"it ends", end, "Bazaar", "A change is under way"},
		{"a snapshot is taken", func() error {
			return s.SaveSnapshot(ctx, core.Snapshot{ID: "n2", Instance: "shop", Scope: core.ConfigScope, Created: k.now.Add(72 * time.Hour)})
		}, "just now just now", ""},
		{"it is removed", func() error { return s.RemoveInstance(ctx, "shop", entryOf("instance.delete")) }, "", "Bazaar"},
	} {
		k.fleet(login)
		if _, fresh := k.fleet(login); fresh {
			t.Fatalf("before %s nothing is kept", step.what)
		}
		must(t, step.does())
		page, _ := k.fleet(login)
		line := row(page, "shop")
		if !strings.Contains(line, step.has) || step.not != "" && strings.Contains(line, step.not) {
			t.Errorf("after %s the row says %q", step.what, line)
		}
	}
}

// change returns how a change of an instance begins and ends that writes nothing
// down: what it is known by is memory.
func (k *keeper) change(instance string) (begin, end func() error) {
	let := make(chan struct{})
	begin = func() error {
		_, err := k.a.Changes.Start(k.t.Context(), instance, func(_ context.Context, id string, progress func(core.Event)) (*core.Change, error) {
			progress(core.Event{})
			<-let
			c := aChange(id, instance)
			return &c, nil
		})
		return err
	}
	end = func() error {
		close(let)
		k.a.Changes.Close(time.Minute) // which waits for it
		return nil
	}
	return begin, end
}

// TestFleetAgesAreOfNow: a page is no older than the second that it tells ages for.
func TestFleetAgesAreOfNow(t *testing.T) {
	k := newKeeper(t)
	_, login := k.user("ana", map[string]core.Role{"*": core.Admin})
	d := aDiagnosis("shop")
	d.Timestamp = k.now
	must(t, k.a.Store.SaveDiagnosis(t.Context(), d))
	begun := k.now
	for _, step := range []struct {
		after time.Duration
		says  string
	}{{0, "just now"}, {9 * time.Second, "just now"}, {10 * time.Second, "10 s ago"}, {11 * time.Second, "11 s ago"}, {3 * time.Minute, "3 min ago"}, {4 * time.Minute, "4 min ago"}} {
		k.now = begun.Add(step.after)
		for range 2 {
			if page, _ := k.fleet(login); !strings.Contains(row(page, "shop"), step.says) {
				t.Errorf("after %s the row says %q", step.after, row(page, "shop"))
			}
		}
	}
}

// TestFleetIsOfWhoAsks: nobody gets a page that was made for another, or for what
// they were allowed before, or in another dress.
func TestFleetIsOfWhoAsks(t *testing.T) {
	k := newKeeper(t)
	k.user("root", map[string]core.Role{"*": core.Admin})
	u, ana := k.user("ana", map[string]core.Role{"shop": core.Operator})
	_, bob := k.user("bob", map[string]core.Role{"other": core.Viewer})
	script := k.token(u.ID, []string{"shop"}, core.MayRead)
	narrow := k.token(u.ID, []string{"other"}, core.MayRead)
	grant := func(instance string, role core.Role) func() {
		return func() { must(t, k.a.Store.Grant(t.Context(), u.ID, instance, role, entryOf("grant"))) }
	}
	pick := `name="pick"`
	for _, step := range []struct {
		what      string
		does      func()
		who       string
		has, not  []string
		with, val string
	}{
		{"ana has one", nil, ana, []string{"row-shop", pick, ">ana<"}, []string{"row-other"}, "", ""},
		{"bob has another", nil, bob, []string{"row-other", ">bob<"}, []string{"row-shop", pick, ">ana<"}, "", ""},
		{"a script that may less", nil, script, []string{"row-shop"}, []string{"row-other", pick}, "", ""},
		{"a script for nothing of hers", nil, narrow, nil, []string{"row-other", "row-shop"}, "", ""},
		{"ana gets the other", grant("other", core.Viewer), ana, []string{"row-shop", "row-other"}, nil, "", ""},
		{"and so does her script", nil, narrow, []string{"row-other"}, []string{"row-shop"}, "", ""},
		{"ana may only look", grant("shop", core.Viewer), ana, []string{"row-shop"}, []string{pick}, "", ""},
		{"ana loses one", grant("shop", ""), ana, []string{"row-other"}, []string{"row-shop"}, "", ""},
		{"bob reads Portuguese", nil, bob, []string{"Instâncias"}, []string{"Instances"}, "Cookie", "lang=pt"},
		{"bob reads English", nil, bob, []string{"Instances"}, []string{"Instâncias"}, "Cookie", "lang=en"},
		{"his browser asks for Portuguese", nil, bob, []string{"Instâncias"}, []string{"Instances"}, "Accept-Language", "pt-BR"},
		{"bob likes it dark", nil, bob, []string{`data-theme="dark"`}, nil, "Cookie", "theme=dark"},
		{"bob likes it light", nil, bob, []string{`data-theme="light"`}, nil, "Cookie", "theme=light"},
	} {
		for _, who := range []string{ana, bob, script, narrow} {
			k.fleet(who) // so that there is something to mistake
		}
		if step.does != nil {
			step.does()
		}
		page, _ := k.fleet(step.who, step.with, step.val)
		for _, text := range step.has {
			if !strings.Contains(page, text) {
				t.Errorf("%s: the page has no %q", step.what, text)
			}
		}
		for _, text := range step.not {
			if strings.Contains(page, text) {
				t.Errorf("%s: the page has %q", step.what, text)
			}
		}
	}
	rec := k.part(bob, "fleet-list")
	if rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), "<html") || !strings.Contains(rec.Body.String(), "row-other") {
		t.Errorf("a part of the page: %d %.200s", rec.Code, rec.Body)
	}
}

// part asks for a block of the list, as htmx does.
func (k *keeper) part(credential, id string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range map[string]string{"Authorization": "Bearer " + credential, "HX-Request": "true", "HX-Target": "div#" + id} {
		r.Header.Set(name, value)
	}
	return k.send(r)
}

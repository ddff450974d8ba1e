package ui

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// slowly lets a world answer posts only while it is not held, and nothing while it is
// down, or only what a proxy says of one that is.
type slowly struct {
	http.Handler
	held      atomic.Pointer[chan struct{}]
	down, ill atomic.Bool
	posts     atomic.Int32
	lines     sync.Map // ends what is being answered
}

func (s *slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	s.lines.Store(r, end)
	defer s.lines.Delete(r)
	if r.Method == http.MethodPost {
		s.posts.Add(1)
		if held := s.held.Load(); held != nil {
			<-*held
		}
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/static/"):
	case s.down.Load():
		panic(http.ErrAbortHandler) // the connection is cut
	case s.ill.Load():
		http.Error(w, "no way to it", http.StatusBadGateway)
		return
	}
	s.Handler.ServeHTTP(w, r.WithContext(ctx))
}

// cut ends all streams.
func (s *slowly) cut() {
	s.lines.Range(func(_, end any) bool {
		end.(context.CancelFunc)()
		return true
	})
}

// hold makes posts wait until what it returns is called.
func (s *slowly) hold() (release func()) {
	held := make(chan struct{})
	s.held.Store(&held)
	return func() {
		s.held.Store(nil)
		close(held)
	}
}

// onASlowLine is a world with much in it, seen by a browser over such a line.
func onASlowLine(t *testing.T) (*world, *slowly, *browser) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	s := &slowly{Handler: w.h}
	w.h = s
	b := browse(t, w)
	b.login()
	return w, s, b
}

// inBothThemes keeps pictures of what is seen while something lasts, and asks axe.
func (b *browser) inBothThemes(name, axe string) {
	b.t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		b.dress(scheme)
		b.shot(name + "-" + scheme)
		b.accessible(name+" in "+scheme, axe)
	}
	b.size(390, 844)
	b.shot(name + "-phone")
	b.fits(name)
	b.size(1360, 900)
}

// TestWaitingForAnAnswer presses a button whose answer takes long: it says so at once,
// again after a while, and is sent once.
func TestWaitingForAnAnswer(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	_, s, b := onASlowLine(t)
	for n, on := range []struct{ name, path, button, until string }{
		{"diagnose", "/instances/shop", `form[action$="/diagnose"] button`, "#notices .notice"},
		{"snapshot", "/instances/shop/snapshots", ".inline .primary", "#notices .notice"},
		{"adopt", "/adopt", `form[action="/adopt"] .primary`, ".tabs"},
		{"check", "/playbooks/new", "[value=check]", ".examples"},
	} {
		b.open(on.path)
		b.run(chromedp.WaitVisible(on.button, chromedp.ByQuery))
		before, release := s.posts.Load(), s.hold()
		b.click(on.button, on.button+".is-busy[aria-disabled=true]")
		b.has(`document.querySelector("form[aria-busy=true]")`)
		b.shot("waiting-" + on.name + "-pressed")
		b.eval(`document.querySelector("form[aria-busy=true]").requestSubmit()`, nil)
		if n == 0 { // the word is the same on every page
			b.run(chromedp.WaitVisible("#waiting", chromedp.ByQuery))
			b.inBothThemes("waiting-"+on.name, string(axe))
		}
		release()
		b.run(chromedp.WaitVisible(on.until, chromedp.ByQuery), chromedp.WaitNotVisible("#waiting", chromedp.ByQuery))
		if times := s.posts.Load() - before; times != 1 {
			t.Errorf("%s: it was sent %d times", on.name, times)
		}
		b.has(`!document.querySelector("form[aria-busy]")`)
	}
	b.quiet()
}

// TestServerGoneWhileWaiting cuts the line under forms: what was typed stays, the
// reason is told, and pressing again sends it.
func TestServerGoneWhileWaiting(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	_, s, b := onASlowLine(t)
	for _, on := range []struct{ name, path, field, button, until string }{
		{"snapshot", "/instances/shop/snapshots", "[name=reason]", ".inline .primary", "#notices .notice"},
		{"token", "/tokens", ".pane input[name=name]", ".pane .primary", "#once"},
		{"create", "/new", "input[name=name]", "aside .primary", ".phases"},
	} {
		b.open(on.path)
		b.run(chromedp.SendKeys(on.field, "before-sale", chromedp.ByQuery))
		s.down.Store(true)
		b.click(on.button, "#lost")
		b.has(`!document.querySelector("form[aria-busy], .is-busy")`)
		var typed string
		b.eval(`document.querySelector("`+on.field+`").value`, &typed)
		if typed != "before-sale" {
			t.Errorf("%s: what was typed is %q", on.name, typed)
		}
		b.inBothThemes("lost-"+on.name, string(axe))
		s.down.Store(false)
		b.click("[data-again]", on.until)
		b.run(chromedp.WaitNotVisible("#lost", chromedp.ByQuery))
	}
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION")
}

// TestRefusalKeepsTheForm wants a refusal told beside what was typed.
func TestRefusalKeepsTheForm(t *testing.T) {
	_, _, b := onASlowLine(t)
	b.open("/instances/shop/snapshots")
	b.run(chromedp.SendKeys("[name=reason]", "before-sale", chromedp.ByQuery))
	b.eval(`document.querySelector("#scope").append(new Option("x", "nonsense", true, true))`, nil)
	b.click(".inline .primary", "#refused")
	b.shot("refused")
	var typed string
	b.eval(`document.querySelector("[name=reason]").value`, &typed)
	if said := b.text("#refused"); typed != "before-sale" || !strings.Contains(said, "nonsense") {
		t.Errorf("%q is left, and it says %q", typed, said)
	}
	b.run(chromedp.Click("#refused [data-hush]", chromedp.ByQuery), chromedp.WaitNotVisible("#refused", chromedp.ByQuery))

	b.size(390, 844)
	b.open("/users")
	b.click("[popovertarget^=user-]", ".drawer [name=instance]")
	b.run(chromedp.SendKeys(".drawer [name=instance]", "ghost", chromedp.ByQuery))
	b.eval(`document.querySelector(".drawer [name=role]").append(new Option("x", "nonsense", true, true))`, nil)
	b.click(`.drawer form[action$="/grants"] button`, "#refused")
	b.shot("refused-over-a-menu")
	b.has(`(({ left, top, width, height }) => document.elementFromPoint(left + width / 2, top + height / 2))(document.querySelector("#refused").getBoundingClientRect()).closest("#refused")`)
	b.has(`!document.querySelector("#refused a").checkVisibility()`)
	b.has(`document.querySelector(".drawer:popover-open [name=instance]").value === "ghost"`)
	b.quiet("400", "404")
}

// TestLivePageWithoutAServer wants a change's page to say that it hears nothing, keep
// what it shows, and go on by itself.
func TestLivePageWithoutAServer(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	w, s, b := onASlowLine(t)
	ch := aRepair(time.Now(), "running", core.Applying)
	ch.Finished = time.Time{}
	must(t, w.a.Store.SaveChange(t.Context(), ch))
	b.open("/changes/running")
	b.run(chromedp.WaitVisible(".verdict.info", chromedp.ByQuery))
	s.down.Store(true)
	b.run(chromedp.WaitVisible("#unheard", chromedp.ByQuery), chromedp.WaitVisible(".verdict.info", chromedp.ByQuery))
	b.inBothThemes("unheard", string(axe))
	ch.State, ch.Finished = core.Committed, time.Now()
	must(t, w.a.Store.SaveChange(t.Context(), ch))
	s.down.Store(false)
	b.run(chromedp.WaitVisible(".verdict.healthy", chromedp.ByQuery), chromedp.WaitNotVisible("#unheard", chromedp.ByQuery))
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION")
}

// TestListWithoutAServer wants the fleet's page to say that it hears nothing, also of a
// proxy that answers in the agent's place, and to go on by itself.
func TestListWithoutAServer(t *testing.T) {
	w, s, b := onASlowLine(t)
	b.open("/")
	for name, how := range map[string]*atomic.Bool{"cut off": &s.down, "behind a proxy": &s.ill} {
		b.has(`source?.readyState === EventSource.OPEN`)
		how.Store(true)
		s.cut()
		b.run(chromedp.WaitVisible("#unheard", chromedp.ByQuery))
		healed := aDiagnosis("shop")
		healed.Timestamp, healed.Status, healed.Findings, healed.RootCauses = time.Now(), core.Healthy, nil, nil
		if name == "cut off" {
			healed.Status = core.Unhealthy
		}
		must(t, w.a.Store.SaveDiagnosis(t.Context(), healed))
		how.Store(false)
		b.run(chromedp.WaitNotVisible("#unheard", chromedp.ByQuery))
		b.has(`document.querySelector("[href='/instances/shop']").closest("tr, li").querySelector(".status.` + string(healed.Status) + `")`)
	}
	// On a busy machine the first request after a cut may have waited too long to be answered.
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION", "502", "503")
}

// TestRefusalLeadsToTheChange wants a refusal to lead to the change that is in the way.
func TestRefusalLeadsToTheChange(t *testing.T) {
	w, _, b := onASlowLine(t)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	b.open("/instances/shop")
	b.run(chromedp.Click(`[popovertarget="power-menu"]`, chromedp.ByQuery), chromedp.WaitVisible("#power-menu [value=stop]", chromedp.ByQuery))
	begun := w.form("/instances/shop/power", login, url.Values{"what": {"safe-restart"}}).Header().Get("Location")
	b.click("#power-menu [value=stop]", "#refused a")
	var leads string
	b.eval(`document.querySelector("#refused a").pathname`, &leads)
	if begun == "" || leads != begun {
		t.Errorf("it leads to %s, want %s", leads, begun)
	}
	b.shot("refused-busy")
	b.quiet("409")
}

// TestBackWithoutAServer goes back from the answer to a form: what is offered then is to
// load the page, not to send the form again.
func TestBackWithoutAServer(t *testing.T) {
	_, s, b := onASlowLine(t)
	b.open("/instances/shop/snapshots")
	b.click(".inline .primary", "#notices .notice")
	sent := s.posts.Load()
	s.down.Store(true)
	b.eval(`history.back()`, nil)
	b.run(chromedp.WaitVisible("#lost", chromedp.ByQuery))
	s.down.Store(false)
	b.run(chromedp.Click("[data-again]", chromedp.ByQuery), chromedp.WaitNotVisible("#lost", chromedp.ByQuery), chromedp.WaitVisible(".inline .primary", chromedp.ByQuery))
	if s.posts.Load() != sent {
		t.Error("the form is sent again")
	}
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION")
}

// TestAnswerToAFormHasNoAddress wants nothing in the address that nobody could ask for.
func TestAnswerToAFormHasNoAddress(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{core.EveryInstance: core.Admin})
	if rec := w.form("/new", login, url.Values{"name": {"shop"}}); rec.Code != http.StatusOK || rec.Header().Get("HX-Push-Url") != "false" {
		t.Errorf("a page that answers a form: %d, HX-Push-Url %q", rec.Code, rec.Header().Get("HX-Push-Url"))
	}
}

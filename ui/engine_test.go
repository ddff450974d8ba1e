package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// errNoEngine is what is told where no Docker Engine is.
var errNoEngine = &core.Error{Code: core.Unreachable, Message: "no Docker Engine answers at unix:///none.sock", Hint: "install or start Docker Engine"}

// engineless is a world whose Docker Engine answers with what say points to, and a
// count of how often it was asked.
func engineless(t *testing.T, say *error) (w *world, asked *int) {
	w, asked = newWorld(t), new(int)
	w.a.Works.Engine = func(context.Context) error {
		*asked++
		return *say
	}
	return w, asked
}

// TestEveryPageTellsOfNoEngine wants it on every page in both languages, with what to
// do, and no page to ask an engine for it.
func TestEveryPageTellsOfNoEngine(t *testing.T) {
	var say error = errNoEngine
	w, asked := engineless(t, &say)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	everywhere := func(want bool, lang, words string) {
		t.Helper()
		for _, r := range pages {
			// The page about the agent says how each part is now, and so looks.
			if r.method != http.MethodGet || strings.HasPrefix(r.path, "/static/") || r.path == "/about" && !want {
				continue
			}
			q := httptest.NewRequest(r.method, pathOf(r, "shop"), nil)
			q.Header.Set("Authorization", "Bearer "+login)
			q.Header.Set("Accept-Language", lang)
			rec := w.send(q)
			if rec.Code != http.StatusSeeOther && strings.Contains(rec.Body.String(), words) != want {
				t.Errorf("%s in %s: it says %q: %v", r.path, lang, words, !want)
			}
		}
	}
	everywhere(false, "en", "No Docker Engine answers")
	if w.a.EngineAnswers(t.Context()) == nil {
		t.Fatal("the engine answered")
	}
	*asked = 0
	everywhere(true, "en", "No Docker Engine answers")
	everywhere(true, "en", "systemctl start docker")
	everywhere(true, "en", "at unix:///none.sock")
	everywhere(true, "pt-BR", "Nenhum Docker Engine responde")
	if *asked != 4 { // by the page about the agent
		t.Errorf("the engine was asked %d times", *asked)
	}
	if rec := w.ask(http.MethodGet, "/login", "", ""); strings.Contains(rec.Body.String(), "Docker") {
		t.Error("strangers are told of the engine")
	}
	say = nil
	must(t, w.a.EngineAnswers(t.Context()))
	everywhere(false, "en", "No Docker Engine answers")
}

// TestWatchEngine wants the pages to know within a moment that an engine went or
// came back, and nothing to be learned from a look that was given up.
func TestWatchEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var say atomic.Pointer[core.Error]
		say.Store(errNoEngine)
		a := &Agent{Works: Works{Engine: func(ctx context.Context) error {
			if why := say.Load(); why != nil {
				return why
			}
			return ctx.Err()
		}}}
		ctx, cancel := context.WithCancel(t.Context())
		go a.WatchEngine(ctx)
		synctest.Wait()
		if !strings.Contains(a.silent(), "no Docker Engine answers at unix:///none.sock") {
			t.Errorf("after the first look: %q", a.silent())
		}
		say.Store(nil)
		time.Sleep(lookAtEngine)
		synctest.Wait()
		if a.silent() != "" {
			t.Errorf("it is back: %q", a.silent())
		}
		cancel()
		synctest.Wait()
		if a.EngineAnswers(ctx) == nil || a.silent() != "" {
			t.Errorf("a look that was given up: %q", a.silent())
		}
	})
}

// TestNoEngineInABrowser looks at it by day, by night and on a phone.
func TestNoEngineInABrowser(t *testing.T) {
	var say error = errNoEngine
	w, _ := engineless(t, &say)
	w.withPassword("ana")
	fleetOf(w, 5)
	_ = w.a.EngineAnswers(t.Context())
	b := browse(t, w)
	b.login()
	for _, scheme := range []string{"light", "dark"} {
		b.size(1360, 900)
		b.dress(scheme)
		b.open("/")
		b.run(chromedp.WaitVisible("main > .problem", chromedp.ByQuery))
		b.shot("no-engine-" + scheme)
	}
	b.click(`form[action="/diagnose"] .under button`, "#refused:not([hidden])")
	if said := b.text("#refused span"); said != "no instance is selected" {
		t.Errorf("a refusal is told as %q", said)
	}
	b.size(390, 844)
	b.open("/instances/shop")
	b.shot("no-engine-phone")
	b.fits("no engine")
	b.quiet("400")
}

package ui

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// gateway is a proxy before the panel. While the agent is away it answers with
// 502 and a page of its own, as proxies do, and cuts off what streams.
type gateway struct {
	mu      sync.Mutex
	away    bool
	cut     []context.CancelFunc
	refused chan string // addresses
}

func (g *gateway) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		g.mu.Lock()
		away := g.away
		g.cut = append(g.cut, cancel)
		g.mu.Unlock()
		if away {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>"))
			g.refused <- r.URL.Path
			return
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (g *gateway) isAway(away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = away
	for _, cut := range g.cut {
		cut()
	}
}

// refuses waits until somebody was refused an address.
func (g *gateway) refuses(path string) {
	for at := range g.refused {
		if at == path {
			return
		}
	}
}

// TestALostConnectionLosesNothing takes the agent away from pages that listen, for
// so long that the browser itself gives up. They stay as they are meanwhile; when
// it is back they show what happened, and what happens from then on.
func TestALostConnectionLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 3)
	ch := aRepair(time.Now(), "running", core.Applying)
	ch.Finished = time.Time{}
	must(t, w.a.Store.SaveChange(t.Context(), ch))
	g := &gateway{refused: make(chan string, 1000)}
	w.h = g.before(w.h)
	b := browse(t, w)
	b.login()
	for _, page := range []struct {
		path, until, part, then string
		meanwhile               func()
	}{
		{"/", "#row-customer-001 .healthy", "#fleet-list", "#row-customer-001 .unhealthy", func() { w.diagnosed("customer-001") }},
		{"/changes/running", ".verdict.info", "#change-live", ".verdict.healthy", func() {
			ch.State, ch.Finished = core.Committed, time.Now()
			must(t, w.a.Store.SaveChange(t.Context(), ch))
		}},
	} {
		b.open(page.path)
		b.run(chromedp.WaitVisible(page.until, chromedp.ByQuery))
		b.listens()
		g.isAway(true)
		g.refuses("/api/events")
		b.run(chromedp.Evaluate(`new Promise((done) => {
			document.addEventListener("htmx:finally:request", () => setTimeout(done), { once: true });
			htmx.trigger("`+page.part+`", "live");
		})`, nil, awaitPromise))
		g.refuses(page.path)
		var there bool
		b.eval(`Boolean(document.querySelector("`+page.until+`")) && !document.body.innerText.includes("502")`, &there)
		if !there {
			t.Errorf("%s: what was there is gone while the agent is away", page.path)
		}
		page.meanwhile()
		g.isAway(false)
		b.run(chromedp.WaitVisible(page.then, chromedp.ByQuery))
	}
	b.open("/")
	b.swap(func() { w.diagnosed("customer-002") })
	b.quiet("502")
}

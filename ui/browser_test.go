package ui

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/browsertest"
)

// browser is a tab of a real one, on a world's panel.
type browser struct {
	*browsertest.Tab
	t *testing.T
	w *world
}

// browse opens a browser on a world's panel.
func browse(t *testing.T, w *world) *browser {
	t.Helper()
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	t.Cleanup(w.a.Hub.Close)
	return &browser{browsertest.Open(t, server.URL, "../.lab/screens"), t, w}
}

func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	b.Run(actions...)
}

func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	b.Quiet(expected...)
}

func (b *browser) shot(name string) {
	b.t.Helper()
	b.Shot(name)
}

func (b *browser) where() string { return b.Where() }

// open goes to a page.
func (b *browser) open(path string) {
	b.t.Helper()
	b.run(browsertest.Visit(b.Base + path))
}

// text is what the first element of a selector says.
func (b *browser) text(selector string) (s string) {
	b.t.Helper()
	b.run(chromedp.Text(selector, &s, chromedp.ByQuery))
	return s
}

// click presses what a selector finds, and waits until something is there.
func (b *browser) click(selector, until string) {
	b.t.Helper()
	b.run(chromedp.Click(selector, chromedp.ByQuery), chromedp.WaitVisible(until, chromedp.ByQuery))
}

// eval asks the page's own script.
func (b *browser) eval(expression string, out any) {
	b.t.Helper()
	b.run(chromedp.Evaluate(expression, out))
}

// login logs in by the form as ana, who may everything.
func (b *browser) login() {
	b.t.Helper()
	b.open("/")
	b.run(chromedp.WaitVisible("#password"), chromedp.SendKeys("#username", "ana"), chromedp.SendKeys("#password", goodPassword))
	b.click("button.primary", ".side")
}

// size makes the window as large as a phone or a desk has it.
func (b *browser) size(wide, tall int64) {
	b.t.Helper()
	b.run(emulation.SetDeviceMetricsOverride(wide, tall, 1, wide < 600))
}

// dress shows the panel by night or by day.
func (b *browser) dress(scheme string) {
	b.t.Helper()
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// tagged are the tags of a fleet's instances, in turn.
var tagged = [][]string{{"eu", "paid"}, {"trial"}, {}}

// fleetOf fills a world with so many instances and a past for each.
func fleetOf(w *world, n int) {
	w.t.Helper()
	ctx, now := context.Background(), time.Now().UTC()
	causes := []struct{ code, title string }{{"PG-01", "The database does not accept the password that the stack uses"}, {"DK-13", "A service ends with an error or restarts again and again"}, {"AUTH-11", "The site's address is not where the stack is reached"}}
	for i := range n {
		id := fmt.Sprintf("customer-%03d", i)
		must(w.t, w.a.Store.AddInstance(ctx, core.Instance{ID: id, Name: fmt.Sprintf("Customer %03d", i), Project: id, Dir: "/srv/" + id, Origin: core.Adopted, Mode: core.Control, Release: "2026.10", Tags: tagged[i%3]}, entryOf("instance.adopt")))
		for k := 10; k >= 0; k-- {
			d := aDiagnosis(id)
			d.Timestamp, d.Mode, d.DurationMS = now.Add(-time.Duration(k)*29*time.Hour-time.Duration(i)*time.Minute), core.Full, 640
			c := causes[i%3]
			switch {
			case i%7 == 3 && k < 2:
				d.Findings[0].Code, d.Findings[0].Title, d.RootCauses = c.code, c.title, []string{c.code}
			case i%11 == 5:
				d.Status, d.Findings[0].Severity, d.Findings[0].Code, d.RootCauses = core.Degraded, core.Warning, "DK-15", []string{"DK-15"}
				d.Findings[0].Title = "The log of a container grows without bound"
			default:
				d.Status, d.Findings, d.RootCauses = core.Healthy, []core.Finding{}, []string{}
			}
			must(w.t, w.a.Store.SaveDiagnosis(ctx, d))
		}
	}
}

// awaitPromise waits for what a script promises.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

package ui

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// browser is a tab of a real one, which notes whatever a page complains of.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
	w    *world

	mu        sync.Mutex
	complains []string
}

// shots is the folder that screenshots go to, to be looked at.
const shots = "../.lab/screens"

// browse opens a browser on a world's panel.
func browse(t *testing.T, w *world) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is not short")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here; bin/lab tools installs it")
	}
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	t.Cleanup(w.a.Hub.Close)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en"), chromedp.Flag("disable-dev-shm-usage", true))...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: server.URL, w: w}
	must(t, chromedp.Run(ctx)) // starts it, and it ends with this context
	chromedp.ListenTarget(ctx, b.listen)
	b.run(log.Enable(), emulation.SetDeviceMetricsOverride(1360, 900, 1, false))
	return b
}

// listen notes errors of scripts, and what the browser itself logs: requests
// that failed, and content that the policy forbids.
func (b *browser) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			text = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	}
	if text != "" {
		b.mu.Lock()
		b.complains = append(b.complains, text)
		b.mu.Unlock()
	}
}

// quiet fails the test when a page complained, save of what is expected.
func (b *browser) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.complains {
		fine := false
		for _, e := range expected {
			fine = fine || strings.Contains(text, e)
		}
		if !fine {
			b.t.Errorf("the browser says: %s", text)
		}
	}
	b.complains = nil
}

func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.shot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatalf("%v, on %s", err, b.where())
	}
}

// open goes to a page.
func (b *browser) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.base + path))
}

func (b *browser) where() (url string) {
	_ = chromedp.Run(b.ctx, chromedp.Location(&url))
	return strings.TrimPrefix(url, b.base)
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

// shot keeps a picture of the whole page.
func (b *browser) shot(name string) {
	b.t.Helper()
	var png []byte
	if err := chromedp.Run(b.ctx, chromedp.Sleep(120*time.Millisecond), chromedp.FullScreenshot(&png, 100)); err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	must(b.t, os.MkdirAll(shots, 0o755))
	must(b.t, os.WriteFile(filepath.Join(shots, name+".png"), png, 0o644))
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

// fleetOf fills a world with so many instances and a past for each.
func fleetOf(w *world, n int) {
	w.t.Helper()
	ctx, now := context.Background(), time.Now().UTC()
	causes := []struct{ code, title string }{{"PG-01", "The database does not accept the password that the stack uses"}, {"DK-13", "A service ends with an error or restarts again and again"}, {"AUTH-11", "The site's address is not where the stack is reached"}}
	for i := range n {
		id := fmt.Sprintf("customer-%03d", i)
		must(w.t, w.a.Store.AddInstance(ctx, core.Instance{ID: id, Name: fmt.Sprintf("Customer %03d", i), Project: id, Dir: "/srv/" + id, Origin: core.Adopted, Mode: core.Control, Release: "2026.10"}, entryOf("instance.adopt")))
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

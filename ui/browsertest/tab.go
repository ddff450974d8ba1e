// Package browsertest drives a real browser in tests and notes whatever a page
// makes it complain of.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Tab is a tab of a browser of its own, on one site.
type Tab struct {
	Base string // of the site

	t     *testing.T
	ctx   context.Context
	shots string // the folder that pictures go to

	mu        sync.Mutex
	complains []string
	held      atomic.Bool
}

// Open starts a browser, or skips the test where there is none.
func Open(t *testing.T, base, shots string) *Tab {
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
		if os.Getenv("BASEWRIGHT_REQUIRE_ENGINE") == "1" {
			t.Fatal("there is no Chromium here; bin/lab test installs it")
		}
		t.Skip("there is no Chromium here; bin/lab test installs it")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en"), chromedp.Flag("disable-dev-shm-usage", true))...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	b := &Tab{Base: base, t: t, ctx: ctx, shots: shots}
	if err := chromedp.Run(ctx); err != nil { // it starts, and ends with this context
		t.Fatal(err)
	}
	chromedp.ListenTarget(ctx, b.listen)
	b.Run(log.Enable(), emulation.SetDeviceMetricsOverride(1360, 900, 1, false))
	return b
}

// listen notes errors of scripts, windows that ask something, and what the browser
// itself logs: requests that failed, and content that the policy forbids.
func (b *Tab) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if (e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning) && !strings.Contains(e.Entry.Text, networkChanged) {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			text = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *page.EventJavascriptDialogOpening:
		if e.Type == page.DialogTypeBeforeunload {
			b.held.Store(true)
		} else {
			text = fmt.Sprintf("%s: %s", e.Type, e.Message)
		}
		go func() { _ = chromedp.Run(b.ctx, page.HandleJavaScriptDialog(true)) }() // the tab waits for it
	}
	if text != "" {
		b.mu.Lock()
		b.complains = append(b.complains, text)
		b.mu.Unlock()
	}
}

// Quiet fails the test when a page complained, save of what is expected.
func (b *Tab) Quiet(expected ...string) {
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

// Held reports whether a page asked, since this was last asked for, if it should
// really be left. It always is.
func (b *Tab) Held() bool { return b.held.Swap(false) }

// Complaints are what a page complained of since they were last asked for.
func (b *Tab) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.complains
	b.complains = nil
	return said
}

// Run does something in the tab, within a minute and a half.
func (b *Tab) Run(actions ...chromedp.Action) {
	b.t.Helper()
	b.Within(90*time.Second, actions...)
}

// Within does something in the tab that may take so long.
func (b *Tab) Within(most time.Duration, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, most)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.Shot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatalf("%v, on %s", err, b.Where())
	}
}

// TabTo goes on from control to control with the Tab key until one is focused that
// the selector finds.
func TabTo(selector string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		const most = 250 // controls of a page
		for range most {
			if err := chromedp.KeyEvent(kb.Tab).Do(ctx); err != nil {
				return err
			}
			there := false
			if err := chromedp.Evaluate(fmt.Sprintf("document.activeElement.matches(%q)", selector), &there).Do(ctx); err != nil || there {
				return err
			}
		}
		return fmt.Errorf("the Tab key does not lead to %s", selector)
	})
}

// networkChanged is what Chromium drops its connections with when an interface
// comes or goes, as those of containers do beside these tests.
const networkChanged = "ERR_NETWORK_CHANGED"

// Visit opens an address, again where the network of this machine changed
// meanwhile.
func Visit(url string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) (err error) {
		for range 5 {
			if err = chromedp.Navigate(url).Do(ctx); err == nil || !strings.Contains(err.Error(), networkChanged) {
				break
			}
		}
		return err
	})
}

// Leaves waits until the tab shows another address.
func Leaves(url string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			var now string // cannot be told while a page goes and the next comes
			if err := chromedp.Location(&now).Do(ctx); err == nil && now != url {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// Where is the path and the query that the tab shows.
func (b *Tab) Where() (url string) {
	_ = chromedp.Run(b.ctx, chromedp.Location(&url))
	return strings.TrimPrefix(url, b.Base)
}

// Shot keeps a picture of the whole page, to be looked at.
func (b *Tab) Shot(name string) {
	b.t.Helper()
	var png []byte
	err := chromedp.Run(b.ctx, chromedp.Sleep(120*time.Millisecond), chromedp.FullScreenshot(&png, 100))
	if err == nil {
		err = os.MkdirAll(b.shots, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
	}
}

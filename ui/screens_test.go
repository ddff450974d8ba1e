package ui

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	capture "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// screens are the pages that are looked at, by the name of their picture.
var screens = []struct{ name, path, until string }{
	{"fleet", "/", ".fleet"},
	{"overview", "/instances/shop", ".cause"},
	{"history", "/instances/shop/history", ".timeline"},
	{"logs", "/instances/shop/logs", ".log li"},
	{"config", "/instances/shop/config", ".settings"},
	{"clone", "/instances/shop/clone", ".fields"},
	{"upgrade", "/instances/shop/upgrade", ".ways"},
	{"files", "/instances/shop/files?file=volumes/api/kong.yml", ".files textarea"},
	{"snapshots", "/instances/shop/snapshots", ".list"},
	{"schedules", "/instances/shop/schedules", ".list"},
	{"changes", "/instances/shop/changes", ".list"},
	{"keys", "/instances/shop/keys", ".keys"},
	{"plan", "/instances/shop/fix?finding=PG-01&playbook=align-database-passwords", ".approve"},
	{"receipt", "/changes/repair-kept", ".receipt"},
	{"taken-back", "/changes/repair-back", ".receipt"},
	{"adopt", "/adopt", ".rows"},
	{"create", "/new", ".wizard"},
	{"playbooks", "/playbooks", ".rows"},
	{"playbook", "/playbooks/restart-auth", ".lua"},
	{"editor", "/playbooks/new", "#source"},
	{"security", "/security", ".exposure"},
	{"stacks", "/security?stacks=now", ".together .sheet"},
	{"users", "/users", ".rows"},
	{"tokens", "/tokens", ".boxes"},
	{"quarantine", "/quarantine", ".rows"},
	{"audit", "/audit?verify=1", ".proof-of"},
	{"settings", "/settings", ".choice"},
	{"factor", "/settings/factor", "#once"},
	{"about", "/about", ".parts"},
	{"palette", "/palette", ".places"},
	{"not-there", "/instances/ghost", ".trouble"},
	{"empty", "/?q=nothing-is-called-so", ".empty"},
}

// TestEveryScreen opens every page by day, by night and on a phone, keeps a
// picture of it, and wants no complaint of the browser and nothing serious of
// axe. BASEWRIGHT_SCREENS names some of them, for who works on these.
func TestEveryScreen(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 24)
	showcase(w)
	withKeys(w)
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	b := browse(t, w)
	b.open("/login")
	b.shot("login-light")
	b.login()
	only := strings.Fields(os.Getenv("BASEWRIGHT_SCREENS"))
	for _, s := range screens {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		b.size(1360, 900)
		for _, scheme := range []string{"light", "dark"} {
			b.dress(scheme)
			b.open(s.path)
			b.run(chromedp.WaitVisible(s.until, chromedp.ByQuery))
			b.shot(s.name + "-" + scheme)
			b.accessible(s.name+" in "+scheme, string(axe))
		}
		b.dress("light")
		b.size(390, 844)
		b.open(s.path)
		b.shot(s.name + "-phone")
		b.fits(s.name)
	}
	b.quiet("404")
}

// TestPictures makes README's pictures anew when BASEWRIGHT_PICTURES is set; what is
// on them is compared with nothing.
func TestPictures(t *testing.T) {
	if os.Getenv("BASEWRIGHT_PICTURES") == "" {
		t.Skip("BASEWRIGHT_PICTURES=1 makes README's pictures anew")
	}
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 14)
	showcase(w)
	b := browse(t, w)
	b.login()
	b.size(1180, 880)
	for _, s := range screens {
		path := "panel/pictures/" + s.name + ".webp"
		if _, err := os.Stat(path); err != nil {
			continue
		}
		b.dress(map[bool]string{true: "dark", false: "light"}[s.name == "plan"])
		b.open(s.path)
		var picture []byte
		b.run(chromedp.WaitVisible(s.until, chromedp.ByQuery), chromedp.ActionFunc(func(ctx context.Context) (err error) {
			picture, err = capture.CaptureScreenshot().WithFormat(capture.CaptureScreenshotFormatWebp).WithQuality(80).Do(ctx)
			return err
		}))
		must(t, os.WriteFile(path, picture, 0o600))
		must(t, os.Chmod(path, 0o644)) //nolint:gosec // a file of the repository
	}
}

// TestEveryScreenInPortuguese keeps a picture of every page on a phone by night and wants
// none wider than that, also of what is told while an answer is waited for: these words
// are longer.
func TestEveryScreenInPortuguese(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	withKeys(w)
	b := browse(t, w)
	b.login()
	b.open("/settings")
	b.click(`button[name=lang][value=pt]`, `html[lang="pt-BR"]`)
	b.dress("dark")
	b.size(390, 844)
	told := []string{"waiting", "lost", "unheard"}
	for n, s := range screens {
		b.open(s.path)
		b.run(chromedp.WaitVisible(s.until, chromedp.ByQuery))
		b.eval(`tell("`+told[n%len(told)]+`")`, nil)
		b.shot(s.name + "-phone-pt")
		b.fits(s.name)
	}
	b.quiet("404")
}

// accessible wants nothing serious of axe-core.
func (b *browser) accessible(name, axe string) {
	b.t.Helper()
	var found []string
	b.run(chromedp.Evaluate(axe, nil))
	b.run(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + n.failureSummary.split("\n").slice(1, 2)).join(" | ")))`,
		&found, awaitPromise))
	if len(found) > 0 {
		b.t.Errorf("%s: axe finds %s", name, strings.Join(found, "\n  "))
	}
}

// fits wants no page that is wider than a phone.
func (b *browser) fits(name string) {
	b.t.Helper()
	var over int
	b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &over)
	if over > 0 {
		b.t.Errorf("%s is %d pixels wider than a phone", name, over)
	}
}

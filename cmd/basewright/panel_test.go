package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/ui/browsertest"
)

// TestPanelOnARealStack goes the whole way in a browser, on a stack whose
// password was changed: the first login, adopt, allow changes, diagnose, the
// cause, the plan, live steps, the receipt, a healthy stack, and undo.
func TestPanelOnARealStack(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	secrets := w.secrets(t, stack)
	p.lab("break", stack, "PG-01")
	s := startServe(t, p.data).ready()
	password := regexp.MustCompile(`with the password (\S+)`).FindStringSubmatch(s.out.String())
	if password == nil {
		t.Fatalf("no password was printed:\n%s", s.out)
	}
	b := browsertest.Open(t, s.url, "../../.lab/screens")
	var all strings.Builder
	look := func() {
		var html string
		b.Run(chromedp.OuterHTML("html", &html, chromedp.ByQuery))
		all.WriteString(html)
	}
	b.Run(browsertest.Visit(s.url+"/"), see("#password"), chromedp.SendKeys("#username", "admin"), chromedp.SendKeys("#password", password[1]), press("button.primary"), see(".guide"))
	b.Run(press(`.guide a[href="/adopt"]`), see("input[name=project]"),
		chromedp.Evaluate(`document.querySelectorAll("input[name=project]").forEach(b => b.checked = b.value === "`+stack+`")`, nil), press(`form[action="/adopt"] .primary`), see(".empty"))
	b.Run(press(`[name=mode][value=control]`), see(`[name=mode][value=observe]`), press(`form[action$="/diagnose"] button`), see("#finding-PG-01"))
	b.Shot("real-overview")
	look()
	b.Run(press(`#finding-PG-01 .decide .primary`), see(".approve"))
	b.Shot("real-plan")
	look()
	b.Run(press(`.approve button`), see(".verdict"))
	b.Run(see(".verdict.healthy"))
	b.Shot("real-receipt")
	look()
	receipt := b.Where()
	b.Run(browsertest.Visit(s.url+"/instances/"+stack), see(".calm")) // what verified it is what the page shows
	look()
	b.Run(browsertest.Visit(s.url+"/instances/"+stack+"/logs"), see(".log li"))
	look()
	b.Run(browsertest.Visit(s.url+"/instances/"+stack+"/config"), see(".settings li"))
	look()
	b.Run(browsertest.Visit(s.url+receipt), press(`form[action$="/undo"] button`), browsertest.Leaves(s.url+receipt), see(".verdict.healthy"))
	b.Run(browsertest.Visit(s.url+"/instances/"+stack), chromedp.WaitVisible("#finding-PG-01", chromedp.ByQuery))
	b.Quiet()
	for name, secret := range secrets {
		if strings.Contains(all.String(), secret) {
			t.Errorf("a page shows %s", name)
		}
	}
	p.lab("mend", stack)
	s.stop()
}

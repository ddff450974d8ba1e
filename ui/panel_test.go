package ui

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestLoginAndFleetInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 60)
	b := browse(t, w)
	b.open("/?sort=name")
	b.run(chromedp.WaitVisible("#password"), chromedp.SendKeys("#username", "ana"), chromedp.SendKeys("#password", "wrong"))
	b.shot("login")
	b.click("button.primary", ".problem")
	b.quiet("401")
	b.run(chromedp.SendKeys("#password", goodPassword))
	b.click("button.primary", ".fleet")
	if at := b.where(); at != "/?sort=name" {
		t.Errorf("after the login: %s", at)
	}
	b.shot("fleet")
	b.open("/instances/customer-003")
	b.shot("overview")
	b.quiet()
}

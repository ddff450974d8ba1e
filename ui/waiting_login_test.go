package ui

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLoginIsSentOnce presses the button of the login twice. It is sent as browsers send
// forms, since the page that comes has another frame.
func TestLoginIsSentOnce(t *testing.T) {
	_, s, b := onASlowLine(t)
	b.run(chromedp.Click(`form[action="/logout"] button`, chromedp.ByQuery), chromedp.WaitVisible("#password"))
	b.run(chromedp.SendKeys("#username", "ana"), chromedp.SendKeys("#password", goodPassword))
	before := s.posts.Load()
	var sent int
	b.eval(`(() => {
		const button = document.querySelector("button.primary");
		let sent = 0;
		addEventListener("submit", (event) => { sent += event.defaultPrevented ? 0 : 1; });
		button.click();
		button.click();
		return button.matches(".is-busy[aria-disabled=true]") ? sent : -1;
	})()`, &sent)
	b.run(chromedp.WaitVisible(".side", chromedp.ByQuery))
	if times := s.posts.Load() - before; sent != 1 || times != 1 {
		t.Errorf("it was sent %d times, and came %d times", sent, times)
	}
	b.quiet()
}

// TestPasswordStaysTyped changes one's password over a line that is cut, and then with
// the wrong old one: nothing has to be typed twice but what was wrong.
func TestPasswordStaysTyped(t *testing.T) {
	_, s, b := onASlowLine(t)
	const fresh = "another password that is long"
	b.open("/settings")
	for name, value := range map[string]string{"old": "not the password", "new": fresh, "again": fresh} {
		b.run(chromedp.SendKeys("[name="+name+"]", value, chromedp.ByQuery))
	}
	s.down.Store(true)
	b.click(`form[action="/settings/password"] .primary`, "#lost")
	s.down.Store(false)
	b.click("[data-again]", "#refused")
	b.has(fmt.Sprintf(`document.querySelector("[name=again]").value === %q`, fresh))
	b.run(chromedp.SetValue("[name=old]", goodPassword, chromedp.ByQuery))
	b.click(`form[action="/settings/password"] .primary`, "#notices .notice")
	b.has(`document.querySelector("#refused").hidden && !document.querySelector("[name=old]").value`)
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION", "400")
}

package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// polyglots are short enough for every field, and are markup, an attribute, the end
// of a text area or a script wherever text is taken for anything else.
var polyglots = []string{`"><img src=x onerror=alert(1)>'{{7*7}}</textarea><b onclick=x>`, `javascript:alert(1)//'onfocus=alert(1) autofocus x='</script>`}

// aliens counts what no page of the panel has.
const aliens = `document.querySelectorAll("script:not([src]), img, main style, [onerror], [onload], [onfocus], [onclick], [style], b[onclick], a[href^='javascript'], form[action^='javascript']").length`

// way is one way to send a form of a page: its number, that of one of its buttons,
// and what tells it from others, since many pages have the same form.
type way struct {
	Form, Button int
	Is           string
}

const waysOf = `[...document.forms].flatMap((form, n) => {
	if (form.method === "dialog" || form.action.endsWith("/logout")) return [];
	const of = form.method + form.action + [...form.elements].map((e) => e.name);
	const buttons = [...form.querySelectorAll("button:not([type=button])")];
	return buttons.length ? buttons.map((b, k) => ({ Form: n, Button: k, Is: of + b.value })) : [{ Form: n, Button: -1, Is: of }];
})`

// fill writes a text into every field of a form, past what the browser would refuse,
// and sends it as the button does.
const fill = `((n, k, text, hidden) => {
	const form = document.forms[n], button = k < 0 ? null : form?.querySelectorAll("button:not([type=button])")[k];
	if (!form || button === undefined) return false; // what was sent before took it away
	for (const field of form.elements) {
		if (field.tagName === "INPUT" && !["checkbox", "radio", "hidden"].includes(field.type)) field.type = "text";
		field.removeAttribute("maxlength"); field.disabled = false; field.readOnly = false;
		if (field.tagName === "TEXTAREA" || field.type === "text" || hidden && field.type === "hidden") field.value = text;
	}
	if (button?.name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value }));
	document.documentElement.dataset.sent = "1";
	HTMLFormElement.prototype.submit.call(form);
	return true;
})`

// TestHostileForms fills every field of every form with text that would be markup,
// and wants every answer, and afterwards every page, to show it as text.
func TestHostileForms(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	ana := w.withPassword("ana")
	w.withPassword("eve")
	showcase(w)
	w.a.Works.Settings = func(context.Context, core.Instance) ([]Setting, error) { return someSettings, nil }
	b := browse(t, w)
	b.login()
	var paths []string
	for _, r := range pages {
		if r.method == http.MethodGet && r.path != "/login" && !strings.Contains(r.path, "/sso") && !strings.HasPrefix(r.path, "/static/") && !strings.Contains(r.path, ":draft") {
			paths = append(paths, pathOf(r, "shop"))
		}
	}
	known := map[string]bool{}
	for n, text := range polyglots {
		for _, path := range paths {
			b.open(path)
			var ways []way
			b.eval(waysOf, &ways)
			for _, f := range ways { // but those that end the login of who fills them in
				if !strings.Contains(f.Is, ana.ID) && !known[text+f.Is] && b.sends(path, f, text, n > 0) {
					known[text+f.Is] = true
				}
			}
		}
	}
	if t.Logf("%d forms were sent", len(known)); len(known) < 60 {
		t.Error("that is not every form")
	}
	for _, path := range paths {
		b.open(path)
		b.innocent(path)
	}
	b.run(network.ClearBrowserCookies())
	b.sends("/login", way{0, 0, ""}, polyglots[0], true)
}

// sends fills in one form of a page, if it is still there, and looks at what comes
// back.
func (b *browser) sends(path string, f way, text string, hidden bool) (sent bool) {
	b.t.Helper()
	must(b.t, b.w.a.Store.SetInstance(b.t.Context(), "shop", text, core.Control, entryOf("x")))
	b.w.seed()
	b.open(path)
	b.eval(fmt.Sprintf("%s(%d, %d, %q, %v)", fill, f.Form, f.Button, text, hidden), &sent)
	if sent {
		b.run(answered)
		b.innocent(fmt.Sprintf("%s, form %d, button %d", path, f.Form, f.Button))
	}
	return sent
}

// answered waits until another page is there than the one that a form was sent from.
var answered = chromedp.ActionFunc(func(ctx context.Context) error {
	for {
		there := false // cannot be told while a page goes and the next comes
		if err := chromedp.Evaluate(`!document.documentElement.dataset.sent && document.readyState === "complete"`, &there).Do(ctx); err == nil && there {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
})

// harmless is what a browser says of a refusal, of a word in a field for numbers, and
// of an editor that is left with a text in it.
var harmless = []string{"the server responded with a status of", "cannot be parsed, or is out of range", "'beforeunload' confirmation panel"}

// innocent wants a page of the panel in which nothing came of text.
func (b *browser) innocent(where string) {
	b.t.Helper()
	var title, head string
	var strange int
	b.run(chromedp.Title(&title), chromedp.Evaluate(aliens, &strange), chromedp.Evaluate(`document.body.innerText.slice(0, 60)`, &head))
	for _, said := range b.Complaints() {
		if !slices.ContainsFunc(harmless, func(h string) bool { return strings.Contains(said, h) }) {
			b.t.Errorf("%s: the browser says %s", where, said)
		}
	}
	if strings.HasPrefix(b.where(), "/login") && where != "/login, form 0, button 0" {
		b.t.Fatalf("%s ended the login", where)
	}
	if strange > 0 || !strings.HasSuffix(title, "Basewright") && !strings.Contains(head, "{") {
		b.t.Errorf("%s: %d elements that were text, on a page called %q: %s", where, strange, title, head)
	}
}

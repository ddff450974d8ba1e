package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/ui/browsertest"
)

// TestPanelMakesAnInstance fills in the form for a new one, which says what is in
// the way while it is filled in; watches it being made; gets its address and keys
// once, and uses them; and lets somebody in who sees one instance of two.
func TestPanelMakesAnInstance(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	name := prefix + "-panel"
	engineErasing(t, name)
	s := startServe(t, p.data).ready()
	v := visit(t, s)
	v.adopt(stack)

	v.Run(browsertest.Visit(s.url+"/new"), see(".wizard"), chromedp.Evaluate(`document.querySelectorAll(".wizard details").forEach(d => d.open = true)`, nil),
		chromedp.SendKeys("[name=images]", imagePrefix()), chromedp.SendKeys("[name=postgres]", "15"), chromedp.SendKeys("[name=gateway_port]", "80"), chromedp.SendKeys("[name=name]", stack), see(".obstacles"))
	v.Run(chromedp.Poll(`document.querySelectorAll(".obstacles li").length >= 2`, nil))
	if said := v.text(".obstacles"); !strings.Contains(said, "below 1024") || !strings.Contains(said, "already") {
		t.Errorf("in the way are: %s", said)
	}
	v.Shot("real-create-obstacles")
	v.Run(types("[name=gateway_port]", kb.Delete), types("[name=name]", name), see("#create-result .status.healthy"))
	v.Shot("real-create")
	v.Run(press("aside .primary"), see(".phases"), see(".steps li"))
	v.Shot("real-create-live")
	v.Within(8*time.Minute, see(".verdict.healthy"))
	made := v.Where()
	v.Run(press(`form[action$="/handover"] button`), see(".keys"))
	keys := v.values(".keys")
	v.Shot("real-keys")
	v.works(keys)
	v.Quiet()
	v.Run(browsertest.Visit(s.url+made), press(`form[action$="/handover"] button`), see(".trouble"))
	if said := v.text(".trouble"); !strings.Contains(said, "shown once") {
		t.Errorf("the keys once more: %s", said)
	}
	v.Quiet("409")

	v.seesOne(stack, name)
	s.stop()
}

// values are what a list of keys holds.
func (v *visitor) values(selector string) (list []string) {
	v.t.Helper()
	v.Run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll(%q)].map(c => c.textContent)`, selector+" code"), &list))
	return list
}

// works uses the address and one of the keys of a new instance.
func (v *visitor) works(keys []string) {
	v.t.Helper()
	var url, key string
	for _, value := range keys {
		if strings.HasPrefix(value, "http") {
			url = value
		} else if strings.HasPrefix(value, "eyJ") && key == "" {
			key = value
		}
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, url+"/auth/v1/settings", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("apikey", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		v.t.Errorf("with the key that was shown, %s answers %s", url, answer.Status)
	}
}

// seesOne adds a user who may see one instance, and looks with their eyes.
func (v *visitor) seesOne(theirs, hidden string) {
	v.t.Helper()
	v.Run(browsertest.Visit(v.Base+"/users"), chromedp.SendKeys(`.pane [name=name]`, "bob"), chromedp.SetValue(`.pane [name=role]`, "viewer", chromedp.ByQuery),
		chromedp.SendKeys(`.pane [name=instance]`, theirs), press(".pane .primary"), see("#once"))
	password := v.text("#once")
	v.Run(press(`form[action="/logout"] button`), see("#password"))
	v.logIn("bob", password)
	if said := v.text("main"); strings.Count(said, theirs) == 0 || strings.Contains(said, hidden) {
		v.t.Errorf("bob sees: %s", said)
	}
	var rows int
	v.Run(chromedp.Evaluate(`document.querySelectorAll(".fleet [id^=row-]").length`, &rows))
	if rows != 1 {
		v.t.Errorf("bob sees %d instances", rows)
	}
	v.Run(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), see("#palette-list li"))
	if said := v.text("#palette-list"); strings.Contains(said, hidden) {
		v.t.Errorf("bob may go to: %s", said)
	}
	v.Shot("real-one-grant")
	v.Quiet()
	for _, path := range []string{"/instances/" + hidden, "/instances/" + hidden + "/logs", "/instances/" + hidden + "/config"} {
		v.Run(browsertest.Visit(v.Base+path), see(".trouble"))
		if said := v.text(".trouble"); strings.Contains(said, "grant") || strings.Contains(said, "role") {
			v.t.Errorf("%s betrays itself: %s", path, said)
		}
	}
	v.Quiet("404")
}

package main

import (
	"html"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/ui/browsertest"
)

// TestPanelEditsAFile reads the keys and the files of a stack in the panel, and finds
// no secret in them; adds a line to the .env there as it is shown, and finds each
// other byte of it as it was; and takes that back.
func TestPanelEditsAFile(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	s := startServe(t, p.data).ready()
	s.control(stack)
	secrets, home := w.secrets(t, stack), "/instances/"+stack
	for path, wanted := range map[string]string{home + "/keys": "SERVICE_ROLE_KEY", home + "/files": "•••", home + "/files?file=docker-compose.yml": "services:"} {
		text := html.UnescapeString(s.wants(http.StatusOK, http.MethodGet, path, ""))
		if !strings.Contains(text, wanted) {
			t.Errorf("%s does not have %q", path, wanted)
		}
		for key, value := range secrets {
			if strings.Contains(text, value) {
				t.Errorf("%s shows %s", path, key)
			}
		}
	}

	env := filepath.Join(w.folder(stack), ".env")
	before := string(p.file(env))
	v := visit(t, s)
	v.Run(browsertest.Visit(s.url+home+"/files"), see(".editor textarea"),
		chromedp.Evaluate(`document.querySelector("#text").value += "# a word of ours\n"`, nil), press(".editor .primary"), see(".approve"))
	var was, will int
	v.Run(chromedp.Evaluate(`document.querySelectorAll(".was").length`, &was), chromedp.Evaluate(`document.querySelectorAll(".will").length`, &will))
	if was != 0 || will != 1 || !strings.Contains(v.text(".will"), "# a word of ours") {
		t.Errorf("%d lines were and %d will be: %s", was, will, v.text(".diff"))
	}
	v.Shot("real-file-plan")
	v.Run(press(".approve button"), see(".verdict"))
	v.Within(5*time.Minute, see(".verdict.healthy"))
	if after := string(p.file(env)); after != before+"# a word of ours\n" {
		t.Errorf("other bytes of the .env changed, too: %d of %d", len(after), len(before))
	}
	receipt := v.Where()
	v.Run(press(`form[action$="/undo"] button`), browsertest.Leaves(s.url+receipt))
	v.Within(5*time.Minute, see(".verdict.healthy"))
	if after := string(p.file(env)); after != before {
		t.Error("taken back, the .env is not what it was")
	}
	v.Quiet()
	s.stop()
}

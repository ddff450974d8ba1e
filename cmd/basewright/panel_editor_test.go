package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/ui/browsertest"
)

// TestPanelEditorOnARealAgent writes a playbook in the panel: the sandbox names the
// line that is wrong, runs the examples, and what is saved is in the folder; of two
// versions the older one is compared and brought back, byte for byte.
func TestPanelEditorOnARealAgent(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServe(t, data).ready()
	v := visit(t, s)
	v.Run(see(".guide"))
	v.Shot("real-first-run")
	ctrl := chromedp.KeyModifiers(2)
	file := filepath.Join(data, "playbooks", "my-repair.lua")
	saved := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	v.Run(browsertest.Visit(s.url+"/playbooks/new"), see("#source"), types("#id", "my-repair"), press("#source"), see(".codemirror"), press(".codemirror"),
		chromedp.KeyEvent(kb.Home, ctrl), chromedp.KeyEvent(kb.Enter), input.InsertText("oops ="), chromedp.KeyEvent(kb.Enter, ctrl), see("#editor-result [data-line]"))
	if said := v.text("#editor-result"); !strings.Contains(said, "my-repair.lua:") {
		t.Errorf("the sandbox says: %s", said)
	}
	v.Run(chromedp.Poll(`Boolean(document.querySelector(".codemirror").shadowRoot.querySelector(".cm-line.wrong"))`, nil))
	v.Run(press(".codemirror"), chromedp.KeyEvent("z", ctrl), chromedp.KeyEvent(kb.Enter, ctrl), see(".examples .healthy"))
	v.Run(chromedp.KeyEvent(kb.Escape), enter("[value=save]"), see(".notice"), see(".lua"))
	first := saved()
	if v.Held() || !strings.Contains(first, "Restart auth") || strings.Contains(first, "oops") {
		t.Errorf("saved is: %s", first)
	}

	v.Run(press(`a[href$="/edit"]`), press("#source"), see(".codemirror"), press(".codemirror"), chromedp.KeyEvent(kb.End, ctrl), input.InsertText("-- a second thought"), press("[value=save]"), see(".versions a"))
	if now := saved(); now != first+"-- a second thought" {
		t.Errorf("the second version is: %s", now)
	}
	v.Run(enter(".versions a"), see(".diff .was"))
	if said := v.text(".diff"); !strings.Contains(said, "a second thought") {
		t.Errorf("going back would change: %s", said)
	}
	v.Shot("real-version")
	v.Run(enter(".once .primary"), see(".notice"))
	if now := saved(); now != first {
		t.Errorf("brought back is: %s", now)
	}
	v.Quiet()
	s.stop()
}

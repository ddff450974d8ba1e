package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/browsertest"
)

// TestPanelMakesCopies makes a new instance from a snapshot that is taken in the
// panel, and a clone of the stack as it is: both have the data and secrets of their
// own, and are used by a client; the stack is what it was.
func TestPanelMakesCopies(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	w.sql(t, stack, orderly+notesTable)
	t.Cleanup(func() { w.sql(t, stack, "drop table if exists public.notes;") })
	s := startServe(t, p.data).ready()
	v := visit(t, s)
	v.adopt(stack)
	home := s.url + "/instances/" + stack
	data, state := w.data(t, stack), w.state(t, stack)

	fresh := p.twinOf(stack, "")
	fresh.root = filepath.Join(p.data, "instances")
	v.Run(browsertest.Visit(home+"/snapshots"), chromedp.SetValue("#scope", "full", chromedp.ByQuery), press("form.inline .primary"))
	v.Within(3*time.Minute, see(`a[href^="/new?from_snapshot="]`))
	v.Run(press(`a[href^="/new?from_snapshot="]`), see(".wizard .notice"), chromedp.Evaluate(`document.querySelectorAll(".wizard details").forEach(d => d.open = true)`, nil),
		chromedp.SendKeys("[name=images]", imagePrefix()), chromedp.SendKeys("[name=name]", fresh.name), see("#create-result .status.healthy"))
	v.Shot("real-new-from-snapshot")
	v.Run(press("aside .primary"), see(".verdict"))
	v.Within(10*time.Minute, see(".verdict.healthy"))
	fresh.hasTheDataAndItsOwnSecrets(w, stack)
	fresh.gone()

	clone := p.twinOf(stack+"-twin", "")
	clone.root = fresh.root
	v.Run(browsertest.Visit(home), press(`a[href$="/clone"]`), see("#name"), chromedp.SendKeys("#name", clone.name), chromedp.SendKeys("#images", imagePrefix()), press("form.fields .primary"), see(".approve"))
	v.Shot("real-clone-plan")
	v.Run(press(".approve button"), see(".verdict"))
	v.Within(10*time.Minute, see(".verdict.healthy"))
	clone.hasTheDataAndItsOwnSecrets(w, stack)
	v.Quiet()
	if d := difference(data, w.data(t, stack)) + difference(state, w.state(t, stack)); d != "" {
		t.Errorf("the stack that was copied is not what it was: %s", d)
	}
	s.stop()
}

// gone takes the new instance off the engine, so that the machine has room for the
// next one.
func (n *twin) gone() {
	n.t.Helper()
	if err := n.host.Erase(context.Background(), core.Instance{ID: n.name, Project: n.name}, time.Time{}); err != nil {
		n.t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/ui/browsertest"
)

// visitor is somebody with a browser before the panel of a real agent.
type visitor struct {
	*browsertest.Tab
	t        *testing.T
	password string // of admin
}

// visit opens a browser on an agent that was never used and logs in, by keyboard.
func visit(t *testing.T, s *served) *visitor {
	t.Helper()
	printed := regexp.MustCompile(`with the password (\S+)`).FindStringSubmatch(s.out.String())
	if printed == nil {
		t.Fatalf("no password was printed:\n%s", s.out)
	}
	v := &visitor{browsertest.Open(t, s.url, "../../.lab/screens"), t, printed[1]}
	v.logIn("admin", v.password)
	return v
}

func (v *visitor) logIn(name, password string) {
	v.t.Helper()
	v.Run(browsertest.Visit(v.Base+"/login"), see("#password"), browsertest.TabTo("#username"), chromedp.KeyEvent(name), browsertest.TabTo("#password"), chromedp.KeyEvent(password+kb.Enter), see(".side"))
}

func see(selector string) chromedp.Action   { return chromedp.WaitVisible(selector, chromedp.ByQuery) }
func press(selector string) chromedp.Action { return chromedp.Click(selector, chromedp.ByQuery) }

// types writes over what is in a field that the Tab key leads to.
func types(selector, text string) chromedp.Action {
	return chromedp.Tasks{browsertest.TabTo(selector), chromedp.KeyEvent("a", chromedp.KeyModifiers(2)), chromedp.KeyEvent(text)}
}

// enter presses a control that the Tab key leads to.
func enter(selector string) chromedp.Action {
	return chromedp.Tasks{browsertest.TabTo(selector), chromedp.KeyEvent(kb.Enter)}
}

func (v *visitor) text(selector string) (text string) {
	v.t.Helper()
	v.Run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// adopt takes a stack on, to be changed.
func (v *visitor) adopt(stack string) {
	v.t.Helper()
	v.Run(browsertest.Visit(v.Base+"/adopt"), see("input[name=project]"),
		chromedp.Evaluate(`document.querySelectorAll("input[name=project]").forEach(b => b.checked = b.value === "`+stack+`")`, nil), press(`form[action="/adopt"] .primary`), see(".empty"))
	v.Run(press(`[name=mode][value=control]`), see(`[name=mode][value=observe]`))
}

// TestPanelByKeyboard goes whole ways without a mouse, but for adopting and the editor, in which
// Tab indents: the logs as they come, a setting that does not work and is taken back,
// and a repair.
func TestPanelByKeyboard(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	env := filepath.Join(w.folder(stack), ".env")
	before := p.file(env)
	s := startServe(t, p.data).ready()
	v := visit(t, s)
	v.adopt(stack)
	home := s.url + "/instances/" + stack

	v.Run(browsertest.Visit(home+"/logs"), see("#log li"), enter("[data-tail]"), see("[data-tail][aria-pressed=true]"))
	marker := "pl4nted-marker"
	v.asks("http://127.0.0.1:" + p.setting(env, "KONG_HTTP_PORT") + "/auth/v1/" + marker)
	v.Run(chromedp.Poll(`[...document.querySelectorAll("#log .msg")].some(m => m.textContent.includes("`+marker+`"))`, nil))
	v.Run(chromedp.KeyEvent(kb.Enter), see("[data-tail][aria-pressed=false]")) // the focus is where it was

	v.Run(browsertest.Visit(s.url+"/playbooks/new"), see("#source"), press("[value=plan]"), see("#editor-result .actions"))
	if said := v.text("#editor-result"); !strings.Contains(said, "restart auth") || !strings.Contains(said, stack) {
		t.Errorf("a text that is not saved would do: %s", said)
	}

	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	v.Run(browsertest.Visit(home+"/config"), see(".settings li"), types(`[name="set.KONG_HTTP_PORT"]`, port+kb.Enter), see(".approve"))
	v.Shot("real-config-plan")
	v.Run(enter(".approve button"), see(".verdict"))
	v.Within(5*time.Minute, see(".verdict.degraded"))
	v.Shot("real-config-taken-back")
	if said := v.text(".verdict .reason"); !strings.Contains(said, "already in use") {
		t.Errorf("it was taken back because %s", said)
	}
	if !bytes.Equal(p.file(env), before) {
		t.Error("the .env is not what it was")
	}
	v.Quiet()

	p.lab("break", stack, "SVC-01")
	v.Run(browsertest.Visit(home), enter(`form[action$="/diagnose"] button`), see("#finding-SVC-01"))
	v.Run(enter("#finding-SVC-01 .decide .primary"), see(".approve"), enter(".approve button"), see(".verdict"))
	v.Within(5*time.Minute, see(".verdict.healthy"))
	v.Run(enter(`#change-live a[href="/instances/`+stack+`"]`), see(".calm"))
	v.Quiet()
	p.lab("mend", stack)
	s.stop()
}

// asks makes a request whose answer does not matter.
func (v *visitor) asks(url string) {
	v.t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		v.t.Fatal(err)
	}
	answer.Body.Close()
}

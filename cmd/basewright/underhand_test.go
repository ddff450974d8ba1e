package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestFolderUnderHand changes an adopted stack over the API while a person is at its
// folder: edits the .env in the middle, makes the folder read-only, moves it away.
// Each is one clear sentence, and what there was is what there is.
func TestFolderUnderHand(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	s := startServe(t, p.data).ready()
	c := &stackCaller{newCaller(t, s), p, stack, "/api/instances/" + stack}
	c.want(http.StatusCreated, "POST", "/api/instances/adopt", answer{"project": stack})
	c.want(http.StatusOK, "PATCH", c.base, answer{"mode": "control"})
	u := &underhand{c, filepath.Join(p.folder(stack), ".env")}
	env := p.file(u.env)
	u.editsAfterThePlan()
	u.editsInTheMiddle()
	u.same(env, nil)
	boxes := p.containers(stack)
	u.locks()
	u.same(env, boxes)
	u.movesAway()
	u.same(env, boxes)
	c.ended(c.want(http.StatusAccepted, "POST", c.base+"/safe-restart", nil), "committed") // nothing is left behind that is in its way
	s.stop()
	p.basewright(0, "audit", "verify")
}

// underhand is a person at the folder of a stack that is changed over the API.
type underhand struct {
	*stackCaller
	env string
}

func (u *underhand) write(text []byte) {
	u.t.Helper()
	if err := os.WriteFile(u.env, text, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// same wants the .env, and the containers where they are given, as they were.
func (u *underhand) same(env []byte, boxes map[core.Service]string) {
	u.t.Helper()
	if now := u.p.file(u.env); !bytes.Equal(now, env) {
		u.t.Errorf("the .env is %q, and was %q", now, env)
	}
	if now := u.p.containers(u.stack); boxes != nil && fmt.Sprint(now) != fmt.Sprint(boxes) {
		u.t.Errorf("the containers are %v, and were %v", now, boxes)
	}
}

// says wants a refusal in one sentence that holds all of it.
func (u *underhand) says(status int, method, path string, body any, want ...string) {
	u.t.Helper()
	a := u.want(status, method, path, body)
	said, _ := a["error"].(string)
	for _, part := range want {
		if !strings.Contains(said, part) {
			u.t.Errorf("%s %s does not say %q: %s", method, path, part, said)
		}
	}
	if strings.Contains(said, ".go:") || strings.Contains(said, "\n") {
		u.t.Errorf("%s %s: not one sentence: %s", method, path, said)
	}
}

// editsAfterThePlan changes the .env between the look at a plan and the approval.
func (u *underhand) editsAfterThePlan() {
	u.t.Helper()
	was := u.p.file(u.env)
	order := answer{"file": ".env", "text": string(was) + "OF_THE_PLAN=1\n"}
	order["plan_hash"] = at(u.want(http.StatusOK, "POST", u.base+"/config/file/plan", order), "plan", "plan_hash")
	mine := append(bytes.Clone(was), "# mine\nMINE=1\n"...)
	u.write(mine)
	u.says(http.StatusConflict, "PUT", u.base+"/config/file", order, "changed since")
	u.same(mine, nil)
	u.write(was)
}

// editsInTheMiddle changes the .env after a change has written it that will be taken
// back: the file is as it was before, and what the person wrote is kept aside.
func (u *underhand) editsInTheMiddle() {
	u.t.Helper()
	was := u.p.file(u.env)
	order := answer{"file": ".env", "text": strings.Replace(string(was), "POSTGRES_HOST=db\n", "POSTGRES_HOST=nowhere\n", 1)}
	order["plan_hash"] = at(u.want(http.StatusOK, "POST", u.base+"/config/file/plan", order), "plan", "plan_hash")
	begun := u.want(http.StatusAccepted, "PUT", u.base+"/config/file", order)
	for end := time.Now().Add(5 * time.Minute); !bytes.Contains(u.p.file(u.env), []byte("POSTGRES_HOST=nowhere")); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			u.t.Fatal("the change never wrote the .env")
		}
	}
	const mine = "# mine, in the middle\n"
	u.write(append(u.p.file(u.env), mine...))
	reason, _ := at(u.ended(begun, "rolled_back"), "change", "reason").(string)
	_, folder, kept := strings.Cut(reason, "the files as they were found are in ")
	if !kept {
		u.t.Fatalf("the reason does not say where the person's .env is: %s", reason)
	}
	if found, err := os.ReadFile(filepath.Join(folder, ".env")); err != nil || !strings.HasSuffix(string(found), mine) {
		u.t.Errorf("what is kept is %q, %v", found, err)
	}
}

// locks makes the folder read-only.
func (u *underhand) locks() {
	u.t.Helper()
	dir := filepath.Dir(u.env)
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		if os.Geteuid() == 0 {
			u.t.Fatal(err)
		}
		u.t.Logf("no folder can be made read-only here: %v", err)
		return
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			u.t.Error(err)
		}
	}()
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		u.t.Fatal(err)
	}
	u.says(http.StatusConflict, "PUT", u.base+"/config", answer{"field": "DISABLE_SIGNUP", "value": "true"}, "read-only")
	if out := u.p.basewright(1, "config", u.stack, "set", "DISABLE_SIGNUP=true", "--yes"); !strings.Contains(out, "read-only") {
		u.t.Errorf("the terminal does not say that the folder is read-only:\n%s", out)
	}
}

// movesAway has no folder where there was one: nothing is changed that could not be
// put back, and what only looks says what it could not see.
func (u *underhand) movesAway() {
	u.t.Helper()
	dir := filepath.Dir(u.env)
	if err := os.Rename(dir, dir+".moved"); err != nil {
		u.t.Fatal(err)
	}
	back := func() {
		if err := os.Rename(dir+".moved", dir); err != nil {
			u.t.Error(err)
		}
	}
	defer back()
	const gone = "the instance folder cannot be opened"
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/config", nil},
		{"PUT", "/config", answer{"field": "DISABLE_SIGNUP", "value": "true"}},
		{"POST", "/rotate/plan", answer{"what": "api-keys"}},
		{"POST", "/config/file/plan", answer{"file": ".env", "text": "A=b\n"}},
		{"POST", "/upgrade/plan", answer{}},
	} {
		u.says(http.StatusServiceUnavailable, r.method, u.base+r.path, r.body, gone)
	}
	stopped := u.ended(u.want(http.StatusAccepted, "POST", u.base+"/stop", nil), "rolled_back")
	if reason, _ := at(stopped, "change", "reason").(string); !strings.Contains(reason, "nothing was touched") || !strings.Contains(reason, gone) {
		u.t.Errorf("the stop: %s", reason)
	}
	if a := u.want(http.StatusOK, "GET", u.base+"/diagnostics/configuration", nil); at(a, "result", "healthy") == true {
		u.t.Errorf("what cannot be seen is said to be well: %v", a)
	}
	u.p.basewright(2, "config", u.stack)
}

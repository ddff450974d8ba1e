package coretest

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/basewright/basewright/core"
)

// What the instance that TestEngine is given must have, beside a running db and
// a running auth of which auth has a file .env.
const (
	HTTPPort   = 9999 // auth answers HTTP here, with any page
	ClosedPort = 9998 // and here nothing does
)

// The commands that must work in auth: one prints what comes in on stdin, one
// prints "some output", complains "broken on purpose" and fails with status 3.
var (
	CatCommand  = []string{"/stub", "cat"}
	FailCommand = []string{"/stub", "fail", "3", "broken on purpose"}
)

// TestEngine checks that open returns engines that keep the contract of
// core.Engine. The fake passes it in this package, the Docker adapter in its
// own. Each call of open is for one subtest.
func TestEngine(t *testing.T, open func(t *testing.T) core.Engine) {
	for name, test := range contract {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var contract = map[string]func(t *testing.T, e core.Engine){
	"observe sees what runs":                       seesWhatRuns,
	"stop and start change the state":              stopAndStart,
	"restart leaves it running, started later":     restarts,
	"what has no container is not found":           hasNoContainer,
	"up brings back what was stopped":              upBringsBack,
	"up of a service that nobody declares":         upOfNothing,
	"up leaves what it is to leave":                upLeaves,
	"a connection is answered":                     connects,
	"a closed port refuses":                        refuses,
	"a service that does not run is not found":     notRunning,
	"a command prints":                             prints,
	"a command fails with its status":              fails,
	"a written file reads back with its mode":      readsBack,
	"a missing file is fs.ErrNotExist":             missingFile,
	"an absent file is removed":                    removesFile,
	"names that leave the folder are refused":      staysInside,
	"recover after a stop":                         recoversStop,
	"recover keeps stopped what was stopped":       recoversStopped,
	"recover refuses what is no capture":           recoversNonsense,
	"recover brings back what was taken down":      recoversDown,
	"a login while the database is down":           loginDown,
	"a cancelled context is the error of the call": cancelled,
}

func state(t *testing.T, e core.Engine, s core.Service) core.Container {
	t.Helper()
	o, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, ok := o.Container(s)
	if !ok {
		t.Fatalf("there is no container of %s", s)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code core.ErrorCode) {
	t.Helper()
	if err == nil || core.CodeOf(err) != code {
		t.Fatalf("got error %v, want one of code %s", err, code)
	}
}

func seesWhatRuns(t *testing.T, e core.Engine) {
	o, err := e.Observe(t.Context())
	must(t, err)
	for _, s := range []core.Service{core.DB, core.Auth} {
		if c, ok := o.Container(s); !ok || c.State != "running" || c.ID == "" || c.StartedAt.IsZero() {
			t.Errorf("%s is %+v", s, c)
		}
	}
	if o.At.IsZero() || o.Env.Err != nil {
		t.Errorf("at %v, .env: %v", o.At, o.Env.Err)
	}
}

func stopAndStart(t *testing.T, e core.Engine) {
	must(t, e.Stop(t.Context(), core.Auth))
	if c := state(t, e, core.Auth); c.State != "exited" {
		t.Fatalf("after stop it is %s", c.State)
	}
	must(t, e.Stop(t.Context(), core.Auth)) // again is no error
	must(t, e.Start(t.Context(), core.Auth))
	must(t, e.Start(t.Context(), core.Auth))
	if c := state(t, e, core.Auth); c.State != "running" {
		t.Fatalf("after start it is %s", c.State)
	}
}

func restarts(t *testing.T, e core.Engine) {
	before := state(t, e, core.Auth)
	must(t, e.Restart(t.Context(), core.Auth))
	after := state(t, e, core.Auth)
	if after.State != "running" || !after.StartedAt.After(before.StartedAt) || after.ID != before.ID {
		t.Fatalf("before %v %v, after %v %v %v", before.ID, before.StartedAt, after.ID, after.StartedAt, after.State)
	}
}

func hasNoContainer(t *testing.T, e core.Engine) {
	wantCode(t, e.Restart(t.Context(), core.Studio), core.NotFound)
	wantCode(t, e.Stop(t.Context(), core.Studio), core.NotFound)
	_, err := e.Dial(t.Context(), core.Address{Service: core.Studio, Port: 3000})
	wantCode(t, err, core.NotFound)
	_, err = e.Exec(t.Context(), core.Studio, core.Command{Args: CatCommand})
	wantCode(t, err, core.NotFound)
}

func upBringsBack(t *testing.T, e core.Engine) {
	must(t, e.Stop(t.Context(), core.Auth))
	must(t, e.Up(t.Context(), core.UpRequest{Services: []core.Service{core.Auth}}))
	if c := state(t, e, core.Auth); c.State != "running" {
		t.Fatalf("after up it is %s", c.State)
	}
	db, auth := state(t, e, core.DB).ID, state(t, e, core.Auth).ID
	must(t, e.Up(t.Context(), core.UpRequest{Services: []core.Service{core.Auth}, Recreate: true}))
	if state(t, e, core.DB).ID != db || state(t, e, core.Auth).ID == auth {
		t.Fatal("recreating auth must make a new container of it and none of db")
	}
}

func upOfNothing(t *testing.T, e core.Engine) {
	wantCode(t, e.Up(t.Context(), core.UpRequest{Services: []core.Service{core.Studio}}), core.NotFound)
}

func upLeaves(t *testing.T, e core.Engine) {
	name := state(t, e, core.Auth).ComposeService
	must(t, e.Alone(t.Context()))
	must(t, e.Down(t.Context()))
	must(t, e.Up(t.Context(), core.UpRequest{Leave: []string{name}}))
	if db, auth := state(t, e, core.DB), state(t, e, core.Auth); db.State != "running" || auth.State != "created" {
		t.Fatalf("db is %s, auth is %s", db.State, auth.State)
	}
	must(t, e.Start(t.Context(), core.Auth))
	if c := state(t, e, core.Auth); c.State != "running" {
		t.Fatalf("after start it is %s", c.State)
	}
}

func connects(t *testing.T, e core.Engine) {
	r := core.Request{Address: core.Address{Service: core.Auth, Port: HTTPPort}, Path: "/"}
	if answer, err := core.Send(t.Context(), e, r); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("got %d, %v", answer.Status, err)
	}
}

func refuses(t *testing.T, e core.Engine) {
	_, err := e.Dial(t.Context(), core.Address{Service: core.Auth, Port: ClosedPort})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("err = %v", err)
	}
}

func notRunning(t *testing.T, e core.Engine) {
	must(t, e.Stop(t.Context(), core.Auth))
	_, err := e.Dial(t.Context(), core.Address{Service: core.Auth, Port: HTTPPort})
	wantCode(t, err, core.NotFound)
	_, err = e.Exec(t.Context(), core.Auth, core.Command{Args: CatCommand})
	wantCode(t, err, core.NotFound)
}

func prints(t *testing.T, e core.Engine) {
	out, err := e.Exec(t.Context(), core.Auth, core.Command{Args: CatCommand, Stdin: []byte("what comes in\n")})
	if err != nil || out != "what comes in\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func fails(t *testing.T, e core.Engine) {
	out, err := e.Exec(t.Context(), core.Auth, core.Command{Args: FailCommand})
	if out != "some output\n" || core.ExitStatus(err) != 3 || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "broken on purpose") {
		t.Fatalf("got %q, %v", out, err)
	}
}

func readsBack(t *testing.T, e core.Engine) {
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o755} {
		f := core.File{Name: "volumes/api/kong.yml", Data: []byte("a: 1\n"), Mode: mode, UID: os.Getuid(), GID: os.Getgid()}
		must(t, e.WriteFile(t.Context(), f))
		got, err := e.ReadFile(t.Context(), f.Name)
		if err != nil || string(got.Data) != "a: 1\n" || got.Mode != mode || got.UID != f.UID || got.GID != f.GID || got.Absent {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

func missingFile(t *testing.T, e core.Engine) {
	f, err := e.ReadFile(t.Context(), "no/such.file")
	if !errors.Is(err, fs.ErrNotExist) || !f.Absent {
		t.Fatalf("got %+v, %v", f, err)
	}
}

func removesFile(t *testing.T, e core.Engine) {
	must(t, e.WriteFile(t.Context(), core.File{Name: "new.file", Data: []byte("x"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}))
	for range 2 {
		must(t, e.WriteFile(t.Context(), core.File{Name: "new.file", Absent: true}))
	}
	missingFile(t, e)
	if _, err := e.ReadFile(t.Context(), "new.file"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("err = %v", err)
	}
}

func staysInside(t *testing.T, e core.Engine) {
	for _, name := range []string{"../outside", "/etc/passwd", "a/../../outside", "", "."} {
		_, err := e.ReadFile(t.Context(), name)
		wantCode(t, err, core.Invalid)
		wantCode(t, e.WriteFile(t.Context(), core.File{Name: name, Data: []byte("x"), Mode: 0o600}), core.Invalid)
		wantCode(t, e.WriteFile(t.Context(), core.File{Name: name, Absent: true}), core.Invalid)
	}
}

func loginDown(t *testing.T, e core.Engine) {
	must(t, e.Stop(t.Context(), core.DB))
	err := e.Login(t.Context(), core.Login{Role: "authenticator", Password: "x", Database: "postgres"})
	wantCode(t, err, core.NotFound)
	_, err = e.Query(t.Context(), "postgres", "select 1")
	wantCode(t, err, core.NotFound)
}

func cancelled(t *testing.T, e core.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"observe": func() error { _, err := e.Observe(ctx); return err },
		"restart": func() error { return e.Restart(ctx, core.Auth) },
		"up":      func() error { return e.Up(ctx, core.UpRequest{}) },
		"write":   func() error { return e.WriteFile(ctx, core.File{Name: "x", Mode: 0o600}) },
		"capture": func() error { _, err := e.Capture(ctx); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

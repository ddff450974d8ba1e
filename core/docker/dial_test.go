package docker

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// get asks a service for a page over Dial.
func get(t *testing.T, e *Engine, a core.Address) (string, error) {
	t.Helper()
	answer, err := core.Send(t.Context(), e, core.Request{Address: a, Path: "/"})
	return answer.Body, err
}

func TestDialPublished(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	if page, err := get(t, e, core.Address{Service: core.Auth, Port: 9999, Published: true}); err != nil || page != "hello from auth" {
		t.Errorf("got %q, %v", page, err)
	}
	if _, err := e.Dial(t.Context(), core.Address{Service: core.DB, Port: 5432, Published: true}); core.CodeOf(err) != core.NotFound {
		t.Errorf("err = %v", err)
	}
}

func TestDialAfterTheAddressChanged(t *testing.T) {
	h := engine(t)
	e := open(t, h, smallStack, nil)
	if _, err := e.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale := e.known
	for i := range stale {
		for n := range stale[i].Networks {
			stale[i].Networks[n].IP = "127.0.0.1" // where nothing listens on this port
		}
	}
	if page, err := get(t, e, core.Address{Service: core.Auth, Port: 9999}); err != nil || page != "hello from auth" {
		t.Errorf("got %q, %v", page, err)
	}
}

func TestDialWithoutAWay(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	cs, err := e.refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, _ := pick(cs, core.DB)
	ip := net.ParseIP(c.Networks[0].IP).To4()
	ip[3] = 250 // on the stack's network, where nobody has it
	c.Networks[0].IP = ip.String()
	begin := time.Now()
	_, err = e.dial(t.Context(), c, core.Address{Service: core.DB, Port: 5432})
	if core.CodeOf(err) != core.Unreachable || time.Since(begin) > 10*dialTimeout {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

func TestExecIsBounded(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	if out, err := e.Exec(t.Context(), core.Auth, core.Command{Args: []string{"/stub", "flood"}}); core.CodeOf(err) != core.Invalid || len(out) != maxStdout {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := e.Exec(ctx, core.Auth, core.Command{Args: []string{"/stub", "sleep"}}); !strings.Contains(fmt.Sprint(err), "deadline") || time.Since(begin) > 30*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
	if out, err := e.Exec(t.Context(), core.Auth, core.Command{Args: []string{"/stub", "env", "GIVEN"}, Env: []string{"GIVEN=value"}}); err != nil || out != "value\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := e.Exec(t.Context(), core.Auth, core.Command{Args: []string{"/nosuch"}}); err == nil || !strings.Contains(err.Error(), "exit status 12") {
		t.Errorf("got %v", err)
	}
}

func TestObserveTellsAll(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	o, err := e.Observe(t.Context())
	if err != nil || len(o.Gaps) > 0 {
		t.Fatalf("%v, gaps %v", err, o.Gaps)
	}
	auth, _ := o.Container(core.Auth)
	if auth.PID == 0 || auth.MemoryUsed <= 0 || auth.Env["NAME"] != "auth" || len(auth.Networks) != 1 || len(auth.Ports) != 1 || auth.Ports[0].HostPort == 0 {
		t.Errorf("auth is %+v", auth)
	}
	if n := len(auth.Logs); n != tailLines || auth.Logs[n-1].Text != "line 299 of many" || auth.Logs[0].At.IsZero() {
		t.Errorf("%d lines, the last %+v", n, auth.Logs[n-1])
	}
	db, _ := o.Container(core.DB)
	if db.StopTimeout != 3*time.Second {
		t.Errorf("db stops within %v", db.StopTimeout)
	}
	if len(o.Host.Disks) != 2 || o.Host.MemoryAvailable == 0 || !o.Host.Local || o.Host.EngineVersion == "" {
		t.Errorf("host is %+v", o.Host)
	}
	if secret, ok := o.Env.Lookup("POSTGRES_PASSWORD"); !ok || secret != "planted secret" || o.Env.Mode != 0o644 || len(o.Compose.Services) != 2 {
		t.Errorf("env %+v, compose %+v", o.Env, o.Compose)
	}
	if text := fmt.Sprintf("%+v", o); strings.Contains(text, "planted secret") {
		t.Error("the observation prints a secret")
	}
}

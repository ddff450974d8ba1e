package coretest_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

func fake(*testing.T) core.Engine {
	return &coretest.Engine{
		Containers: coretest.Running(core.DB, core.Auth),
		Compose:    core.Compose{Services: []core.ComposeService{{Name: "db", Service: core.DB}, {Name: "auth", Service: core.Auth}}},
		Files:      map[string]core.File{".env": {Data: []byte("A=1\n"), Mode: 0o600}},
		Ports: map[core.Address]func(net.Conn){
			{Service: core.Auth, Port: coretest.HTTPPort}: coretest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, "hello")
			}))},
		Commands: func(_ core.Service, c core.Command) (string, error) {
			if slices.Equal(c.Args, coretest.FailCommand) {
				return "some output\n", &core.ExitError{Status: 3, Complaint: "broken on purpose"}
			}
			return string(c.Stdin), nil
		},
	}
}

func TestFake(t *testing.T) { coretest.TestEngine(t, fake) }

func TestHooks(t *testing.T) {
	broken := errors.New("broken")
	seen := ""
	e := &coretest.Engine{
		Containers: coretest.Running(core.DB, core.Auth),
		Fail: func(op, about string) error {
			if op == "stop" && about == "db" {
				return broken
			}
			return nil
		},
		OnCall: func(e *coretest.Engine, op, about string) { seen += op + " " + about + ";" + e.State(core.Auth) },
	}
	if err := e.Stop(t.Context(), core.DB); !errors.Is(err, broken) || e.State(core.DB) != "running" {
		t.Fatalf("err = %v, db is %s", err, e.State(core.DB))
	}
	if err := e.Stop(t.Context(), core.Auth); err != nil || seen != "stop auth;exited" {
		t.Fatalf("err = %v, seen %q", err, seen)
	}
	if !slices.Equal(e.Did(), []string{"stop auth"}) {
		t.Fatalf("did %q", e.Did())
	}
}

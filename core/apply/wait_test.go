package apply

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// bubble carries out one action on an engine, with time that runs by itself.
func bubble(t *testing.T, e *coretest.Engine, a core.Action, after func(error, time.Duration)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := ops[a.Op].do(t.Context(), &transaction{Applier: &Applier{}, e: e}, a)
		after(err, time.Since(start))
	})
}

func TestWaitHealthy(t *testing.T) {
	wait := core.Action{Op: core.OpWaitHealthy, Service: core.Auth, Args: map[string]any{"timeout": "10s"}}
	tests := map[string]struct {
		arrange func(c *core.Container)
		says    string
		took    time.Duration
	}{
		"it is healthy":                       {func(*core.Container) {}, "", 0},
		"it has no health check":              {func(c *core.Container) { c.Health = "" }, "", 2 * time.Second},
		"it never gets healthy":               {func(c *core.Container) { c.Health = "starting" }, "auth was not well after 10s: supabase-auth is starting", 10 * time.Second},
		"it restarts all the time":            {func(c *core.Container) { c.State = "restarting" }, "supabase-auth is restarting", 10 * time.Second},
		"it runs but was started anew always": {func(c *core.Container) { c.Health, c.Name = "", "flapping" }, "flapping has only just started", 10 * time.Second},
		"it has no container":                 {func(c *core.Container) { c.Service = core.Rest }, "it has no container", 10 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := &coretest.Engine{Containers: coretest.Running(core.Auth)}
			tt.arrange(&e.Containers[0])
			e.Fail = func(string, string) error {
				e.Edit(func(e *coretest.Engine) {
					if e.Containers[0].Name == "flapping" {
						e.Containers[0].Restarts++
					}
				})
				return nil
			}
			bubble(t, e, wait, func(err error, took time.Duration) {
				if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || took != tt.took {
					t.Errorf("%v after %s; want %q after %s", err, took, tt.says, tt.took)
				}
			})
		})
	}
}

func TestWaitHTTP(t *testing.T) {
	asked := 0
	answer := coretest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	e := &coretest.Engine{Containers: coretest.Running(core.Auth)}
	e.Ports = map[core.Address]func(net.Conn){{Service: core.Auth, Port: 9999}: answer}
	a := core.Action{Op: core.OpWaitHTTP, Service: core.Auth, Args: map[string]any{"port": 9999, "path": "/health", "timeout": 3.0}}
	bubble(t, e, a, func(err error, took time.Duration) {
		if err != nil || took != time.Second || asked != 3 {
			t.Errorf("%v after %s and %d requests", err, took, asked)
		}
	})
	a.Args["port"] = 1.0
	bubble(t, e, a, func(err error, took time.Duration) {
		if err == nil || !strings.Contains(err.Error(), "refused") || took != 3*time.Second {
			t.Errorf("a closed port: %v after %s", err, took)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitHTTP(ctx, &transaction{e: e}, a); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("cancelled: %v", err)
	}
}

// Package coretest provides a fake core.Engine and the contract that every
// core.Engine keeps, in the manner of testing/fstest.
package coretest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// Engine is a core.Engine in memory. The zero value is an instance with no
// containers and no files. Fields are set before use; while it is in use they
// are read and changed under Edit.
type Engine struct {
	mu sync.Mutex

	Instance   core.Instance
	Containers []core.Container
	Files      map[string]core.File
	Compose    core.Compose
	Host       core.HostFacts
	Gaps       []core.Gap

	// ParseEnv reads the file .env for Observe. Nil takes plain KEY=VALUE lines.
	ParseEnv func([]byte) ([]core.EnvVar, error)
	// Ports says who answers a connection; HTTP makes one of a handler. A
	// running service without one refuses it.
	Ports map[core.Address]func(net.Conn)
	// LogIn answers a database login; nil lets everybody in while db runs.
	LogIn func(core.Login) error
	// Aside is what was set aside, by where it is now.
	Aside map[string]core.File
	// Taken are ports of the host that others have, beside those of Containers.
	Taken []int
	// Databases answers a statement, by database.
	Databases map[string]func(sql string) ([][]string, error)
	// Commands answers Exec; nil prints nothing.
	Commands func(core.Service, core.Command) (string, error)

	// Fail makes a call fail before it does anything: "observe", "dial",
	// "login", "query", "read", "up", "alone", "down", "start", "stop", "restart", "exec",
	// "write", "capture" or "recover", with what it is about.
	Fail func(op, about string) error
	// OnCall runs after a change, with the engine unlocked.
	OnCall func(e *Engine, op, about string)
	// Calls is what was changed, in order: "restart auth", "write .env".
	Calls []string

	made int // counts container IDs
}

var _ core.Engine = (*Engine)(nil)

// Running returns containers of the given roles that run and are healthy.
func Running(services ...core.Service) []core.Container {
	var cs []core.Container
	for _, s := range services {
		cs = append(cs, core.Container{ID: "id-" + string(s), Name: "supabase-" + string(s), Service: s, ComposeService: string(s),
			Image: "supabase/" + string(s) + ":1", State: "running", Health: "healthy", PID: 1, StartedAt: time.Now(),
			Env: map[string]core.Secret{}, Labels: map[string]string{}})
	}
	return cs
}

// Edit changes the fake while it is in use.
func (e *Engine) Edit(change func(e *Engine)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

// Did returns what was changed so far.
func (e *Engine) Did() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Calls)
}

// State returns the state of the container of s, "" when there is none.
func (e *Engine) State(s core.Service) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.index(s); i >= 0 {
		return e.Containers[i].State
	}
	return ""
}

// fails asks whether a call is to fail.
func (e *Engine) fails(ctx context.Context, op, about string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.Fail == nil {
		return nil
	}
	return e.Fail(op, about)
}

// change does something to the fake and records it.
func (e *Engine) change(ctx context.Context, op, about string, do func() error) error {
	if err := e.fails(ctx, op, about); err != nil {
		return err
	}
	e.mu.Lock()
	e.Calls = append(e.Calls, strings.TrimSpace(op+" "+about))
	err := do()
	e.mu.Unlock()
	if e.OnCall != nil {
		e.OnCall(e, op, about)
	}
	return err
}

func (e *Engine) index(s core.Service) int {
	return slices.IndexFunc(e.Containers, func(c core.Container) bool { return c.Fills(s) })
}

func (e *Engine) running(s core.Service) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch i := e.index(s); {
	case i < 0:
		return core.Errorf(core.NotFound, "there is no container of %s", s)
	case e.Containers[i].State != "running":
		return core.Errorf(core.NotFound, "%s is not running", s)
	}
	return nil
}

// Up implements core.Engine: the wanted services run and are healthy; those
// that were declared and missing, or are recreated, have new containers.
func (e *Engine) Up(ctx context.Context, r core.UpRequest) error {
	var words []string
	if r.Recreate {
		words = append(words, "recreate")
	}
	for _, s := range r.Services {
		words = append(words, string(s))
	}
	return e.change(ctx, "up", strings.Join(words, " "), func() error {
		wanted := func(s core.Service) bool { return len(r.Services) == 0 || slices.Contains(r.Services, s) }
		for _, s := range r.Services {
			declared := slices.ContainsFunc(e.Compose.Services, func(d core.ComposeService) bool { return d.Service == s })
			if !declared && e.index(s) < 0 {
				return core.Errorf(core.NotFound, "there is no service that is %s", s)
			}
		}
		for _, d := range e.Compose.Services {
			if wanted(d.Service) && e.index(cmp.Or(d.Service, core.Service(d.Name))) < 0 {
				e.Containers = append(e.Containers, core.Container{ID: e.newID(), Service: d.Service, ComposeService: d.Name, Image: d.Image,
					Name: cmp.Or(d.ContainerName, e.Instance.Project+"-"+d.Name+"-1"), Env: d.Env, Health: "starting"})
			}
		}
		for i := range e.Containers {
			if c := &e.Containers[i]; wanted(c.Service) {
				if r.Recreate {
					c.ID = e.newID()
				}
				if slices.Contains(r.Leave, c.ComposeService) {
					c.State = cmp.Or(c.State, "created")
					continue
				}
				start(c)
			}
		}
		return nil
	})
}

// Alone implements core.Dismantler.
func (e *Engine) Alone(ctx context.Context) error { return e.fails(ctx, "alone", "") }

// Down implements core.Dismantler.
func (e *Engine) Down(ctx context.Context) error {
	return e.change(ctx, "down", "", func() error {
		e.Containers = nil
		return nil
	})
}

func (e *Engine) newID() string {
	e.made++
	return fmt.Sprintf("made-%d", e.made)
}

// Start implements core.Engine.
func (e *Engine) Start(ctx context.Context, s core.Service) error {
	return e.each(ctx, "start", s, start)
}

// Stop implements core.Engine.
func (e *Engine) Stop(ctx context.Context, s core.Service) error {
	return e.each(ctx, "stop", s, func(c *core.Container) { c.State, c.PID, c.FinishedAt = "exited", 0, time.Now() })
}

// Restart implements core.Engine.
func (e *Engine) Restart(ctx context.Context, s core.Service) error {
	return e.each(ctx, "restart", s, func(c *core.Container) {
		c.State = "exited"
		start(c)
	})
}

func (e *Engine) each(ctx context.Context, op string, s core.Service, do func(*core.Container)) error {
	return e.change(ctx, op, string(s), func() error {
		if e.index(s) < 0 {
			return core.Errorf(core.NotFound, "there is no container of %s", s)
		}
		for i := range e.Containers {
			if e.Containers[i].Fills(s) {
				do(&e.Containers[i])
			}
		}
		return nil
	})
}

// start makes a container run; one with a health check is healthy at once.
func start(c *core.Container) {
	if c.State != "running" {
		c.StartedAt = time.Now()
	}
	c.State, c.PID, c.ExitCode, c.OOMKilled, c.Error = "running", 1, 0, false, ""
	if c.Health != "" {
		c.Health = "healthy"
	}
}

// Exec implements core.Engine.
func (e *Engine) Exec(ctx context.Context, s core.Service, c core.Command) (string, error) {
	if err := e.running(s); err != nil {
		return "", err
	}
	out := ""
	err := e.change(ctx, "exec", string(s)+" "+strings.Join(c.Args, " "), func() error { return nil })
	if err == nil && e.Commands != nil {
		out, err = e.Commands(s, c)
	}
	return out, err
}

// Capture implements core.Engine.
func (e *Engine) Capture(ctx context.Context) ([]byte, error) {
	if err := e.fails(ctx, "capture", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(e.Containers) // unlike JSON it keeps secrets
	return b.Bytes(), err
}

// Recover implements core.Engine. Containers that were removed come back under
// new IDs.
func (e *Engine) Recover(ctx context.Context, captured []byte, leave ...string) error {
	var want []core.Container
	if err := gob.NewDecoder(bytes.NewReader(captured)).Decode(&want); err != nil {
		return &core.Error{Code: core.Invalid, Message: "the captured containers cannot be read", Err: err}
	}
	return e.change(ctx, "recover", "", func() error {
		left := func(c core.Container) bool { return slices.Contains(leave, c.ComposeService) }
		want = slices.DeleteFunc(want, left)
		kept := slices.DeleteFunc(slices.Clone(e.Containers), func(c core.Container) bool { return !left(c) })
		for i := range want {
			exists := slices.ContainsFunc(e.Containers, func(c core.Container) bool { return c.ID == want[i].ID })
			stands := slices.IndexFunc(e.Containers, func(c core.Container) bool {
				return c.Name == want[i].Name && c.Image == want[i].Image && maps.Equal(c.Env, want[i].Env)
			})
			switch {
			case exists:
			case stands >= 0:
				want[i].ID = e.Containers[stands].ID
			default:
				want[i].ID = e.newID()
			}
		}
		e.Containers = slices.Concat(want, kept)
		return nil
	})
}

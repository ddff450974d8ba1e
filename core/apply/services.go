package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	defaultWait = 2 * time.Minute
	maxWait     = time.Hour
	pollEvery   = 500 * time.Millisecond
	steadyFor   = 2 * time.Second // how long a container without a health check must run to count as well
)

func restart(ctx context.Context, t *transaction, a core.Action) error {
	return t.e.Restart(ctx, a.Service)
}
func stop(ctx context.Context, t *transaction, a core.Action) error { return t.e.Stop(ctx, a.Service) }
func start(ctx context.Context, t *transaction, a core.Action) error {
	return t.e.Start(ctx, a.Service)
}

func recreate(ctx context.Context, t *transaction, a core.Action) error {
	return t.e.Up(ctx, core.UpRequest{Services: []core.Service{a.Service}, Recreate: true})
}

// up brings one service, or all, to what the compose files say.
func up(ctx context.Context, t *transaction, a core.Action) error {
	var r core.UpRequest
	if a.Service != "" {
		r.Services = []core.Service{a.Service}
	}
	r.Leave = words(a, "leave")
	return t.e.Up(ctx, r)
}

// timed refuses a timeout that is none. It may be text such as "60s" or a
// number of seconds.
func timed(a core.Action) error {
	_, err := timeout(a)
	return err
}

func timeout(a core.Action) (time.Duration, error) {
	d := defaultWait
	switch v := a.Args["timeout"].(type) {
	case nil:
	case string:
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			return 0, core.Errorf(core.Invalid, `timeout is %q, not a time such as "60s"`, v)
		}
	case int:
		d = time.Duration(v) * time.Second
	case float64:
		d = time.Duration(v * float64(time.Second))
	default:
		return 0, core.Errorf(core.Invalid, `timeout is %v, not a time such as "60s"`, v)
	}
	if d <= 0 || d > maxWait {
		return 0, core.Errorf(core.Invalid, "timeout is %s; it may be up to %s", d, maxWait)
	}
	return d, nil
}

// poll asks f again and again until it says yes or the action's time is over;
// then the error says what f saw last.
func poll(ctx context.Context, a core.Action, f func(context.Context) (ok bool, saw string, err error)) error {
	limit, err := timeout(a)
	if err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	saw := "nothing yet"
	for {
		ok, now, err := f(bound)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil && bound.Err() == nil:
			return err
		case ok:
			return nil
		case now != "" && bound.Err() == nil:
			saw = now // and not that its time was over
		}
		if pause(bound, pollEvery) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return core.Errorf(core.Conflict, "%s was not well after %s: %s", a.Service, limit, saw)
		}
	}
}

// waitHealthy waits until every container of a service is healthy; one without
// a health check must run for a while without being restarted.
func waitHealthy(ctx context.Context, t *transaction, a core.Action) error {
	since := map[string]time.Time{} // by container and start
	return poll(ctx, a, func(ctx context.Context) (bool, string, error) {
		obs, err := t.e.Observe(ctx)
		if err != nil {
			return false, "", err
		}
		found := false
		for _, c := range obs.Containers {
			if c.Service != a.Service {
				continue
			}
			found = true
			life := fmt.Sprint(c.ID, c.StartedAt, c.Restarts)
			if _, ok := since[life]; !ok {
				since[life] = time.Now()
			}
			switch {
			case c.State != "running":
				return false, c.Name + " is " + c.State, nil
			case c.Health == "healthy":
			case c.Health != "":
				return false, c.Name + " is " + c.Health, nil
			case time.Since(since[life]) < steadyFor:
				return false, c.Name + " has only just started", nil
			}
		}
		return found, "it has no container", nil
	})
}

func checkHTTP(a core.Action) error {
	if p := number(a, "port", 0); p < 1 || p > 65535 {
		return core.Errorf(core.Invalid, "port is missing")
	}
	return needs("path")(a)
}

// waitHTTP waits until a service answers a GET with the status, or with any
// below 400 when none is given.
func waitHTTP(ctx context.Context, t *transaction, a core.Action) error {
	request := core.Request{Address: core.Address{Service: a.Service, Port: number(a, "port", 0)}, Path: a.Text("path")}
	want := number(a, "status", 0)
	return poll(ctx, a, func(ctx context.Context) (bool, string, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r, err := core.Send(ctx, t.e, request)
		if core.CodeOf(err) == core.Invalid {
			return false, "", err
		}
		if err != nil {
			return false, err.Error(), nil
		}
		return r.Status == want || want == 0 && r.Status < 400, fmt.Sprintf("it answers %d", r.Status), nil
	})
}

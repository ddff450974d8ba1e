package diagnose

import (
	"cmp"
	"context"
	"time"

	"github.com/basewright/basewright/core"
)

// Look observes an instance and runs the checkers on what it sees. Early
// checkers begin as soon as the containers are known, while logs and compose
// files are still read. An error means that the engine does not answer.
func Look(ctx context.Context, in core.Inspector, key core.FingerprintKey, checkers []core.Checker, opts Options) (*core.Diagnosis, *core.Observation, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(opts.Total, defaultTotal))
	defer cancel()
	t := core.Target{Inspector: in, Key: key}
	glancer, ok := in.(core.Glancer)
	if !ok {
		var err error
		if t.Observation, err = in.Observe(ctx); err != nil {
			return nil, nil, err
		}
		return run(ctx, start, t, checkers, opts), t.Observation, nil
	}
	first, rest, err := glancer.Glance(ctx)
	if err != nil {
		return nil, nil, err
	}
	later := await(rest)
	t.Observation, t.Rest = first, later.observation
	d := run(ctx, start, t, checkers, opts)
	if _, err := later.observation(ctx); err != nil {
		return nil, nil, err
	}
	return d, later.seen, nil
}

// whole is an observation that may still be under way.
type whole struct {
	done chan struct{}
	seen *core.Observation
	err  error
}

func await(rest func() (*core.Observation, error)) *whole {
	w := &whole{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.seen, w.err = rest()
	}()
	return w
}

// observation waits for it. What is there already is returned whatever became
// of ctx, so that a check whose probes took all its time can still judge them.
func (w *whole) observation(ctx context.Context) (*core.Observation, error) {
	select {
	case <-w.done:
		return w.seen, w.err
	default:
	}
	select {
	case <-w.done:
		return w.seen, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

// What the engine gets to answer in. The daemon answers all of these from
// memory, so one that takes longer is stuck.
const (
	listTimeout    = 10 * time.Second
	inspectTimeout = 10 * time.Second
)

// silence is the error of a call that the engine did not answer in time.
type silence time.Duration

func (s silence) limit() string { return fmt.Sprintf("%g s", time.Duration(s).Seconds()) }

func (s silence) Error() string { return "no answer within " + s.limit() }

func silent(err error) bool {
	_, ok := errors.AsType[silence](err)
	return ok
}

// within bounds one call to the engine. That its time is up is silence; that the
// caller's is, stays the caller's error.
func within[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	value, err := call(short)
	if err != nil && ctx.Err() == nil && errors.Is(short.Err(), context.DeadlineExceeded) {
		err = silence(limit)
	}
	return value, err
}

// look inspects one container.
func (h *Host) look(ctx context.Context, id string) (container.InspectResponse, error) {
	return within(ctx, inspectTimeout, func(ctx context.Context) (container.InspectResponse, error) {
		return h.api.ContainerInspect(ctx, id)
	})
}

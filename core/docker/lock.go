package docker

import (
	"context"
	"sync"
)

// held has a channel of capacity one per project under way or waited for.
var held sync.Map

// hold waits until nothing else in this process works on the named project,
// and returns how to release it.
func hold(ctx context.Context, name string) (release func(), err error) {
	made, _ := held.LoadOrStore(name, make(chan struct{}, 1))
	lock := made.(chan struct{})
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

package supabase

import (
	"fmt"
	"slices"
	"sync"

	"github.com/basewright/basewright/core"
)

// rendered remembers what compose files came to, by the digest of all that went
// in: the library takes some 25 ms of processor time for a stack, most of it
// on matching paths, and files seldom change between two looks.
var rendered renderings

// maxRendered bounds the memory: a stack of upstream's size takes 30 KiB.
const maxRendered = 256

type digest [32]byte

type renderings struct {
	mu  sync.Mutex
	all map[digest]core.Compose
}

// digest sums up every file that was read, and the names that go in beside them.
func (r *inspector) digest(names []string) digest {
	fmt.Fprintf(r.content, "%q", names)
	return digest(r.content.Sum(nil))
}

func (r *renderings) get(d digest) (core.Compose, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.all[d]
	c.Services, c.Unset = slices.Clone(c.Services), slices.Clone(c.Unset)
	return c, ok
}

func (r *renderings) put(d digest, c core.Compose) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= maxRendered {
		r.all = map[digest]core.Compose{}
	}
	r.all[d] = c
}

package main

import (
	"math"
	"runtime/debug"
	"sync"
)

// ample is what the heap may come to before garbage is collected with more zeal: a
// diagnosis of eight stacks at a time needs a third of it, a snapshot half.
const ample = 28 << 20

// thrift is who keeps memory small at the moment; the limit is the whole program's.
var thrift struct {
	mu     sync.Mutex
	users  int
	before int64 // the limit without them
}

// thrifty keeps memory small while something runs, at the cost of some time,
// unless GOMEMLIMIT says otherwise. Several may at once.
func thrifty() (end func()) {
	thrift.mu.Lock()
	defer thrift.mu.Unlock()
	if thrift.users++; thrift.users == 1 {
		if thrift.before = debug.SetMemoryLimit(-1); thrift.before == math.MaxInt64 {
			debug.SetMemoryLimit(ample)
		}
	}
	return sync.OnceFunc(func() {
		thrift.mu.Lock()
		defer thrift.mu.Unlock()
		if thrift.users--; thrift.users == 0 {
			debug.SetMemoryLimit(thrift.before)
		}
	})
}

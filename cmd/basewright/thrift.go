package main

import (
	"math"
	"os"
	"runtime/debug"
	"sync"
)

// ample is what the heap may come to before garbage is collected with more zeal: a
// diagnosis of eight stacks at a time needs a third of it, a snapshot half.
const ample = 28 << 20

// plenty is the same for all that the agent does. Ten thousand who connect at once
// would have the heap at 300 MB, twice what is in use, before any of it is collected;
// with much less, 9,000 who send slowly would have it collected all the time.
const plenty = 250 << 20

// thrift is who keeps memory small at the moment; the limit is the whole program's.
var thrift struct {
	mu     sync.Mutex
	users  int
	before int64 // the limit without them
}

// bounded keeps the agent's memory within plenty, unless GOMEMLIMIT says otherwise.
func bounded() {
	if _, told := os.LookupEnv("GOMEMLIMIT"); !told {
		debug.SetMemoryLimit(plenty)
	}
}

// thrifty keeps memory small while something runs, at the cost of some time,
// unless GOMEMLIMIT says otherwise. Several may at once.
func thrifty() (end func()) {
	thrift.mu.Lock()
	defer thrift.mu.Unlock()
	if thrift.users++; thrift.users == 1 {
		if thrift.before = debug.SetMemoryLimit(-1); thrift.before == math.MaxInt64 || thrift.before == plenty {
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

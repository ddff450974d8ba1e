package ui

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Receiving returns a listener for Server. When many connect at once their
// requests wait in the kernel or for a turn of the processor, and the deadlines
// of Server run meanwhile: a connection of this listener still gives what came
// in time, and knows how long ago that was.
func Receiving(l net.Listener) net.Listener {
	r := &receiving{Listener: l}
	if t, ok := l.(*net.TCPListener); ok {
		r.raw, _ = t.SyscallConn() // without it nobody is known to wait
	}
	return r
}

type receiving struct {
	net.Listener
	raw    syscall.RawConn
	behind atomic.Int64 // connections that waited to be accepted when last one was
}

// Accept takes the next connection when all that came before had a turn: else
// thousands are begun and none of them gets to its end.
func (l *receiving) Accept() (net.Conn, error) {
	runtime.Gosched()
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return c, nil //nolint:nilerr // it is served as any other
	}
	if l.raw != nil {
		_ = l.raw.Control(func(fd uintptr) { l.behind.Store(notAccepted(int(fd))) })
	}
	return &arrival{t, raw, l}, nil
}

// arrival is a connection that tells a request that did not come from one that
// nobody had the time to read.
type arrival struct {
	*net.TCPConn
	raw  syscall.RawConn
	from *receiving
}

// Read reads what is there, also when the deadline has passed.
func (a *arrival) Read(p []byte) (int, error) {
	n, err := a.TCPConn.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	late := 0
	_ = a.raw.Control(func(fd uintptr) { late, _ = syscall.Read(int(fd), p) }) // it never waits
	if late > 0 {
		return late, nil
	}
	return n, err
}

// arrivalKey finds the connection of a request in its context.
type arrivalKey struct{}

func withArrival(ctx context.Context, c net.Conn) context.Context {
	if a, ok := c.(*arrival); ok {
		return context.WithValue(ctx, arrivalKey{}, a)
	}
	return ctx
}

// wait is what a request has behind it when it is first looked at.
type wait struct {
	ago    time.Duration // since the last of it came
	behind int64         // connections that the kernel keeps meanwhile
}

func waited(r *http.Request) (w wait) {
	a, ok := r.Context().Value(arrivalKey{}).(*arrival)
	if !ok {
		return w
	}
	_ = a.raw.Control(func(fd uintptr) { w.ago = sinceReceived(int(fd)) })
	w.behind = a.from.behind.Load()
	return w
}

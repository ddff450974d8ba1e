package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/basewright/basewright/core"
)

// errOutside means that this process cannot enter a container's network: it is
// not root, or the engine is elsewhere.
var errOutside = errors.New("the container's loopback cannot be reached from here")

// dialInside connects to a port of the loopback inside a container, as a client
// in the container would, without running anything there.
func (e *Engine) dialInside(ctx context.Context, c core.Container, port int) (net.Conn, error) {
	facts, err := e.host.engineFacts(ctx)
	if err != nil {
		return nil, err
	}
	if !facts.host.Local || !belongs(c.PID, c.ID) {
		return nil, errOutside
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := dialIn(ctx, fmt.Sprintf("/proc/%d/ns/net", c.PID), net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// dialIn dials from another network namespace. Its thread goes there and back;
// one that cannot come back ends with its goroutine, for it is never unlocked.
func dialIn(ctx context.Context, namespace, address string) (net.Conn, error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, errors.Join(errOutside, err)
	}
	defer home.Close()
	there, err := os.Open(namespace)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, errors.Join(errOutside, err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, errors.Join(errOutside, err)
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp4", address)
	if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return conn, err
}

// belongs reports whether the process is one of the container's, also when
// process numbers here are not those of the engine.
func belongs(pid int, id string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && pid > 0 && id != "" && strings.Contains(string(data), id)
}

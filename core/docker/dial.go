package docker

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

// dialTimeout bounds one way to a service; the network is this machine's own.
const dialTimeout = 2 * time.Second

// Dial implements core.Inspector. A service that is not running is NotFound.
func (e *Engine) Dial(ctx context.Context, a core.Address) (net.Conn, error) {
	c, err := e.running(ctx, a.Service)
	if err != nil {
		return nil, err
	}
	conn, err := e.dial(ctx, c, a)
	if err == nil || ctx.Err() != nil || core.CodeOf(err) == core.NotFound {
		return conn, err
	}
	// The container may have another address by now. Ask once, and try again
	// when it has.
	if _, again := e.refresh(ctx); again != nil {
		return nil, again
	}
	now, again := e.running(ctx, a.Service)
	if again != nil {
		return nil, again
	}
	if slices.Equal(e.ways(ctx, now, a), e.ways(ctx, c, a)) {
		return nil, err
	}
	return e.dial(ctx, now, a)
}

// dial tries the ways to a in turn. The first service that answers, and be it
// with a refusal, decides.
func (e *Engine) dial(ctx context.Context, c core.Container, a core.Address) (net.Conn, error) {
	ways := e.ways(ctx, c, a)
	if len(ways) == 0 && a.Published {
		return nil, core.Errorf(core.NotFound, "port %d of %s is not published", a.Port, a.Service)
	}
	var failed []error
	for _, way := range ways {
		d := net.Dialer{Timeout: dialTimeout}
		conn, err := d.DialContext(ctx, "tcp", way)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
			return nil, err
		}
		failed = append(failed, err)
	}
	return nil, &core.Error{Code: core.Unreachable, Message: "there is no way from here to port " +
		strconv.Itoa(a.Port) + " of " + string(a.Service), Err: errors.Join(failed...)}
}

// ways returns the addresses at which a may answer, best first. A container's
// own address means something on the engine's machine only: elsewhere it could
// be somebody else's.
func (e *Engine) ways(ctx context.Context, c core.Container, a core.Address) []string {
	var ways []string
	facts, err := e.host.engineFacts(ctx)
	if err == nil && facts.host.Local && !a.Published {
		for _, ip := range addresses(c) {
			ways = append(ways, net.JoinHostPort(ip, strconv.Itoa(a.Port)))
		}
	}
	for _, p := range c.Ports {
		if p.ContainerPort == a.Port && p.HostPort != 0 && (p.Proto == "tcp" || p.Proto == "") {
			ways = append(ways, net.JoinHostPort(e.publishedIP(p.HostIP), strconv.Itoa(p.HostPort)))
		}
	}
	return slices.Compact(ways)
}

// addresses returns where a container listens itself. One on the host's network
// listens on the host.
func addresses(c core.Container) []string {
	var ips []string
	for _, n := range c.Networks {
		switch {
		case n.IP != "":
			ips = append(ips, n.IP)
		case n.Network == "host":
			ips = append(ips, "127.0.0.1")
		}
	}
	return ips
}

// publishedIP returns where to reach a port published on ip.
func (e *Engine) publishedIP(ip string) string {
	if ip != "" && ip != "0.0.0.0" && ip != "::" {
		return ip
	}
	if u, err := url.Parse(e.host.end.host); err == nil && !strings.HasPrefix(e.host.end.host, "unix:") && u.Hostname() != "" {
		return u.Hostname()
	}
	return "127.0.0.1"
}

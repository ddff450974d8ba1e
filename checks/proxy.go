package checks

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "gateway.proxy", Title: "What stands in front of the gateway lets websockets through",
		Category: core.APIEndpoints, Depth: core.Deep, Check: outerProxy{net.DefaultResolver.LookupNetIP}.check,
		Finds: []core.Explanation{{
			Code: "GW-15", Title: "The proxy in front of the gateway does not pass websockets on", Severity: core.Warning,
			What:   "Through the stack's public URL a websocket handshake is refused, and through the gateway itself it is accepted: nginx, Caddy, Apache or a cloud's load balancer in between does not pass the headers Upgrade and Connection on, or speaks HTTP/1.0 to the gateway.",
			Breaks: "Realtime's clients are not connected, or fall back and try again for ever; everything else works.",
			Do:     "Have the proxy speak HTTP/1.1 to the gateway, pass Upgrade and Connection on, and wait long for the next byte (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection \"upgrade\", proxy_read_timeout 1h). A cloud's proxy may have a switch for websockets.",
			Data:   "No data is at risk.", Sources: "nginx docs, websocket proxying",
		}},
	})
}

// outerProxy asks the stack by its public URL, as its clients do. That leaves the
// host, so that only a deep diagnosis does it.
type outerProxy struct {
	resolve func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const socketPath = "/realtime/v1/websocket"

// check compares a handshake by the public URL with one through the gateway. A
// URL that does not lead to this stack from here tells nothing: networks differ.
func (o outerProxy) check(ctx context.Context, t core.Target) ([]core.Finding, error) {
	gw, ok := t.Container(core.Gateway)
	rt, has := t.Container(core.Realtime)
	setting, public := publicBase(t)
	if !ok || !has || !answers(t, gw) || !answers(t, rt) || public == nil || publishes(gw, public) {
		return nil, nil
	}
	key := gatewayKeys(t, gw).gateway.anon
	socket := routes[slices.IndexFunc(routes, func(r route) bool { return r.service == core.Realtime })]
	direct, err := throughGateway(ctx, t, socket, key)
	if err != nil || direct.Status != http.StatusSwitchingProtocols {
		return nil, nil // gateway.routes tells of it
	}
	addresses, err := o.addresses(ctx, t, public)
	if err != nil || len(addresses) == 0 {
		return nil, nil // a name that only clients may know
	}
	settings := route{through: "/auth/v1/settings"}
	if plain, _, err := askOutside(ctx, public, addresses, settings, key); err != nil || plain != http.StatusOK {
		return nil, nil // it leads elsewhere, or nowhere from here
	}
	status, server, err := askOutside(ctx, public, addresses, socket, key)
	if err == nil && status == http.StatusSwitchingProtocols {
		return nil, nil
	}
	return []core.Finding{{
		Code: "GW-15", Service: core.Gateway, Affects: nothing, Evidence: []core.Evidence{
			evidence("http:"+clip(public.String())+socketPath, outside(status, server, err)+", asked by the public URL"),
			evidence("http:gateway"+socketPath, "101 Switching Protocols, asked through the gateway itself"),
			evidence(fromEnv(t, setting), setting+" is "+clip(public.String())),
		},
	}}, nil
}

// outside tells what came of a handshake by the public URL. Nothing of the body:
// it is another program's.
func outside(status int, server string, err error) string {
	if err != nil {
		return shortError(err)
	}
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if server != "" {
		text += " from " + clip(server)
	}
	return text
}

// publicBase returns the scheme and host that clients use, and which setting
// says so; nil when that is no URL.
func publicBase(t core.Target) (setting string, base *url.URL) {
	setting = "SUPABASE_PUBLIC_URL"
	raw := publicURL(t)
	if raw == "" {
		setting, raw = "API_EXTERNAL_URL", externalURL(t)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return setting, nil
	}
	return setting, &url.URL{Scheme: u.Scheme, Host: u.Host}
}

// portOfURL is the port that a URL means.
func portOfURL(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// publishes reports whether a URL names a port of the gateway: nothing stands in
// front of it then.
func publishes(gw core.Container, u *url.URL) bool {
	return slices.ContainsFunc(gw.Ports, func(p core.Port) bool { return strconv.Itoa(p.HostPort) == portOfURL(u) })
}

// addresses resolves a public URL. A URL is what somebody wrote into a file, so
// addresses of the link, where clouds keep their secrets, are never asked, and
// this machine's own only when the stack is on it.
func (o outerProxy) addresses(ctx context.Context, t core.Target, u *url.URL) ([]string, error) {
	found, err := o.resolve(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, err
	}
	var all []string
	for _, a := range found {
		if !askable(a, t.Host.Local) {
			return nil, nil
		}
		all = append(all, net.JoinHostPort(a.Unmap().String(), portOfURL(u)))
	}
	return all, nil
}

// secretive are the addresses beside those of the link at which clouds tell a
// machine its secrets: of Alibaba, Azure, Oracle, and over IPv6 of AWS and Google.
// The last two are of translators and tunnels whose IPv4 address nobody can tell.
var secretive = []netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("fd20:ce::/32"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/32"),
}

// askable reports whether an address may be asked: one of the world or of a
// private network that tells no secrets, and one of this machine where that is
// the stack's own, whatever form it is written in.
func askable(a netip.Addr, local bool) bool {
	a = innermost(a)
	if a.IsLoopback() {
		return local
	}
	return a.IsGlobalUnicast() && !slices.ContainsFunc(secretive, func(p netip.Prefix) bool { return p.Contains(a) })
}

// innermost returns the IPv4 address that an IPv6 address stands for: as it is
// mapped, behind NAT64 (RFC 6052), of 6to4, or as such addresses once were.
func innermost(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case a.Is4():
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a) && !a.IsLoopback() && !a.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

const outsideTimeout = 2 * time.Second

// askOutside sends one request to the first of addresses that takes a connection
// and returns the answer's status and who says to have given it.
func askOutside(ctx context.Context, base *url.URL, addresses []string, r route, key core.Secret) (status int, server string, err error) {
	ctx, cancel := context.WithTimeout(ctx, outsideTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var failed []error
			for _, a := range addresses {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a)
				if err == nil {
					return conn, nil
				}
				failed = append(failed, err)
			}
			return nil, errors.Join(failed...)
		},
		TLSClientConfig:   &tls.Config{NextProtos: []string{"http/1.1"}}, // as a websocket's client
		DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+r.path(r.through, key), nil)
	if err != nil {
		return 0, "", err
	}
	for k, v := range r.header(key) {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it quotes the key
	}
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, resp.Header.Get("Server"), resp.Body.Close()
}

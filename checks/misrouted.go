package checks

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// strange reports whether an answer is one that the service behind r does not
// give to r's request while it is well: another program may have given it.
func (r route) strange(resp core.Response) bool {
	switch {
	case r.inside == "":
		return false // a user's function may answer anything
	case r.service == core.Realtime && resp.Status == 403:
		return true
	}
	return resp.Status == 404 || resp.Status/100 == 3 || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
}

// ownNotFound reports whether Envoy itself had no route: it says so with nothing
// but its name, and writes into what comes from a service how long that took.
func ownNotFound(resp core.Response) bool {
	h := resp.Header
	return resp.Status == 404 && resp.Body == "" && h.Get("Server") == "envoy" && h.Get("X-Envoy-Upstream-Service-Time") == ""
}

// path returns what is asked for, with the key where a client has it: realtime
// reads it from there, and old releases refuse a socket without one as they
// refuse an unknown tenant.
func (r route) path(at string, key core.Secret) string {
	if r.service != core.Realtime {
		return at
	}
	return at + "&apikey=" + url.QueryEscape(key.Reveal())
}

// misrouted asks the service itself what the gateway was answered so strangely.
// When it says something else, the gateway asks another place. Nil with settled
// means that nobody can have given the service's answer, since it gives none.
func misrouted(ctx context.Context, t core.Target, r route, key core.Secret, f *core.Finding) (other *core.Finding, settled bool) {
	c, ok := t.Container(r.service)
	if !ok {
		return nil, false
	}
	host := ""
	if r.service == core.Realtime {
		host = tenantHost(ctx, t, c)
	}
	a := core.Address{Service: r.service, Port: portOf(c, probeOf(r.service))}
	resp, err := core.Send(ctx, t, core.Request{Address: a, Host: host, Path: r.path(r.inside, key), Headers: r.header(key)})
	switch {
	case core.CodeOf(err) == core.Unreachable:
		return nil, false
	case err != nil || resp.Status >= 500: // services.answer tells of it
		return nil, true
	}
	text := answer(resp) + ", asked itself"
	if host != "" {
		text += " as " + clip(host)
	}
	direct := evidence(fmt.Sprintf("http:%s:%d%s", r.service, a.Port, r.inside), text)
	if r.strange(resp) {
		f.Evidence = append(f.Evidence, direct)
		return nil, false
	}
	return &core.Finding{
		Code: "GW-05", Service: core.Gateway, Severity: severity(r.service), Evidence: append(slices.Clone(f.Evidence), direct),
	}, true
}

// tenantHost is the name under which the gateway asks realtime, whose first
// label is the tenant: the one in the gateway's files or, where those cannot be
// read, one of the container's own.
func tenantHost(ctx context.Context, t core.Target, rt core.Container) string {
	names := []string{rt.Name, rt.ComposeService}
	for _, e := range rt.Networks {
		names = append(names, e.Aliases...)
	}
	_, texts := gatewayTexts(ctx, t)
	for _, text := range texts {
		for _, host := range sentHosts(text) {
			if slices.Contains(names, host) || meant(host) == core.Realtime {
				return host
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, tenantOf(rt)+".") {
			return name
		}
	}
	return rt.Name
}

var rewrittenHost = regexp.MustCompile(`host_rewrite_literal:\s*["']?([A-Za-z0-9_.-]+)`)

// sentHosts lists the names that a gateway may send as Host: those that it
// writes in their place first, then those that it asks by.
func sentHosts(text gatewayText) []string {
	var hosts []string
	for _, m := range rewrittenHost.FindAllStringSubmatch(text.filled, -1) {
		hosts = append(hosts, m[1])
	}
	f, err := text.read([]byte(text.filled))
	if err != nil {
		return hosts
	}
	for _, h := range f.Hosts {
		hosts = append(hosts, h.Name)
	}
	return hosts
}

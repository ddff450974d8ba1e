package checks

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	family("security.ports", "Only what is meant for the world is published to it", core.Configuration, []rule{
		{core.Explanation{
			Code: "SEC-04", Title: "The database is published on every address", Severity: core.Warning,
			What:   "A port of the database or of the pooler is published on all addresses of the host, as upstream's compose file does.",
			Breaks: "Nothing; whoever reaches the host may try passwords against the database, past any firewall that does not know Docker.",
			Do:     "Put 127.0.0.1: before the port in the service's ports, in an override file. POSTGRES_PORT itself cannot hold an address.",
			Data:   "Data is as safe as the weakest password.", Sources: "supabase/supabase#1227, PR#29715",
		}, published0(func(c core.Service, port int) bool {
			return c == core.DB || c == core.Pooler && (port == 5432 || port == 6543)
		})},
		{core.Explanation{
			Code: "SEC-07", Title: "Studio is published past the gateway", Severity: core.Warning,
			What:   "Studio's own port is published on all addresses of the host. Studio asks for no password; the gateway in front of it does.",
			Breaks: "Nothing; anybody who reaches the port rules the database.",
			Do:     "Remove the port of studio and use the gateway.", Data: "Data may be read or changed by anybody who reaches the port.", Sources: "supabase/supabase docker-compose.yml",
		}, published0(func(c core.Service, port int) bool { return c == core.Studio && port == 3000 })},
		{core.Explanation{
			Code: "SEC-11", Title: "The gateway's admin port is published", Severity: core.Warning,
			What:   "The administration of Envoy (9901) or of Kong (8001, 8444) is published on all addresses of the host.",
			Breaks: "Nothing; anybody who reaches it can read the keys, and stop or change the gateway.",
			Do:     "Remove that port from the gateway's ports.", Data: "Keys may be read.", Sources: "supabase/supabase docker-compose.envoy.yml",
		}, published0(func(c core.Service, port int) bool {
			return c == core.Gateway && slices.Contains([]int{9901, 8001, 8444}, port)
		})},
		{core.Explanation{
			Code: "SEC-05", Title: "Analytics, meta or another inner service is published on every address", Severity: core.Warning,
			What:   "A service that only others of the stack need is published on all addresses of the host. Docker's rules come before those of ufw.",
			Breaks: "Nothing; the service takes requests that no gateway has checked.",
			Do:     "Remove the port, or put 127.0.0.1: before it.", Data: "It depends on the service: postgres-meta runs any SQL for anybody.", Sources: "Docker docs, packet filtering and firewalls",
		}, published0(func(c core.Service, _ int) bool {
			return slices.Contains([]core.Service{core.Meta, core.Analytics, core.Rest, core.Auth, core.Storage, core.Imgproxy, core.Realtime}, c)
		})},
		{core.Explanation{
			Code: "SEC-06", Title: "The gateway serves the public over plain HTTP", Severity: core.Warning,
			What:   "The gateway is published on all addresses, and its public URL is http:// at a public host.",
			Breaks: "Nothing; passwords, tokens and the dashboard's login travel readable by all on the way.",
			Do:     "Put a proxy with TLS in front (upstream has overlays for Caddy and nginx), bind the gateway to 127.0.0.1, and set the URLs to https://.",
			Data:   "Credentials may be read on the way.", Sources: "Supabase docs, self-hosting with Docker",
		}, plainHTTP},
	})
}

// published0 tells of ports that are published on every address.
func published0(wanted func(s core.Service, containerPort int) bool) func(context.Context, core.Target) []core.Finding {
	return func(_ context.Context, t core.Target) []core.Finding {
		var found []core.Finding
		for _, p := range parts(t) {
			var proof []core.Evidence
			var inside []string
			seen := map[int]bool{}
			for _, port := range p.ports {
				if everywhere(port) && wanted(p.role, port.ContainerPort) && !seen[port.HostPort] {
					seen[port.HostPort] = true
					proof = append(proof, evidence(p.at("ports", strconv.Itoa(port.ContainerPort)), fmt.Sprintf("%s publishes %d on all addresses, for port %d of %s", p.name, port.HostPort, port.ContainerPort, p.role)))
					inside = append(inside, strconv.Itoa(port.ContainerPort))
				}
			}
			for _, f := range advice(p.role, proof...) {
				f.Details = map[string]string{"ports": strings.Join(inside, ",")} // those of the container
				found = append(found, f)
			}
		}
		return found
	}
}

func plainHTTP(_ context.Context, t core.Target) []core.Finding {
	gw, _ := partOf(t, core.Gateway)
	url := envOr(t, "SUPABASE_PUBLIC_URL", core.Studio, "SUPABASE_PUBLIC_URL")
	if !strings.HasPrefix(url, "http://") || !isPublic(hostOf(url)) || !slices.ContainsFunc(gw.ports, everywhere) {
		return nil
	}
	return advice(core.Gateway, evidence(fromEnv(t, "SUPABASE_PUBLIC_URL"), "SUPABASE_PUBLIC_URL is "+clip(Mask(url))), evidence(gw.at("ports"), gw.name+" is published on all addresses"))
}

// isPublic reports whether a host of a URL is one that the world may reach. A
// name without a dot, and one of a zone for private use, is not.
func isPublic(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified()
	}
	zone := host[strings.LastIndexByte(host, '.')+1:]
	private := []string{"local", "localhost", "internal", "lan", "home", "test", "example", "invalid", "localdomain", "arpa"}
	return strings.Contains(host, ".") && !slices.Contains(private, zone)
}

// isOwn reports whether a host of a URL means the machine itself or a name that
// only the stack knows.
func isOwn(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || slices.Contains([]string{"kong", "api-gw", "envoy"}, host) || err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

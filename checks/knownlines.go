package checks

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/basewright/basewright/core"
)

// live makes a signature that counts while the service is well, for ten minutes.
func live(s core.Service, pattern, code, title string) signature {
	l := line(s, pattern, code, title)
	l.live = true
	return l
}

// rarerSignatures are of failures that are rarer, or that a service survives.
// Sources: error texts in upstream's sources and the threads named in the
// explanations; those of DK-17, DK-19, ST-06 and GW-13 are matched loosely.
var rarerSignatures = []signature{
	line(core.Pooler, `ulimit: open files: cannot modify limit`, "DK-19", "The pooler may not raise its limit of open files"),
	line(core.Realtime, `ulimit: .*(Invalid argument|cannot modify limit|Operation not permitted)`, "DK-19", "Realtime may not raise its limit of open files"),
	line(core.DB, `exec format error`, "DK-17", "The image is built for another processor"),
	line(core.Auth, `exec format error`, "DK-17", "The image is built for another processor"),
	line(core.Storage, `exec format error`, "DK-17", "The image is built for another processor"),
	line(core.Realtime, `exec format error`, "DK-17", "The image is built for another processor"),
	line(core.Functions, `failed to create the graph|[Ff]ailed to (fetch|download|load).{0,80}(jsr\.io|deno\.land|esm\.sh|registry\.npmjs)|error sending request for url \(https?://(jsr\.io|deno\.land|esm\.sh|registry\.npmjs)`, "FN-04", "Functions cannot load modules from the internet"),
	line(core.Storage, `Migration \S+ not found|Migration failed\. Reason`, "ST-03", "A database migration of storage fails"),
	line(core.DB, `getkey script ".*" does not exist`, "PG-08", "The database lacks the script that reads its root key"),
	line(core.DB, `unrecognized configuration parameter|configuration file ".*" contains errors`, "PG-10", "The database refuses its configuration"),
	line(core.Analytics, `(?i)illegal instruction`, "LOG-05", "Analytics was killed at its start"),
	line(core.Vector, `Listing currently running containers failed|permission denied.*docker\.sock|All sources have finished`, "VEC-01", "Vector cannot use Docker's socket"),

	live(core.Storage, `does not support extended attributes`, "ST-01", "The file system under storage cannot hold what it needs"),
	live(core.Storage, `(EACCES|EROFS|EPERM)[:,].{0,200}(/var/lib/storage|mkdir|open|rename)`, "ST-02", "Storage may not write to its folder"),
	live(core.Storage, `EntityTooLarge|exceeded the maximum allowed size`, "ST-04", "A file is larger than storage accepts"),
	live(core.Storage, `[Tt]he extended attribute does not exist`, "ST-08", "Files of storage have lost their attributes"),
	live(core.Realtime, `UnableToConnectToTenantDatabase`, "RT-04", "Realtime works with older settings of its tenant"),
	live(core.Storage, `SignatureDoesNotMatch|InvalidAccessKeyId`, "ST-06", "Storage rejects S3 credentials"),
	live(core.Functions, `InvalidWorkerCreation|BOOT_ERROR`, "FN-02", "An edge function does not start"),
	live(core.Functions, `UNAUTHORIZED_(LEGACY_JWT|ASYMMETRIC_JWT|UNSUPPORTED_TOKEN_ALGORITHM|INVALID_JWT_FORMAT)`, "FN-03", "Edge functions reject tokens"),
	live(core.Functions, `memory limit reached for the worker|wall clock duration (warning|limit)? ?reached|CPU time hard limit reached|request has been cancelled by supervisor`, "FN-05", "An edge function reached a limit"),
	live(core.Gateway, `upstream sent too big header`, "GW-13", "Answers have headers that the gateway cannot hold"),
	live(core.Pooler, `ECIRCUITBREAKER|EWRONGPASSWORD|EAUTHQUERY|too many authentication failures`, "POOL-05", "The pooler rejects or blocks logins"),
	live(core.Pooler, `EMAXCONN|max clients reached|[Mm]ax client connections reached`, "POOL-06", "The pooler has no place for more clients"),
	live(core.Pooler, `prepared statement ".*" (already exists|does not exist)|EPREPARED`, "POOL-08", "A client uses prepared statements where it cannot"),
	live(core.Pooler, `Tenant or user not found|ENOTFOUND.*tenant|tenant/user \S+ not found`, "POOL-01", "A client names a tenant that the pooler does not know"),
	live(core.Realtime, `Too many connected users|Too many joins per second|TooManyConnections|ChannelRateLimitReached`, "RT-14", "Realtime turns clients away at its limits"),
	live(core.Realtime, `MissingPartition`, "RT-15", "Realtime has no partition for today's messages"),
	live(core.Realtime, `ReplicationSlotBeingUsed`, "RT-13", "Another realtime holds the replication slot"),
	live(core.Realtime, `MigrationsFailedToRun`, "RT-11", "Realtime's migrations of the database fail"),
	live(core.Rest, `JWT issued at future`, "DK-24", "Tokens come from the future: clocks differ"),
	live(core.Storage, `RequestTimeTooSkewed`, "DK-24", "Tokens come from the future: clocks differ"),
	{service: core.Vector, pattern: compile(`dns error: failed to lookup address information`), code: "VEC-06", title: "Vector cannot find where it sends logs", live: true, until: core.Analytics},
	live(core.DB, `invalid ciphertext`, "PG-07", "The database cannot decrypt Vault's secrets"),
	live(core.Rest, `invalid ciphertext`, "PG-07", "The database cannot decrypt Vault's secrets"),
}

// knownLines looks for every signature of the table, the worst news of each once.
func knownLines(ctx context.Context, t core.Target) ([]core.Finding, error) {
	var found []core.Finding
	for _, s := range rarerSignatures {
		c, ok := t.Container(s.service)
		if !ok || s.live != well(t, c) {
			continue
		}
		l, ok := lastMatch(t, c, s)
		if ok && s.until == core.Analytics {
			s.until = sinkMeans(ctx, t, l.Text)
		}
		if !ok || back(t, s.until, l) || slices.ContainsFunc(found, func(f core.Finding) bool { return f.Code == s.code && f.Service == s.service }) {
			continue
		}
		f := core.Finding{Code: s.code, Service: s.service, Title: s.title, Evidence: []core.Evidence{logEvidence(s.service, l)}}
		if s.live {
			f.Affects = nothing // it is about requests, and the service is up
		}
		if s.until != "" {
			f.Service = s.until // so that it goes under what is wrong there
		}
		found = append(found, explained(f, s.code))
	}
	for _, c := range t.Containers {
		if p := poolsExhausted(c); p {
			found = append(found, explained(core.Finding{Code: "DK-04", Service: c.Service, Evidence: []core.Evidence{evidence("inspect:"+c.Name, clip(c.Error))}}, "DK-04"))
		}
	}
	if f, ok := staleAddress(t); ok {
		found = append(found, f)
	}
	return found, nil
}

// again is within how long whoever looks for a service says so again.
const again = 30 * time.Second

// back reports whether the service that a line is about came up after it, or is
// well and nobody has said the line again.
func back(t core.Target, s core.Service, l core.LogLine) bool {
	c, ok := t.Container(s)
	return ok && well(t, c) && (c.StartedAt.After(l.At) || t.At.Sub(l.At) > again)
}

func poolsExhausted(c core.Container) bool {
	return c.Service != "" && addressPools.MatchString(c.Error)
}

var (
	addressPools = compile(`non-overlapping IPv4 address pool|all predefined address pools have been fully subnetted`)
	deadUpstream = compile(`(connect\(\) failed|upstream timed out|[Nn]o route to host|connection refused).*upstream: "https?://([0-9.]+):(\d+)`)
)

// staleAddress finds a gateway that has lately asked an address at which no
// container of the stack is any more, or another one than it means.
func staleAddress(t core.Target) (core.Finding, bool) {
	gw, ok := t.Container(core.Gateway)
	if !ok || gw.State != "running" {
		return core.Finding{}, false
	}
	for _, l := range slices.Backward(gw.Logs) {
		if t.At.Sub(l.At) > recentRequest/5 {
			break
		}
		m := deadUpstream.FindStringSubmatch(l.Text)
		if m == nil {
			continue
		}
		who, right := atAddress(t, m[2], m[3])
		if right {
			continue
		}
		if ip, err := netip.ParseAddr(m[2]); err != nil || !ip.IsPrivate() || !sameNetwork(gw, ip) || startedSince(t, l) {
			continue
		}
		return explained(core.Finding{Service: core.Gateway, Severity: routeSeverity(t, m[3]), Evidence: []core.Evidence{logEvidence(core.Gateway, l), evidence("inspect", who)}}, "GW-05"), true
	}
	return core.Finding{}, false
}

// atAddress says who has an address of the stack's network now, and whether that
// may be the service whose port the gateway asks there.
func atAddress(t core.Target, ip, port string) (who string, right bool) {
	for _, c := range t.Containers {
		if !slices.ContainsFunc(c.Networks, func(e core.Endpoint) bool { return e.IP == ip }) {
			continue
		}
		meant := listensOn(t, port)
		if len(meant) == 0 || c.Service == "" || slices.Contains(meant, c.Service) {
			return "", true
		}
		return fmt.Sprintf("%s has the address %s now; port %s is that of %s", c.Service, ip, port, meant[0]), false
	}
	return "no container of the stack has the address " + ip, false
}

// listensOn lists the services of the stack that listen on a port.
func listensOn(t core.Target, port string) []core.Service {
	var who []core.Service
	for _, p := range probes {
		if c, ok := t.Container(p.service); ok && strconv.Itoa(portOf(c, p)) == port {
			who = append(who, p.service)
		}
	}
	return who
}

// routeSeverity is how bad it is that the gateway does not reach the service of
// a port: critical when no client can do without it.
func routeSeverity(t core.Target, port string) core.Severity {
	for _, s := range []core.Service{core.Auth, core.Rest} {
		if c, ok := t.Container(s); ok && strconv.Itoa(portOf(c, probeOf(s))) == port {
			return core.Critical
		}
	}
	return core.Warning
}

// sameNetwork guesses a network by the first half of an address.
func sameNetwork(gw core.Container, ip netip.Addr) bool {
	return slices.ContainsFunc(gw.Networks, func(e core.Endpoint) bool {
		own, err := netip.ParseAddr(e.IP)
		return err == nil && own.Is4() && ip.Is4() && own.As4()[0] == ip.As4()[0] && own.As4()[1] == ip.As4()[1]
	})
}

// startedSince reports whether a container came up after the line: what the
// gateway asked in between proves nothing.
func startedSince(t core.Target, l core.LogLine) bool {
	return slices.ContainsFunc(t.Containers, func(c core.Container) bool {
		return c.Service != "" && (c.State != "running" || c.StartedAt.After(l.At))
	})
}

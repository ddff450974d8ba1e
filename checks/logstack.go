package checks

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("configuration.logging", "Analytics and Vector gather this stack's logs, and do not hold it up", core.Configuration, []rule{
		{core.Explanation{
			Code: "LOG-01", Title: "The stack waits for its logging", Severity: core.Info,
			What:   "Services depend on analytics, or the database on vector, being healthy, as in upstream's files before June 2026.",
			Breaks: "Nothing now; when logging is unwell at a start, the whole stack does not come up.",
			Do:     "Remove those conditions, or move logging to the overlay of the present release.",
			Data:   "No data is at risk.", Sources: "supabase/supabase#16777, #40725; PR#45327",
		}, waitsForLogs},
		{core.Explanation{
			Code: "LOG-08", Title: "Analytics has a backend URL that does not fit", Severity: core.Warning,
			What:   "POSTGRES_BACKEND_URL cannot be read as a URL, or holds another password than DB_PASSWORD of the same service.",
			Breaks: "Analytics does not start, or stores no logs.",
			Do:     "Correct it in the compose file and recreate analytics; the old password may also stand in _analytics.source_backends.",
			Data:   "No data is at risk but logs.", Sources: "supabase/supabase docker/CHANGELOG 2025-11-26, utils/db-passwd.sh",
		}, backendURL},
		{core.Explanation{
			Code: "LOG-09", Title: "The health check of analytics takes a failure for health", Severity: core.Info,
			What:   "It runs curl without -f, which ends with 0 when the answer is 503.",
			Breaks: "Docker calls analytics healthy when it is not.", Do: "Use `curl -sSfL`, as upstream does now, and recreate.",
			Data: "No data is at risk.", Sources: "supabase/supabase docker-compose.yml",
		}, curlWithoutF},
		{core.Explanation{
			Code: "VEC-01", Title: "Vector has no Docker socket", Severity: core.Warning,
			What:   "Vector gathers logs through Docker's socket; DOCKER_SOCKET_LOCATION is empty, or the socket is not mounted.",
			Breaks: "No logs arrive in Studio; Vector ends, and in older releases the database waits for it.",
			Do:     "Set DOCKER_SOCKET_LOCATION=/var/run/docker.sock (rootless: /run/user/UID/docker.sock) and recreate vector.",
			Data:   "No data is at risk.", Sources: "supabase/supabase#27357",
		}, noSocket},
		{core.Explanation{
			Code: "VEC-08", Title: "Vector cannot read its configuration", Severity: core.Warning,
			What:   "vector.yml is not valid YAML.",
			Breaks: "Vector does not start; in older releases the database waits for it.",
			Do:     "Mend the file at the line that the proof names, or take the release's, and restart vector.", Data: "No data is at risk.", Sources: "Vector docs, configuration",
		}, brokenVector},
		{core.Explanation{
			Code: "VEC-03", Title: "Vector waits for containers of other names", Severity: core.Warning,
			What:   "vector.yml sorts logs by exact container names, and containers of this stack are called otherwise.",
			Breaks: "Their logs do not show in Studio.", Do: "Put the stack's own container names into vector.yml and restart vector.",
			Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/logs/vector.yml",
		}, otherNames},
		{core.Explanation{
			Code: "VEC-04", Title: "Vector reads the logs of every stack on this host", Severity: core.Warning,
			What:   "The docker_logs source has no include filter, and more than one Supabase stack is on this host.",
			Breaks: "Logs of other stacks, with what they hold of users, end up in this one's database.",
			Do:     "Add include_labels: [\"com.docker.compose.project=NAME\"] to the source in vector.yml.",
			Data:   "Logs of one stack can be read in another.", Sources: "supabase/supabase#37412",
		}, readsAll},
		{core.Explanation{
			Code: "VEC-05", Title: "Vector and analytics hold different tokens", Severity: core.Warning,
			What:   "LOGFLARE_PUBLIC_ACCESS_TOKEN is missing in vector, or is another one than that of analytics.",
			Breaks: "Analytics rejects the logs that Vector sends.", Do: "Give both the token of .env and recreate both.",
			Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/logs/vector.yml",
		}, tokens},
	})
}

func waitsForLogs(_ context.Context, t core.Target) []core.Finding {
	var waiting []string
	place := ""
	for _, s := range t.Compose.Services {
		for on, condition := range s.DependsOn {
			i := slices.IndexFunc(t.Compose.Services, func(c core.ComposeService) bool { return c.Name == on })
			if i < 0 || condition != "service_healthy" || s.Service == core.Vector || s.Service == core.Analytics {
				continue
			}
			if r := t.Compose.Services[i].Service; r == core.Analytics || r == core.Vector {
				waiting = append(waiting, s.Name+" for "+on)
				place = cmp.Or(place, t.Compose.Place(s.Name, "depends_on", on))
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	slices.Sort(waiting)
	return advice(core.Analytics, evidence(place, "waits: "+strings.Join(waiting, ", ")))
}

func backendURL(_ context.Context, t core.Target) []core.Finding {
	p, _ := partOf(t, core.Analytics)
	raw := p.env["POSTGRES_BACKEND_URL"]
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw.Reveal())
	if err != nil || u.User == nil || u.Hostname() == "" {
		return fault(core.Analytics, evidence(p.setting("POSTGRES_BACKEND_URL"), "POSTGRES_BACKEND_URL is not of the form postgresql://role:password@host:port/database"))
	}
	password, _ := u.User.Password()
	if own := p.env["DB_PASSWORD"]; own != "" && own != core.Secret(password) {
		return fault(core.Analytics, evidence(p.setting("POSTGRES_BACKEND_URL"), "POSTGRES_BACKEND_URL holds the password of "+fingerprint(t, core.Secret(password))+", DB_PASSWORD has "+fingerprint(t, own)))
	}
	return nil
}

var curlFails = regexp.MustCompile(`(^|\s)(-[a-zA-Z]*f|--fail)`)

func curlWithoutF(_ context.Context, t core.Target) []core.Finding {
	c, ok := t.Container(core.Analytics)
	test := strings.Join(c.Healthcheck, " ")
	if !ok || !strings.Contains(test, "curl") || curlFails.MatchString(test) {
		return nil
	}
	return advice(core.Analytics, evidence("inspect:"+c.Name, "the health check is "+clip(Mask(test))))
}

func noSocket(ctx context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Vector)
	_, text, _ := vectorFile(ctx, t)
	if f, err := supabase.ReadVector([]byte(text)); err != nil || !f.Docker || f.DockerHost {
		return nil // it takes logs from elsewhere, or nothing can be told
	}
	mounted := slices.ContainsFunc(p.mounts, func(m core.Mount) bool { return strings.HasSuffix(m.Target, "docker.sock") && m.Source != "" })
	if !ok || mounted || p.env["DOCKER_HOST"] != "" {
		return nil
	}
	return fault(core.Vector, evidence(p.at("volumes"), p.name+" mounts no docker.sock"))
}

// vectorFile reads the configuration that vector mounts.
func vectorFile(ctx context.Context, t core.Target) (name, text string, ok bool) {
	for _, m := range mountedFiles(t) {
		if m.role == core.Vector {
			f, err := readFile(ctx, t, m.name)
			return m.name, string(f.Data), err == nil
		}
	}
	return "", "", false
}

func brokenVector(ctx context.Context, t core.Target) []core.Finding {
	name, text, ok := vectorFile(ctx, t)
	_, err := supabase.ReadVector([]byte(text))
	if !ok || err == nil || conflicted(text) {
		return nil
	}
	return fault(core.Vector, fileProof(name, err))
}

var sinkOf = regexp.MustCompile(`component_id=(\w+)`)

// sinkMeans returns the service that the sink of a line of Vector sends to. Files of
// before 2026 send the database's logs through the gateway.
func sinkMeans(ctx context.Context, t core.Target, line string) core.Service {
	_, text, _ := vectorFile(ctx, t)
	if m := sinkOf.FindStringSubmatch(line); m != nil && text != "" {
		return cmp.Or(meant(supabase.VectorSink([]byte(text), m[1])), core.Analytics)
	}
	return core.Analytics
}

var routedName = regexp.MustCompile(`\.appname\s*==\s*["']([^"']+)["']`)

// otherNames fills in variables as vector does, from its own environment.
func otherNames(ctx context.Context, t core.Target) []core.Finding {
	name, text, ok := vectorFile(ctx, t)
	if !ok {
		return nil
	}
	p, _ := partOf(t, core.Vector)
	names := containerNames(t)
	var missing []string
	for i, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(l), "#") {
			continue
		}
		var wanted []string // one of them is enough
		for _, m := range routedName.FindAllStringSubmatch(l, -1) {
			w := reference.ReplaceAllStringFunc(m[1], func(v string) string { return p.env[strings.Trim(v, "${}:-")].Reveal() })
			wanted = append(wanted, strings.ReplaceAll(w, "}", ""))
		}
		met := slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(names, w) || !meantForUs(t, w) })
		if len(wanted) > 0 && !met {
			missing = append(missing, fmt.Sprintf("%s (line %d)", strings.Join(wanted, " or "), i+1))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return advice(core.Vector, evidence("file:"+name, "no container of this stack is called "+clip(strings.Join(missing, ", "))))
}

// meantForUs reports whether the stack has the service that a routed name ends
// in; a name that is like no service tells nothing.
func meantForUs(t core.Target, name string) bool {
	endings := map[string]core.Service{
		"-kong": core.Gateway, "-envoy": core.Gateway, "-auth": core.Auth, "-rest": core.Rest, "-realtime": core.Realtime,
		"-storage": core.Storage, "-functions": core.Functions, "-db": core.DB,
	}
	for ending, s := range endings {
		if strings.HasSuffix(name, ending) {
			return t.Has(s)
		}
	}
	return false
}

func readsAll(ctx context.Context, t core.Target) []core.Finding {
	name, text, ok := vectorFile(ctx, t)
	f, err := supabase.ReadVector([]byte(text))
	if !ok || err != nil || t.Host.Projects < 2 || !f.Docker || f.Filtered {
		return nil
	}
	return advice(core.Vector, evidence("file:"+name, "its docker_logs source includes every container"), evidence("engine", fmt.Sprintf("%d Supabase stacks are on this engine", t.Host.Projects)))
}

// literalToken matches a token that stands in vector.yml itself.
var literalToken = regexp.MustCompile(`(?i)(?:api_key=|x-api-key["']?\s*:\s*["']?)([^'"&\s$]+)`)

// tokens knows the variable's older name, and files with the token in them. A
// file that asks for no token, or cannot be read, tells nothing.
func tokens(ctx context.Context, t core.Target) []core.Finding {
	v, ok := partOf(t, core.Vector)
	a, has := partOf(t, core.Analytics)
	name, text, readable := vectorFile(ctx, t)
	if !ok || !has || !readable {
		return nil
	}
	const key, was = "LOGFLARE_PUBLIC_ACCESS_TOKEN", "LOGFLARE_API_KEY"
	source, vector, analytics := v.setting(key), v.env[key], a.env[key]
	if analytics == "" {
		vector, analytics = vector+v.env[was], a.env[was]
	}
	if m := literalToken.FindStringSubmatch(text); m != nil {
		source, vector = "file:"+name, core.Secret(m[1])
	} else if !strings.Contains(text, "${"+key) && !strings.Contains(text, "${"+was) {
		return nil
	}
	if analytics == "" || vector == analytics {
		return nil
	}
	return fault(core.Vector, evidence(source, "vector's token: "+fingerprint(t, vector)), evidence(a.setting(key), "its token: "+fingerprint(t, analytics)))
}

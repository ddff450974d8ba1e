package checks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "services.answer", Title: "Every running service answers on its own port",
		Category: core.ServiceHealth, Depth: core.Quick, Early: true, Check: servicesAnswer,
		Finds: []core.Explanation{
			{
				Code: "SVC-04", Title: "A service does not answer", Severity: core.Critical, Level: core.Malfunction,
				What:   "The container runs, and the service does not answer on its port as it should.",
				Breaks: "Requests to it fail.", Do: "Read its log; restart it when the log tells nothing.", Data: "No data is at risk.",
			},
			{
				Code: "REST-01", Title: "PostgREST cannot use the database", Severity: core.Critical, Level: core.Malfunction,
				What:   "PostgREST answers 503 with PGRST000, PGRST001 or PGRST002: it cannot connect, or cannot read the schema.",
				Breaks: "Every request to /rest/v1 and /graphql/v1 fails.",
				Do:     "Check the role authenticator (PG-01, PG-03) and the database.", Data: "No data is at risk.", Sources: "PostgREST docs, errors.rst",
			},
			{
				Code: "RT-02", Title: "Realtime says that it is not well", Severity: core.Warning, Level: core.Malfunction,
				What:   "Realtime's health answer is 200 with \"healthy\": false, which Docker's health check takes for healthy.",
				Breaks: "Subscriptions may not deliver.", Do: "Check realtime's database login and log.", Data: "No data is at risk.",
			},
			{
				Code: "RT-06", Title: "Realtime rejects the anon key", Severity: core.Warning, Level: core.Malfunction,
				What:   "Realtime's health answers 403: ANON_KEY is not signed with its API_JWT_SECRET.",
				Breaks: "Realtime turns clients away and Docker calls it unhealthy.", Do: "See REST-02.", Data: "No data is at risk.",
			},
			{
				Code: "ST-09", Title: "Storage cannot use the database", Severity: core.Warning, Level: core.Malfunction,
				What:   "Storage runs, and its own health route answers \"healthy\": false.",
				Breaks: "Uploads and downloads fail.", Do: "Check the role supabase_storage_admin (PG-01, PG-03) and the database.", Data: "No data is at risk.",
			},
			{
				Code: "POOL-09", Title: "The pooler cannot use its database", Severity: core.Warning, Level: core.Malfunction,
				What:   "The pooler's health answers 503: its metadata database _supabase is not reachable.",
				Breaks: "Connections through ports 5432 and 6543 fail.", Do: "Check the role and the database _supabase (PG-01, PG-04).", Data: "No data is at risk.",
			},
			{
				Code: "LOG-06", Title: "Analytics says that it is not well", Severity: core.Warning, Level: core.Malfunction,
				What:   "Analytics' health answers 503: it is coming up, or the host's memory is 95 % used.",
				Breaks: "Logs are not stored.", Do: "Wait, or free memory.", Data: "No data is at risk.",
			},
		},
	})
}

// probe is the request that shows whether a service works, and how to read the
// answer. Source: failure catalogue, health endpoints of each upstream image.
type probe struct {
	service core.Service
	image   string // only an image with this in its name has the route
	port    string // variable that may move the port
	usual   int
	path    string
	anonKey bool
	// judge returns a code and what is wrong, or "".
	judge func(core.Response) (code, title string)
}

var restProbe = probe{service: core.Rest, port: "PGRST_SERVER_PORT", usual: 3000, path: "/", judge: judgeRest}

var probes = []probe{
	{service: core.Auth, port: "GOTRUE_API_PORT", usual: 9999, path: "/health", judge: want200},
	restProbe,
	{service: core.Gateway, usual: 8000, path: "/", judge: wantAnswer},
	{service: core.Realtime, port: "PORT", usual: 4000, path: "/api/tenants/realtime-dev/health", anonKey: true, judge: judgeRealtime},
	{service: core.Storage, port: "SERVER_PORT", usual: 5000, path: "/health", judge: judgeStorage},
	{service: core.Imgproxy, usual: 5001, path: "/health", judge: want200},
	{service: core.Meta, port: "PG_META_PORT", usual: 8080, path: "/health", judge: want200},
	{service: core.Functions, usual: 9000, path: "/", judge: wantAnswer},
	{service: core.Pooler, image: "supavisor", port: "PORT", usual: 4000, path: "/api/health", judge: judgePooler},
	{service: core.Analytics, usual: 4000, path: "/health", judge: judgeAnalytics},
	{service: core.Studio, usual: 3000, path: "/api/platform/profile", judge: want200},
}

func servicesAnswer(ctx context.Context, t core.Target) ([]core.Finding, error) {
	var asks []func() (*core.Finding, error)
	for _, p := range probes {
		c, ok := t.Container(p.service)
		if ok && answers(t, c) && strings.Contains(c.Image, p.image) {
			asks = append(asks, func() (*core.Finding, error) { return ask(ctx, t, c, p) })
		}
	}
	return together(asks)
}

// answers reports whether c can be asked at all. One that is between two deaths
// would only cost a timeout; containers.state tells of it.
func answers(t core.Target, c core.Container) bool { return c.State == "running" && !looping(t, c) }

func ask(ctx context.Context, t core.Target, c core.Container, p probe) (*core.Finding, error) {
	r := core.Request{Address: core.Address{Service: p.service, Port: portOf(c, p)}, Path: p.path}
	if p.anonKey {
		key, _ := t.Env.Lookup("ANON_KEY")
		r.Headers = map[string]string{"Authorization": "Bearer " + key.Reveal()}
	}
	source := fmt.Sprintf("http:%s:%d%s", p.service, r.Port, p.path)
	resp, err := core.Send(ctx, t, r)
	switch core.CodeOf(err) {
	case core.Unreachable:
		return nil, fmt.Errorf("%s: %w", p.service, err)
	case core.NotFound:
		return nil, nil // it has just stopped; containers.state knows
	}
	f := &core.Finding{Service: p.service, Severity: severity(p.service)}
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("no answer in time")
		}
		f.Code, f.Title = "SVC-04", fmt.Sprintf("%s does not answer", p.service)
		f.Evidence = []core.Evidence{evidence(source, shortError(err))}
		if t, err := t.Whole(ctx); err == nil { // now with its log
			c, _ = t.Container(p.service)
			f.Evidence = append(f.Evidence, lastErrors(c, 1)...)
		}
		return f, nil
	}
	f.Code, f.Title = p.judge(resp)
	if f.Code == "" {
		return nil, nil
	}
	f.Title = strings.Replace(f.Title, "A ", string(p.service)+": a ", 1)
	f.Evidence = []core.Evidence{evidence(source, answer(resp))}
	return f, nil
}

func portOf(c core.Container, p probe) int {
	if n, err := strconv.Atoi(c.Env[p.port].Reveal()); err == nil && n > 0 {
		return n
	}
	return p.usual
}

// answer quotes an HTTP answer.
func answer(r core.Response) string {
	return clip(Mask(strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Body))))
}

var dialPrefix = regexp.MustCompile(`^(Get|Post|GET|POST) "[^"]*": `)

func shortError(err error) string { return clip(Mask(dialPrefix.ReplaceAllString(err.Error(), ""))) }

func want200(r core.Response) (string, string) {
	if r.Status != 200 {
		return "SVC-04", fmt.Sprintf("A health request is answered with %d", r.Status)
	}
	return "", ""
}

// wantAnswer takes any answer for life: these services have no health route
// that can be asked from outside.
func wantAnswer(r core.Response) (string, string) {
	if r.Status >= 500 {
		return "SVC-04", fmt.Sprintf("A request is answered with %d", r.Status)
	}
	return "", ""
}

var noDatabase = regexp.MustCompile(`"PGRST00[0-3]"`)

func judgeRest(r core.Response) (string, string) {
	switch {
	case noDatabase.MatchString(r.Body):
		return "REST-01", "PostgREST cannot use the database"
	case r.Status >= 500:
		return "SVC-04", fmt.Sprintf("PostgREST answers %d", r.Status)
	}
	return "", ""
}

func judgeRealtime(r core.Response) (string, string) {
	switch {
	case r.Status == 403 || r.Status == 401:
		return "RT-06", "Realtime rejects the anon key"
	case r.Status == 404:
		return "", "" // another tenant name; the gateway's route is what counts
	case strings.Contains(strings.ReplaceAll(r.Body, " ", ""), `"healthy":false`):
		return "RT-02", "Realtime says that it is not well"
	case r.Status >= 500:
		return "SVC-04", fmt.Sprintf("Realtime answers %d", r.Status)
	}
	return "", ""
}

func judgeStorage(r core.Response) (string, string) {
	switch {
	case strings.Contains(strings.ReplaceAll(r.Body, " ", ""), `"healthy":false`):
		return "ST-09", "Storage cannot use the database"
	case r.Status >= 500:
		return "SVC-04", fmt.Sprintf("Storage answers %d", r.Status)
	}
	return "", ""
}

func judgePooler(r core.Response) (string, string) {
	switch {
	case r.Status == 503:
		return "POOL-09", "The pooler cannot use its database"
	case r.Status >= 500:
		return "SVC-04", fmt.Sprintf("The pooler answers %d", r.Status)
	}
	return "", ""
}

func judgeAnalytics(r core.Response) (string, string) {
	if r.Status >= 500 {
		return "LOG-06", fmt.Sprintf("Analytics answers %d", r.Status)
	}
	return "", ""
}

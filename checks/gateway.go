package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "gateway.routes", Title: "Each service answers through the gateway with the stack's own keys",
		Category: core.APIEndpoints, Early: true, Check: gatewayRoutes,
		Finds: []core.Explanation{
			{
				Code: "GW-04", Title: "The gateway rejects the stack's API key", Severity: core.Critical, SymptomOf: []string{"DK-05", "GW-03"},
				What:   "The gateway accepts only the exact keys of its own configuration, and the key in .env is another one.",
				Breaks: "Every client request is answered with 401.",
				Do:     "Recreate the gateway so that it takes the keys in .env (playbook recreate-stale-containers), or give clients the key that it holds.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#19713, #4879, #38911",
			},
			{
				Code: "GW-06", Title: "The gateway cannot find a service by name", Severity: core.Critical, Level: core.Consequence,
				What:   "The gateway answers \"name resolution failed\": no running container has the name that its configuration uses.",
				Breaks: "Every request of that route fails.", Do: "Start the service, or mend its name or alias on the stack's network.",
				Data: "No data is at risk.", Sources: "supabase/supabase#2687, #806",
			},
			{
				Code: "GW-07", Title: "A service does not answer the gateway", Severity: core.Critical, Level: core.Consequence,
				What:   "The gateway answers 502, 503 or 504 for the service's route.",
				Breaks: "Every request of that route fails.", Do: "Mend the service behind the route.", Data: "No data is at risk.",
			},
			{
				Code: "GW-18", Title: "The gateway has no route for a service", Severity: core.Warning,
				What:   "The service runs, and the gateway answers \"no Route matched\" for its usual path, or takes it for the dashboard's, which asks for a password.",
				Breaks: "Clients cannot reach the service.", Do: "Compare the gateway's configuration with your release.", Data: "No data is at risk.",
			},
			{
				Code: "AUTH-17", Title: "Auth is up and cannot use the database", Severity: core.Critical, Level: core.Malfunction,
				SymptomOf: []string{"AUTH-06"},
				What:      "Auth's own health route never touches the database; a request that does is answered with 5xx.",
				Breaks:    "Nobody can sign up or sign in.", Do: "Check the role supabase_auth_admin and the database; the evidence names the error.",
				Data: "No data is at risk.", Sources: "auth, api.go HealthCheck",
			},
			{
				Code: "META-03", Title: "postgres-meta cannot use the database", Severity: core.Warning, Level: core.Malfunction,
				What:   "postgres-meta's health route is static; asking it for the schemas fails.",
				Breaks: "Studio's table and SQL editors stay empty.", Do: "Check its role and password (PG-01).", Data: "No data is at risk.", Sources: "supabase/supabase#22770",
			},
			{
				Code: "RT-01", Title: "Realtime does not know the tenant that the gateway names", Severity: core.Critical,
				What:   "Realtime takes its tenant from the first label of the host name that the gateway sends, and has no tenant of that name. Docker's health check asks by path and stays green.",
				Breaks: "Every websocket is refused.",
				Do:     "Give the container, or an alias of it, a name whose first label is realtime-dev, and use it in the gateway's configuration. Do not \"tidy up\" that name.",
				Data:   "No data is at risk.", Sources: "supabase/realtime#1570, #746; database.ex get_external_id",
			},
		},
	})
}

// route is a request through the gateway that proves a service behind it.
type route struct {
	service core.Service
	through string // the path as a client asks for it
	inside  string // the path that the service itself knows it by; "" when its answer may be anything
	asAdmin bool   // send the service key; else the anon key
	headers map[string]string
	judge   func(core.Response) (code, title string)
}

var routes = []route{
	{service: core.Auth, through: "/auth/v1/settings", inside: "/settings", judge: anyAnswer},
	{service: core.Auth, through: "/auth/v1/admin/users?page=1&per_page=1", inside: "/admin/users?page=1&per_page=1", asAdmin: true, judge: judgeAdminUsers},
	{service: core.Rest, through: "/rest/v1/", inside: "/", asAdmin: true, judge: judgeRest},
	{service: core.Storage, through: "/storage/v1/status", inside: "/status", judge: anyAnswer},
	{service: core.Functions, through: "/functions/v1/", judge: anyAnswer},
	{service: core.Meta, through: "/pg/schemas", inside: "/schemas", asAdmin: true, judge: judgeMeta},
	{service: core.Realtime, through: "/realtime/v1/websocket?vsn=1.0.0", inside: "/socket/websocket?vsn=1.0.0", judge: judgeWebsocket, headers: map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "YmFzZXdyaWdodC1wcm9iZQ==",
	}},
}

func gatewayRoutes(ctx context.Context, t core.Target) ([]core.Finding, error) {
	gw, ok := t.Container(core.Gateway)
	if !ok || gw.State != "running" {
		return nil, nil // containers.state says so
	}
	keys := gatewayKeys(t, gw)
	asks := []func() (*core.Finding, error){func() (*core.Finding, error) { return keyRejected(ctx, t, keys) }}
	for _, r := range routes {
		asks = append(asks, func() (*core.Finding, error) {
			if t, err := withService(ctx, t, r.service); err != nil || !t.Has(r.service) {
				return nil, err
			}
			return follow(ctx, t, r, keys)
		})
	}
	results, err := together(asks)
	var found []core.Finding
	for _, f := range results {
		twice := slices.ContainsFunc(found, func(o core.Finding) bool { return o.Code == f.Code && o.Service == f.Service })
		if !twice {
			found = append(found, f)
		}
	}
	return found, err
}

// withService returns t, the whole of it when only the compose files can say
// whether the stack has the service.
func withService(ctx context.Context, t core.Target, s core.Service) (core.Target, error) {
	if _, ok := t.Container(s); ok {
		return t, nil
	}
	return t.Whole(ctx)
}

// together asks everything at once and returns what was found, in order.
func together(asks []func() (*core.Finding, error)) ([]core.Finding, error) {
	results := make([]*core.Finding, len(asks))
	errs := make([]error, len(asks))
	var wg sync.WaitGroup
	for i, ask := range asks {
		wg.Go(func() { results[i], errs[i] = ask() })
	}
	wg.Wait()
	var found []core.Finding
	for _, f := range results {
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, errors.Join(errs...)
}

// keyPair is the anon and the service key as one place holds them.
type keyPair struct{ anon, service core.Secret }

// held are the keys in a gateway and in .env. Routes are asked with the
// gateway's own, so that a wrong key in .env is one finding and not seven.
type held struct{ gateway, env keyPair }

func gatewayKeys(t core.Target, gw core.Container) held {
	var h held
	h.env.anon, _ = t.Env.Lookup("ANON_KEY")
	h.env.service, _ = t.Env.Lookup("SERVICE_ROLE_KEY")
	h.gateway = keyPair{
		anon:    cmp.Or(gw.Env["SUPABASE_ANON_KEY"], gw.Env["ANON_KEY"], h.env.anon),
		service: cmp.Or(gw.Env["SUPABASE_SERVICE_KEY"], gw.Env["SERVICE_ROLE_KEY"], h.env.service),
	}
	return h
}

// ownRefusal matches what Kong and Envoy answer themselves, before any service
// is asked. Source: Kong key-auth plugin 2.8 and 3.x, upstream's envoy lds.
var ownRefusal = regexp.MustCompile(`^\s*(\{\s*"message"\s*:\s*")?(No API key found in request|Invalid authentication credentials|Unauthorized)\b`)

// keyRejected shows the anon key of .env to the gateway, as a client would.
func keyRejected(ctx context.Context, t core.Target, h held) (*core.Finding, error) {
	key := cmp.Or(h.env.anon, h.gateway.anon)
	resp, err := throughGateway(ctx, t, route{through: "/auth/v1/settings"}, key)
	switch {
	case core.CodeOf(err) == core.Unreachable:
		return nil, err
	case err != nil: // services.answer says that the gateway does not answer
		return nil, nil
	case resp.Status != 401 || !ownRefusal.MatchString(resp.Body) || dashboard(resp):
		return nil, nil
	}
	where := "file:.env"
	if n := t.Env.Line("ANON_KEY"); n > 0 {
		where = fmt.Sprintf("file:.env:%d", n)
	}
	return &core.Finding{
		Code: "GW-04", Service: core.Gateway,
		Evidence: []core.Evidence{
			evidence("http:gateway/auth/v1/settings", answer(resp)+" — asked with ANON_KEY of .env"),
			evidence(where, "ANON_KEY has the "+fingerprint(t, h.env.anon)),
			evidence("env:gateway", "the gateway was created with a key of "+fingerprint(t, h.gateway.anon)),
		},
		Details: map[string]string{"services": string(core.Gateway)},
	}, nil
}

func follow(ctx context.Context, t core.Target, r route, h held) (*core.Finding, error) {
	key := h.gateway.anon
	if r.asAdmin {
		key = h.gateway.service
	}
	resp, err := throughGateway(ctx, t, r, key)
	switch {
	case core.CodeOf(err) == core.Unreachable:
		return nil, err
	case ctx.Err() != nil:
		return &core.Finding{Code: "GW-07", Service: r.service, Severity: severity(r.service), Title: fmt.Sprintf("%s does not answer the gateway in time", r.service), Evidence: []core.Evidence{evidence("http:gateway"+r.through, "no answer in time")}}, nil
	case err != nil:
		return nil, nil // the gateway itself does not answer: services.answer
	}
	f := &core.Finding{Service: r.service, Severity: severity(r.service), Evidence: []core.Evidence{evidence("http:gateway"+r.through, answer(resp))}}
	f.Code, f.Title = judgeRoute(r, resp)
	if c, ok := t.Container(r.service); f.Code == "GW-06" && ok && !answers(t, c) {
		f.Code, f.Title = silent(r) // its name is gone with it, as soon as the gateway forgets where it was
	}
	if (f.Code == "" || f.Code == "RT-01") && r.strange(resp) {
		if other, settled := misrouted(ctx, t, r, key, f); settled {
			return other, nil
		}
	}
	if f.Code == "" {
		return nil, nil
	}
	f.Evidence = append(f.Evidence, aliasEvidence(t, f.Code, r.service)...)
	return f, nil
}

// aliasEvidence names what the service's container is called on its networks,
// which is what the gateway could have found.
func aliasEvidence(t core.Target, code string, s core.Service) []core.Evidence {
	c, ok := t.Container(s)
	if code != "GW-06" && code != "RT-01" || !ok {
		return nil
	}
	var out []core.Evidence
	for _, e := range c.Networks {
		out = append(out, evidence("inspect:"+c.Name, fmt.Sprintf("%s; on network %s it is called %s", c.State, e.Network, clip(strings.Join(e.Aliases, ", ")))))
	}
	return out
}

func throughGateway(ctx context.Context, t core.Target, r route, key core.Secret) (core.Response, error) {
	return core.Send(ctx, t, core.Request{Address: core.Address{Service: core.Gateway, Port: 8000}, Path: r.path(r.through, key), Headers: r.header(key)})
}

// header returns what a client sends with a request for r.
func (r route) header(key core.Secret) map[string]string {
	headers := map[string]string{"apikey": key.Reveal(), "Authorization": "Bearer " + key.Reveal()}
	maps.Copy(headers, r.headers)
	return headers
}

package checks

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	family("configuration.gateway", "The gateway's files are the ones that it reads", core.Configuration, []rule{
		{core.Explanation{Code: "GW-01"}, brokenRoutes},
		{core.Explanation{Code: "GW-06"}, lostHosts},
		{core.Explanation{
			Code: "GW-03", Title: "Nothing fills the keys into the gateway's configuration", Severity: core.Critical,
			What:   "kong.yml holds $SUPABASE_ANON_KEY and the like, and is mounted where Kong reads it, so the text stays as it is.",
			Breaks: "Every API key is answered with 401.",
			Do:     "Mount it where the start script of your release expects it (/home/kong/temp.yml) and keep that script.",
			Data:   "No data is at risk.", Sources: "supabase/supabase docker-compose.yml, kong-entrypoint.sh",
		}, unfilled},
		{core.Explanation{
			Code: "GW-09", Title: "Envoy ignores the kong.yml that is mounted", Severity: core.Warning,
			What:   "The gateway is Envoy, the default since release 0.8.0, and kong.yml is still mounted into it.",
			Breaks: "Routes and users that were added to kong.yml no longer apply.",
			Do:     "Move the edits to lds.template.yaml and cds.yaml, or add Kong's overlay.",
			Data:   "No data is at risk.", Sources: "Supabase changelog 2026-08; PR#48153",
		}, ignoredRoutes},
		{core.Explanation{
			Code: "GW-10", Title: "The new API keys are set in part only", Severity: core.Warning,
			What:   "The gateway translates sb_ keys only when both sb_ keys and both asymmetric keys are set; some of the four are empty.",
			Breaks: "Requests with an sb_publishable_ or sb_secret_ key are answered with 401.",
			Do:     "Run upstream's utils/add-new-auth-keys.sh and recreate the services.",
			Data:   "No data is at risk.", Sources: "supabase/supabase docker/volumes/api/envoy/docker-entrypoint.sh",
		}, someKeys},
		{core.Explanation{
			Code: "UPG-03", Title: "Services look for the gateway under its old name", Severity: core.Warning,
			What:   "A service is told to use http://kong:8000, and no container of the stack is called kong any more.",
			Breaks: "Studio and functions cannot reach the API.",
			Do:     "Add the alias kong to the gateway, as upstream does, or correct SUPABASE_URL, and recreate.",
			Data:   "No data is at risk.", Sources: "supabase/supabase PR#48153",
		}, oldName},
	})
}

var placeholder = regexp.MustCompile(`\$\{?(SUPABASE_ANON_KEY|SUPABASE_SERVICE_KEY|ANON_KEY|SERVICE_ROLE_KEY|DASHBOARD_PASSWORD)\b`)

// unfilled knows that a file cannot be filled in where it is mounted, since the
// script would have to write what it reads.
func unfilled(ctx context.Context, t core.Target) []core.Finding {
	gw, ok := partOf(t, core.Gateway)
	at := gw.env["KONG_DECLARATIVE_CONFIG"].Reveal()
	if !ok || at == "" {
		return nil
	}
	for _, m := range gw.mounts {
		name, inside := local(t, m.Source)
		if m.Target != at || !inside {
			continue
		}
		f, err := readFile(ctx, t, name)
		if err != nil {
			return nil
		}
		for i, line := range strings.Split(string(f.Data), "\n") {
			if found := placeholder.FindString(line); found != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				return fault(core.Gateway, evidence(fmt.Sprintf("file:%s:%d", name, i+1), "it holds "+found), evidence(gw.at("volumes", m.Target), "it is mounted at "+at+", which Kong reads itself"))
			}
		}
	}
	return nil
}

func ignoredRoutes(_ context.Context, t core.Target) []core.Finding {
	gw, ok := partOf(t, core.Gateway)
	if !ok || !isEnvoy(gw) {
		return nil
	}
	for _, m := range gw.mounts {
		if strings.HasSuffix(m.Source, "kong.yml") {
			return advice(core.Gateway, evidence(gw.at("volumes", m.Target), gw.image+" mounts "+m.Source))
		}
	}
	return nil
}

// newKeys are the four that belong together.
var newKeys = []string{"SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC"}

func someKeys(_ context.Context, t core.Target) []core.Finding {
	gw, ok := partOf(t, core.Gateway)
	var unset []string
	for _, k := range newKeys {
		if gw.env[k] == "" {
			unset = append(unset, k)
		}
	}
	if !ok || len(unset) == 0 || len(unset) == len(newKeys) {
		return nil
	}
	return advice(core.Gateway, evidence(gw.setting(unset[0]), "empty: "+strings.Join(unset, ", ")))
}

// oldName needs containers: files alone do not tell every alias.
func oldName(_ context.Context, t core.Target) []core.Finding {
	gw, ok := t.Container(core.Gateway)
	if !ok || len(gw.Networks) == 0 || slices.ContainsFunc(t.Containers, answersToKong) {
		return nil
	}
	var found []core.Finding
	for _, s := range []core.Service{core.Studio, core.Functions} {
		if v, ok := t.Setting(s, "SUPABASE_URL"); ok && hostOf(v.Reveal()) == "kong" {
			f := fault(s, evidence("env:"+string(s), "SUPABASE_URL is "+clip(v.Reveal())), evidence("inspect:"+gw.Name, "no container of the stack is called kong"))
			f[0].Affects = nothing // each would be found by its own check
			found = append(found, f...)
		}
	}
	return found
}

func answersToKong(c core.Container) bool {
	return c.Name == "kong" || c.ComposeService == "kong" || slices.ContainsFunc(c.Networks, func(e core.Endpoint) bool { return slices.Contains(e.Aliases, "kong") })
}

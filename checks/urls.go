package checks

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("configuration.urls", "The stack's URLs are those that browsers and mail readers use", core.Configuration, []rule{
		{core.Explanation{
			Code: "AUTH-07", Title: "Studio cannot reach the stack from a browser", Severity: core.Warning,
			What:   "SUPABASE_PUBLIC_URL, which Studio hands to the browser, is not where the gateway is: it names localhost while the stack has a public name, or a port that the gateway does not publish.",
			Breaks: "Studio shows \"Failed to create user: Failed to fetch\" and the like.",
			Do:     "Set SUPABASE_PUBLIC_URL to the URL in the browser's address bar, and recreate studio.",
			Data:   "No data is at risk.", Sources: "supabase/supabase#19155, #20606, #24902",
		}, studioURL},
		{core.Explanation{
			Code: "AUTH-10", Title: "Links in mails lead to a host that readers cannot reach", Severity: core.Warning,
			What:   "API_EXTERNAL_URL names localhost or a name inside the stack, and the stack has a public URL.",
			Breaks: "Confirmation, recovery and OAuth links lead nowhere.",
			Do:     "Set API_EXTERNAL_URL to the public URL (with /auth/v1 at its end since release 0.7.0) and recreate auth and the gateway.",
			Data:   "No data is at risk.", Sources: "supabase/supabase#27820, #16287",
		}, mailLinks},
		{core.Explanation{
			Code: "AUTH-11", Title: "API_EXTERNAL_URL does not fit the release", Severity: core.Warning,
			What:   "Since release 0.7.0 API_EXTERNAL_URL must end in /auth/v1; before, it must not.",
			Breaks: "OAuth and SAML sign-ins come back to a path that does not exist.",
			Do:     "Correct API_EXTERNAL_URL, recreate auth and the gateway, and change the callback at each identity provider.",
			Data:   "No data is at risk.", Sources: "supabase/supabase PR#47640",
		}, authPath},
		{core.Explanation{
			Code: "AUTH-14", Title: "Sign-ins end on localhost", Severity: core.Warning,
			What:   "SITE_URL names localhost, and the stack has a public URL. Auth sends users there whenever a redirect is not on its list.",
			Breaks: "Users who follow a link land on their own machine.",
			Do:     "Set SITE_URL to your application's URL, list others in ADDITIONAL_REDIRECT_URLS, and recreate auth.",
			Data:   "No data is at risk.", Sources: "Supabase docs, redirect URLs",
		}, siteURL},
		{core.Explanation{
			Code: "GW-11", Title: "API_EXTERNAL_URL is not absolute", Severity: core.Critical,
			What:   "Envoy's start script refuses a JWT_ISSUER that does not begin with http:// or https://.",
			Breaks: "The gateway does not start: no client request succeeds.",
			Do:     "Begin API_EXTERNAL_URL with https:// (or http://) and recreate the gateway.",
			Data:   "No data is at risk.", Sources: "supabase/supabase docker/volumes/api/envoy/docker-entrypoint.sh",
		}, issuer},
		{core.Explanation{
			Code: "GW-08", Title: "The public URL uses a port that Envoy does not serve", Severity: core.Warning,
			What:   "Since release 0.8.0 the gateway is Envoy, which has no TLS port 8443, and the public URL still names KONG_HTTPS_PORT.",
			Breaks: "Clients that use that URL are refused.",
			Do:     "Put a proxy with TLS in front, or add Kong's overlay, which has the port.",
			Data:   "No data is at risk.", Sources: "supabase/supabase PR#48153",
		}, lostTLS},
	})
}

func publicURL(t core.Target) string {
	return envOr(t, "SUPABASE_PUBLIC_URL", core.Studio, "SUPABASE_PUBLIC_URL")
}

func externalURL(t core.Target) string {
	return envOr(t, "API_EXTERNAL_URL", core.Auth, "API_EXTERNAL_URL")
}

func urlIs(t core.Target, key, v string) core.Evidence {
	return evidence(fromEnv(t, key), key+" is "+clip(Mask(v)))
}

func studioURL(_ context.Context, t core.Target) []core.Finding {
	if _, ok := partOf(t, core.Studio); !ok {
		return nil
	}
	public, external := publicURL(t), externalURL(t)
	if isOwn(hostOf(public)) && isPublic(hostOf(external)) {
		return advice(core.Studio, urlIs(t, "SUPABASE_PUBLIC_URL", public), urlIs(t, "API_EXTERNAL_URL", external))
	}
	gw, _ := partOf(t, core.Gateway)
	u, err := url.Parse(public)
	if err != nil || !isOwn(hostOf(public)) || len(gw.ports) == 0 {
		return nil // a proxy in front may be anywhere
	}
	var list []string
	for _, p := range gw.ports {
		if p.HostPort == 0 {
			return nil // a port of the engine's choice
		}
		if strconv.Itoa(p.HostPort) == u.Port() {
			return nil
		}
		list = append(list, strconv.Itoa(p.HostPort))
	}
	if u.Port() == "" {
		return nil // a proxy on 80 or 443 of this host
	}
	return advice(core.Studio, urlIs(t, "SUPABASE_PUBLIC_URL", public), evidence(gw.at("ports"), "the gateway is published on "+strings.Join(list, ", ")))
}

func mailLinks(_ context.Context, t core.Target) []core.Finding {
	public, external := publicURL(t), externalURL(t)
	if !isOwn(hostOf(external)) || !isPublic(hostOf(public)) {
		return nil
	}
	return advice(core.Auth, urlIs(t, "API_EXTERNAL_URL", external), urlIs(t, "SUPABASE_PUBLIC_URL", public))
}

func siteURL(_ context.Context, t core.Target) []core.Finding {
	site := envOr(t, "SITE_URL", core.Auth, "GOTRUE_SITE_URL")
	if !isOwn(hostOf(site)) || !isPublic(hostOf(publicURL(t))) {
		return nil
	}
	return advice(core.Auth, urlIs(t, "SITE_URL", site), urlIs(t, "SUPABASE_PUBLIC_URL", publicURL(t)))
}

// authPath knows the release by its record, or by Envoy, which came after it.
func authPath(ctx context.Context, t core.Target) []core.Finding {
	external := strings.TrimRight(externalURL(t), "/")
	gw, _ := partOf(t, core.Gateway)
	release, known := releaseOf(ctx, t)
	since := known && !older(release, version{0, 7, 0}) || !known && isEnvoy(gw)
	has := strings.HasSuffix(external, "/auth/v1")
	switch {
	case hostOf(external) == "" || since == has, !since && !known:
		return nil
	case !known:
		return advice(core.Auth, urlIs(t, "API_EXTERNAL_URL", external), evidence(gw.at("image"), "the gateway is "+gw.image+", which came after 0.7.0"))
	}
	return advice(core.Auth, urlIs(t, "API_EXTERNAL_URL", external), evidence("file:"+releaseFile, fmt.Sprintf("the release is %d.%d.%d", release[0], release[1], release[2])))
}

var absolute = regexp.MustCompile(`^https?://`)

func issuer(_ context.Context, t core.Target) []core.Finding {
	gw, ok := partOf(t, core.Gateway)
	v, set := gw.env["JWT_ISSUER"]
	if !ok || !isEnvoy(gw) || !set || absolute.MatchString(v.Reveal()) {
		return nil
	}
	return fault(core.Gateway, evidence(gw.setting("JWT_ISSUER"), fmt.Sprintf("JWT_ISSUER is %q", clip(Mask(v.Reveal())))))
}

func lostTLS(_ context.Context, t core.Target) []core.Finding {
	gw, _ := partOf(t, core.Gateway)
	port, ok := t.Env.Lookup("KONG_HTTPS_PORT")
	u, err := url.Parse(publicURL(t))
	if !ok || port == "" || !isEnvoy(gw) || err != nil || u.Port() != port.Reveal() {
		return nil
	}
	for _, p := range gw.ports {
		if strconv.Itoa(p.HostPort) == port.Reveal() {
			return nil
		}
	}
	return advice(core.Gateway, urlIs(t, "SUPABASE_PUBLIC_URL", publicURL(t)), evidence(gw.at("image"), "the gateway is "+gw.image))
}

func isEnvoy(p part) bool {
	return strings.Contains(strings.TrimSuffix(p.image, ":"+supabase.Tag(p.image)), "envoy")
}

package upgrade

import (
	"strings"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
)

// News is a change of a release that no file can make by itself, and what a
// person does about it.
type News struct {
	Release string // that brought it
	What    string
	Do      string
}

// breaking lists them, the oldest first. Source: supabase/supabase
// docker/upgrades.json and docker/CHANGELOG.md, 2026-06 to 2026-09.
var breaking = []News{
	{"0.6.0", "PostgreSQL 17 is the default", "the database keeps its major version: an upgrade that would change it is refused"},
	{"0.7.0", "API_EXTERNAL_URL ends in /auth/v1", "change the callback addresses at every OAuth provider to https://HOST/auth/v1/callback"},
	{"0.7.0", "SAML moved from /sso/saml to /auth/v1/sso/saml", "change the ACS and metadata addresses at every SAML identity provider"},
	{"0.7.0", "the anon key no longer reads the API's description at /rest/v1/", "let whoever read it use the service key; tables answer as before"},
	{"0.7.0", "a GET of /rest/v1/ answers 403 to the anon key and 401 without one", "point monitors that ask it at a table"},
	{"0.8.0", "the gateway's service is called api-gw, no longer kong, and so its container's name changes", "change scripts and proxies that name the container; inside the stack the name kong goes on working"},
	{"0.8.0", "upstream's gateway is Envoy", "nothing: the templates here stay with Kong and your kong.yml"},
}

// breakingBetween returns the breaking changes after release from, up to release to.
func breakingBetween(from, to string) []News {
	var out []News
	for _, b := range breaking {
		if configs.CompareReleases(from, b.Release) < 0 && configs.CompareReleases(b.Release, to) <= 0 {
			out = append(out, b)
		}
	}
	return out
}

// rewritten is what a release makes of a value that a person chose, where it knows:
// since 0.7.0 API_EXTERNAL_URL ends in /auth/v1, whatever the address is.
func rewritten(from, to, key string, v core.Secret) (core.Secret, bool) {
	if key != "API_EXTERNAL_URL" || v == "" || configs.CompareReleases(from, "0.7.0") >= 0 || configs.CompareReleases(to, "0.7.0") < 0 {
		return v, false
	}
	return core.Secret(strings.TrimSuffix(strings.TrimRight(v.Reveal(), "/"), "/auth/v1") + "/auth/v1"), true
}

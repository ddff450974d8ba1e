package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui/panel"
)

// effective is what the agent was started with, for its page of settings. It
// holds no secret.
func effective(g *global, f serveFlags) []panel.Effective {
	row := func(name, value, variable string, given bool) panel.Effective {
		e := panel.Effective{Name: name, Value: value}
		switch {
		case given:
			e.From = "--" + name
		case variable != "" && os.Getenv(variable) != "":
			e.From = variable
		}
		return e
	}
	usual := serveFlags{listen: usualListen, grace: usualGrace}
	list := []panel.Effective{
		row("listen", f.listen, "", f.listen != usual.listen),
		row("data", absolute(g.data()), "BASEWRIGHT_DATA", g.dataDir != ""),
		row("database", store.Place(g.database()), "BASEWRIGHT_DATABASE", g.databaseURL != ""),
		row("docker-host", cmp.Or(g.dockerHost, os.Getenv("DOCKER_HOST")), "DOCKER_HOST", g.dockerHost != ""),
		row("trusted-proxy", strings.Join(f.trusted, " "), "", len(f.trusted) > 0),
		row("public-url", f.sso.public, "", f.sso.public != ""),
		row("grace", f.grace.String(), "", f.grace != usual.grace),
		row("oidc-issuer", f.sso.address, "", f.sso.address != ""),
	}
	if f.sso.address != "" {
		list = append(list, effectiveSSO(f.sso, row)...)
	}
	return append(list, row("verbose", strconv.FormatBool(f.verbose), "", f.verbose))
}

// effectiveSSO are the settings of single sign-on.
func effectiveSSO(f ssoFlags, row func(name, value, variable string, given bool) panel.Effective) []panel.Effective {
	var roles []string
	for _, group := range slices.Sorted(maps.Keys(f.roles)) {
		roles = append(roles, group+"="+f.roles[group])
	}
	secret := ""
	if os.Getenv(oidcSecret) != "" {
		secret = "•••"
	}
	return []panel.Effective{
		row("oidc-client", f.client, "", f.client != ""),
		row("oidc-secret", secret, oidcSecret, false),
		row("oidc-groups-claim", f.claim, "", f.claim != usualClaim),
		row("oidc-role", strings.Join(roles, " "), "", len(roles) > 0),
		row("oidc-create-role", f.newRole, "", f.newRole != ""),
	}
}

// printEffective prints the settings, one a line.
func printEffective(g *global, f serveFlags) error {
	t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, e := range effective(g, f) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Name, printable(cmp.Or(e.Value, "-")), cmp.Or(e.From, "default"))
	}
	return t.Flush()
}

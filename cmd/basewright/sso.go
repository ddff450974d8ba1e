package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

const (
	oidcSecret = "BASEWRIGHT_OIDC_SECRET" //nolint:gosec // the name of the variable
	usualClaim = "groups"
)

// ssoFlags say where people may log in besides by password.
type ssoFlags struct {
	address, client, claim, newRole, public string
	roles                                   map[string]string
}

func (f *ssoFlags) define(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.address, "oidc-issuer", "", "address of an issuer of OpenID Connect at which people may log in; its secret is read from "+oidcSecret)
	cmd.Flags().StringVar(&f.client, "oidc-client", "", "id that the issuer gave to Basewright")
	cmd.Flags().StringVar(&f.public, "public-url", "", "address of this panel as browsers see it; the issuer must know it with /login/sso/return")
	cmd.Flags().StringVar(&f.claim, "oidc-groups-claim", usualClaim, "claim of the issuer's tokens in which groups are")
	cmd.Flags().StringToStringVar(&f.roles, "oidc-role", nil, "GROUP=ROLE: the role on every instance of who is in a group; who is in none loses every role when they log in, those on single instances, too")
	cmd.Flags().StringVar(&f.newRole, "oidc-create-role", "", "make a user with this role of whoever the issuer knows (default: only users whom an admin linked with `basewright user subject`)")
}

// issuer returns where people log in, nil for nowhere.
func (f *ssoFlags) issuer() (*access.SingleSignOn, error) {
	if f.address == "" {
		return nil, nil
	}
	roles := map[string]core.Role{}
	for group, role := range f.roles {
		roles[group] = core.Role(role)
	}
	s := &access.SingleSignOn{
		Issuer: f.address, Client: f.client, Secret: core.Secret(os.Getenv(oidcSecret)), Return: strings.TrimRight(f.public, "/") + "/login/sso/return",
		Claim: f.claim, Roles: roles, NewRole: core.Role(f.newRole),
	}
	return s, s.Check()
}

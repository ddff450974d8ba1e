package supabase

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/basewright/basewright/core"
)

// Credential is a database login that a service was given.
type Credential struct {
	Service  core.Service
	Variable string // where the password stands in the container's environment
	Login    core.Login
	Host     string // database host, empty when the variable does not say
	Err      error  // the connection string cannot be read
}

// dsnVariables hold a whole connection string.
var dsnVariables = map[core.Service][]string{
	core.Auth:      {"GOTRUE_DB_DATABASE_URL", "DATABASE_URL"},
	core.Rest:      {"PGRST_DB_URI"},
	core.Storage:   {"DATABASE_URL"},
	core.Functions: {"SUPABASE_DB_URL"},
	core.Pooler:    {"DATABASE_URL"},
	core.Analytics: {"POSTGRES_BACKEND_URL"},
}

// partVariables hold role, password and database one by one; the last column is
// what the image assumes for an absent role.
var partVariables = map[core.Service]struct{ role, password, database, host, defaultRole string }{
	core.Realtime:  {"DB_USER", "DB_PASSWORD", "DB_NAME", "DB_HOST", "supabase_admin"},
	core.Meta:      {"PG_META_DB_USER", "PG_META_DB_PASSWORD", "PG_META_DB_NAME", "PG_META_DB_HOST", "postgres"},
	core.Analytics: {"DB_USERNAME", "DB_PASSWORD", "DB_DATABASE", "DB_HOSTNAME", "supabase_admin"},
}

// Credentials lists the database logins in the environments of the instance's
// containers: what the services really use, whatever .env says now.
// Source: environment of each service in supabase/supabase docker-compose.yml.
func Credentials(o *core.Observation) []Credential {
	var out []Credential
	for _, s := range core.Services {
		c, ok := o.Container(s)
		if !ok {
			continue
		}
		for _, v := range dsnVariables[s] {
			if dsn := c.Env[v]; dsn != "" {
				out = append(out, parseDSN(s, v, dsn))
			}
		}
		p, ok := partVariables[s]
		if pw, has := c.Env[p.password]; ok && has {
			out = append(out, Credential{
				Service: s, Variable: p.password, Host: c.Env[p.host].Reveal(),
				Login: core.Login{
					Role: cmp.Or(c.Env[p.role].Reveal(), p.defaultRole), Password: pw,
					Database: cmp.Or(c.Env[p.database].Reveal(), "postgres"),
				},
			})
		}
	}
	return out
}

// parseDSN reads a connection string as the services do, by the rules of URLs.
// Its errors never quote the string.
func parseDSN(s core.Service, variable string, dsn core.Secret) Credential {
	c := Credential{Service: s, Variable: variable}
	u, err := url.Parse(dsn.Reveal())
	if err != nil || u.User == nil || u.Hostname() == "" {
		c.Err = core.Errorf(core.Invalid, "%s is not a connection string of the form postgres://role:password@host:port/database", variable)
		return c
	}
	password, _ := u.User.Password()
	c.Host = u.Hostname()
	c.Login = core.Login{
		Role: u.User.Username(), Password: core.Secret(password),
		Database: cmp.Or(strings.TrimPrefix(u.Path, "/"), "postgres"),
	}
	return c
}

// LoginRoles are the database roles that have POSTGRES_PASSWORD as theirs.
// Source: volumes/db/roles.sql of supabase/supabase, and the image's own init scripts.
var LoginRoles = []string{
	"authenticator", "pgbouncer", "postgres", "supabase_admin", "supabase_auth_admin",
	"supabase_storage_admin", "supabase_functions_admin", "supabase_replication_admin",
}

package configure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Rotation is a group of secrets that are made anew together, since one follows
// from another or the same clients hold them.
type Rotation struct {
	Name  string
	Title string
	needs string   // variable that must be in the .env
	keys  []string // variables that are drawn; those that are not set are left out
	signs bool     // the API keys are signed anew, too
	roles bool     // the database's roles get the new password
	// Clients are those outside of the stack who must change something.
	Clients []string
}

// signedKeys follow from JWT_SECRET.
var signedKeys = []string{"ANON_KEY", "SERVICE_ROLE_KEY", "ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC", "JWT_KEYS", "JWT_JWKS"}

// Rotations are all that there are.
var Rotations = []Rotation{
	{
		Name: "api-keys", needs: "JWT_SECRET", Title: "Make new API keys", keys: []string{"SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY"}, signs: true,
		Clients: []string{
			"browsers and mobile apps: build them with the new ANON_KEY, or SUPABASE_PUBLISHABLE_KEY",
			"servers, scripts and cron jobs: give them the new SERVICE_ROLE_KEY, or SUPABASE_SECRET_KEY",
			"nobody logs in again; signed keys of before stay valid until they end, so rotate jwt-secret when one was stolen",
		},
	},
	{
		Name: "jwt-secret", needs: "JWT_SECRET", Title: "Make a new JWT secret and new API keys", keys: []string{"JWT_SECRET"}, signs: true,
		Clients: []string{
			"users: all log in again",
			"browsers and mobile apps: build them with the new ANON_KEY",
			"servers, scripts and cron jobs: give them the new SERVICE_ROLE_KEY",
			"whoever verifies tokens of users itself: give it the new JWT_SECRET",
			"SQL that reads app.settings.jwt_secret, which older releases gave the database when it was made: it keeps the old one",
		},
	},
	{
		Name: "database-passwords", needs: "POSTGRES_PASSWORD", Title: "Give the database roles a new password", keys: []string{"POSTGRES_PASSWORD"}, roles: true,
		Clients: []string{
			"whoever connects to the database, directly or through the pooler (as postgres or another role of Supabase): use the new POSTGRES_PASSWORD",
			"backups, migrations and dashboards with a connection string: the same",
		},
	},
	{
		Name: "dashboard-password", needs: "DASHBOARD_PASSWORD", Title: "Make a new password for Studio", keys: []string{"DASHBOARD_PASSWORD"},
		Clients: []string{"whoever opens Studio: log in with the new DASHBOARD_PASSWORD"},
	},
}

// RotationOf returns the rotation of a name.
func RotationOf(name string) (Rotation, error) {
	var names []string
	for _, r := range Rotations {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Rotation{}, core.Errorf(core.Invalid, "%q cannot be rotated; there are: %s", name, strings.Join(names, ", "))
}

// Rotate plans to make the secrets of a rotation anew, not sealed: the .env gets
// them, the database and the pooler are told, and every service is recreated that
// uses one. The plan holds no secret, since each is drawn when it is written.
func Rotate(ctx context.Context, in core.Inspector, obs *core.Observation, r Rotation) (core.Plan, error) {
	p := core.Plan{Instance: obs.Instance.ID, Playbook: core.RotatePlaybook, Title: r.Title, Risk: core.MediumRisk, Scope: core.ConfigScope}
	if obs.Env.Err != nil {
		return p, fmt.Errorf("read %s: %w", obs.Env.Path, obs.Env.Err)
	}
	if v, _ := obs.Env.Lookup(r.needs); v == "" {
		return p, core.Errorf(core.Conflict, "%s is not set in the .env of %s; without it nothing can be made anew there", r.needs, obs.Instance.ID)
	}
	changed := r.set(obs)
	touched, strangers, err := users(obs, changed)
	if err != nil {
		return p, err
	}
	if r.roles {
		if p.Actions, err = pooler(ctx, in, obs); err != nil {
			return p, err
		}
	}
	drawn, err := r.draw(ctx, in, obs)
	if err != nil {
		return p, err
	}
	p.Actions = append(append(p.Actions, drawn...), renew(obs, touched, strangers)...)
	for _, text := range r.Clients {
		p.Actions = append(p.Actions, core.Action{Op: core.OpNote, Args: map[string]any{"text": text}})
	}
	for _, key := range changed {
		p.Diff = append(p.Diff, core.Diff{Target: ".env " + key, Before: "•••", After: "••• (new)"})
	}
	p.Downtime = core.Span(time.Duration(len(touched)) * 5 * time.Second)
	return p, nil
}

// set lists the variables of a rotation that the .env has.
func (r Rotation) set(obs *core.Observation) []string {
	all := slices.Clone(r.keys)
	if r.signs {
		all = append(all, signedKeys...)
	}
	return slices.DeleteFunc(all, func(key string) bool {
		v, ok := obs.Env.Lookup(key)
		return !ok || v == ""
	})
}

// users returns which services use one of the variables, and whether one does
// that is none of Supabase's.
func users(obs *core.Observation, keys []string) (touched map[core.Service]bool, strangers bool, err error) {
	touched = map[core.Service]bool{}
	for _, key := range keys {
		names, err := supabase.Uses(obs.Instance.Files, key)
		if err != nil {
			return nil, false, err
		}
		for _, name := range names {
			role := roleOf(obs, name)
			touched[role] = true
			strangers = strangers || role == ""
		}
	}
	return touched, strangers, nil
}

// draw are the actions that make the secrets.
func (r Rotation) draw(ctx context.Context, in core.Inspector, obs *core.Observation) ([]core.Action, error) {
	var out []core.Action
	for _, key := range r.keys {
		if v, _ := obs.Env.Lookup(key); v != "" {
			out = append(out, core.Action{Op: core.OpGenerateSecret, Args: map[string]any{"key": key}})
		}
	}
	if r.signs {
		out = append(out, core.Action{Op: core.OpMintKeys})
	}
	if !r.roles {
		return out, nil
	}
	rows, err := in.Query(ctx, "postgres", "select rolname from pg_roles where rolcanlogin order by rolname")
	if err != nil {
		return nil, fmt.Errorf("list the roles of the database: %w", err)
	}
	for _, role := range supabase.LoginRoles {
		if slices.ContainsFunc(rows, func(row []string) bool { return len(row) == 1 && row[0] == role }) {
			out = append(out, core.Action{Op: core.OpSetRolePassword, Args: map[string]any{"role": role, "password": core.Handle{From: core.FromEnv, Key: "POSTGRES_PASSWORD"}.Arg()}})
		}
	}
	return out, nil
}

// pooler are the actions that make the pooler forget the password that it has
// stored: it makes its tenant once and believes that ever after. What it stored is
// put aside and not dropped.
func pooler(ctx context.Context, in core.Inspector, obs *core.Observation) ([]core.Action, error) {
	if _, runs := obs.Container(core.Pooler); !runs {
		return nil, nil
	}
	rows, err := in.Query(ctx, "_supabase", "select nspname from pg_namespace")
	if err != nil {
		return nil, fmt.Errorf("look at what the pooler has stored: %w", err)
	}
	exists := func(schema string) bool {
		return slices.ContainsFunc(rows, func(row []string) bool { return len(row) == 1 && row[0] == schema })
	}
	if !exists("_supavisor") {
		return nil, nil
	}
	tenants, err := in.Query(ctx, "_supabase", "select external_id from _supavisor.tenants")
	if err != nil {
		return nil, fmt.Errorf("look at what the pooler has stored: %w", err)
	}
	if len(tenants) > 1 {
		return nil, core.Errorf(core.Conflict, "the pooler has stored %d tenants with their passwords, and makes only one by itself; a person must look at the others first", len(tenants))
	}
	aside := "_supavisor_before"
	for n := 2; exists(aside); n++ {
		aside = fmt.Sprintf("_supavisor_before%d", n)
	}
	sql := func(statement, inverse string) core.Action {
		return core.Action{Op: core.OpSQL, Args: map[string]any{"database": "_supabase", "statement": statement, "inverse": inverse}, Why: "the pooler's tenant holds the old password"}
	}
	return []core.Action{
		{Op: core.OpStop, Service: core.Pooler},
		sql("alter schema _supavisor rename to "+aside, "alter schema "+aside+" rename to _supavisor"),
		sql("create schema _supavisor authorization supabase_admin", "drop schema _supavisor"),
	}, nil
}

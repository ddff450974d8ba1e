package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/basewright/basewright/core"
)

// rejected sums up the logins whose password the database does not accept: one
// finding with every role, since they have one cause.
func rejected(ctx context.Context, t core.Target, attempts []attempt) []core.Finding {
	failed := slices.DeleteFunc(slices.Clone(attempts), func(a attempt) bool { return core.SQLState(a.err) != "28P01" })
	if len(failed) == 0 {
		return nil
	}
	var found []core.Finding
	existing := rolesThatLogIn(ctx, t)
	failed = slices.DeleteFunc(failed, func(a attempt) bool {
		if existing == nil || slices.Contains(existing, a.login.Role) {
			return false
		}
		found = append(found, missingRole(a))
		return true
	})
	if len(failed) == 0 {
		return found
	}
	if stale, ok := staleLogins(ctx, t, failed); ok {
		return append(found, stale)
	}
	return append(found, passwordMismatch(t, attempts, failed))
}

// rolesThatLogIn returns the roles of the database, or nil when they cannot be
// listed: to a login with a password, PostgreSQL does not say that a role is
// missing.
func rolesThatLogIn(ctx context.Context, t core.Target) []string {
	rows, err := t.Query(ctx, "postgres", "select rolname from pg_roles where rolcanlogin")
	if err != nil {
		return nil
	}
	var roles []string
	for _, r := range rows {
		roles = append(roles, r[0])
	}
	return roles
}

func missingRole(a attempt) core.Finding {
	return core.Finding{
		Code: "PG-03", Service: core.DB, Affects: usersOf([]attempt{a}),
		Title:    fmt.Sprintf("The database has no role %s that may log in", clip(a.login.Role)),
		Evidence: []core.Evidence{evidence("sql:pg_roles", "no role "+clip(a.login.Role)+" with LOGIN"), loginEvidence(a)},
		Details:  map[string]string{"role": a.login.Role},
	}
}

// staleLogins tells containers that still hold an older password from a
// database that does: the value in .env now is accepted.
func staleLogins(ctx context.Context, t core.Target, failed []attempt) (core.Finding, bool) {
	now, ok := t.Env.Lookup("POSTGRES_PASSWORD")
	if !ok {
		return core.Finding{}, false
	}
	for _, a := range failed {
		if a.login.Password == now || t.Login(ctx, core.Login{Role: a.login.Role, Password: now, Database: a.login.Database}) != nil {
			return core.Finding{}, false
		}
	}
	services := usersOf(failed)
	return core.Finding{
		Code: "DK-07", Category: core.Configuration, Severity: core.Critical, Service: services[0], Affects: services,
		Title: "Containers still hold an older database password than .env",
		Evidence: []core.Evidence{
			evidence("login:"+failed[0].login.Role, "the database accepts the password in .env ("+fingerprint(t, now)+")"),
			evidence("env:"+string(services[0]), "the container holds another one ("+fingerprint(t, failed[0].login.Password)+"), which the database rejects"),
		},
		Details: map[string]string{"services": join(services)},
	}, true
}

func passwordMismatch(t core.Target, all, failed []attempt) core.Finding {
	f := core.Finding{Code: "PG-01", Service: core.DB, Affects: usersOf(failed)}
	var roles, accepted []string
	for _, a := range failed {
		roles = append(roles, a.login.Role)
		f.Evidence = append(f.Evidence, evidence("login:"+a.login.Role, fmt.Sprintf(
			"%v, over the stack's network, with the password in %s of %s (%s)",
			a.err, a.users[0].Variable, a.users[0].Service, fingerprint(t, a.login.Password))))
	}
	for _, a := range all {
		if a.err == nil {
			accepted = append(accepted, a.login.Role)
		}
	}
	if now, ok := t.Env.Lookup("POSTGRES_PASSWORD"); ok {
		same := "the same as the containers hold"
		if now != failed[0].login.Password {
			same = "another one than the containers hold"
		}
		f.Evidence = append(f.Evidence, evidence(fmt.Sprintf("file:.env:%d", t.Env.Line("POSTGRES_PASSWORD")), "POSTGRES_PASSWORD is "+same+" ("+fingerprint(t, now)+")"))
	}
	if len(accepted) > 0 {
		f.Evidence = append(f.Evidence, evidence("login", "still accepted: "+strings.Join(unique(accepted), ", ")))
	}
	f.Details = map[string]string{"roles": strings.Join(unique(roles), ","), "services": join(f.Affects)}
	return f
}

// refusal explains what is no wrong password.
func refusal(a attempt) (core.Finding, bool) {
	f := core.Finding{Service: core.DB, Affects: usersOf([]attempt{a})}
	var netErr net.Error
	switch state := core.SQLState(a.err); {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		f.Code, f.Affects = "SVC-05", nil
	case errors.Is(a.err, context.DeadlineExceeded):
		f.Code, f.Affects, f.Title = "SVC-05", nil, "The database takes connections and does not answer"
	case a.err == nil || state == "28P01" || core.CodeOf(a.err) == core.Unreachable || core.CodeOf(a.err) == core.NotFound:
		return f, false
	case state == "28000":
		f.Code, f.Title = "PG-03", fmt.Sprintf("The role %s may not log in", clip(a.login.Role))
		f.Details = map[string]string{"role": a.login.Role}
	case state == "3D000":
		f.Code, f.Title = "PG-04", fmt.Sprintf("The database %s is missing", clip(a.login.Database))
		f.Details = map[string]string{"database": a.login.Database}
	case state == "55000": // ALTER DATABASE … ALLOW_CONNECTIONS false
		f.Code, f.Title = "PG-04", fmt.Sprintf("The database %s takes no connections", clip(a.login.Database))
		f.Details = map[string]string{"database": a.login.Database}
	case state == "53300":
		f.Code = "PG-13"
	case state == "57P03" || state == "57P01":
		f.Code, f.Affects = "PG-28", nil
	case errors.As(a.err, &netErr), state != "":
		f.Code, f.Affects = "SVC-05", nil
	default:
		return f, false
	}
	f.Evidence = []core.Evidence{loginEvidence(a)}
	if errors.Is(a.err, context.DeadlineExceeded) {
		f.Evidence[0].Text = fmt.Sprintf("no answer within %v, over the stack's network", loginPatience)
	}
	return f, true
}

func loginEvidence(a attempt) core.Evidence {
	return evidence("login:"+clip(a.login.Role), clip(Mask(a.err.Error())))
}

// usersOf lists the services that present the attempted logins.
func usersOf(attempts []attempt) []core.Service {
	var out []core.Service
	for _, a := range attempts {
		for _, u := range a.users {
			out = append(out, u.Service)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

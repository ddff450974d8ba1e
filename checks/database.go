package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	register(core.Checker{
		ID: "database.logins", Title: "Each service's database login is accepted over the stack's network",
		Category: core.DatabaseConnection, Depth: core.Quick, Early: true, Check: databaseLogins,
		Finds: []core.Explanation{
			{
				Code: "PG-01", Title: "The database does not accept the password that the stack uses", Severity: core.Critical, SymptomOf: []string{"DK-07"},
				What:   "The services present one password and the database holds another: POSTGRES_PASSWORD was changed after the data folder was made, and the folder keeps the old one.",
				Breaks: "Services that log in with it fail or restart; users see \"Failed to create user: API error\" or 5xx.",
				Do:     "Apply the playbook align-database-passwords: it sets the roles' passwords inside the database to the one that the stack uses.",
				Data:   "No data is at risk by this repair. Do NOT delete volumes/db/data, as is often advised: that destroys the database.", Sources: "supabase/supabase#22605, #30235, #11957",
			},
			{
				Code: "PG-02", Title: "A connection string cannot be read", Severity: core.Critical, SymptomOf: []string{"LOG-08"},
				What:   "The password holds characters such as @ / # % that have a meaning of their own in a connection string.",
				Breaks: "The service connects to a wrong host or does not start.",
				Do:     "Use a password of letters and digits only, in .env and in the database.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#35978",
			},
			{
				Code: "PG-03", Title: "A database role is missing or may not log in", Severity: core.Critical,
				What:   "The role that a service logs in with does not exist or is not allowed to log in: the first start of the database was interrupted, or somebody changed the role.",
				Breaks: "The service fails.",
				Do:     "Create the role, or give LOGIN back, from the SQL of your release.",
				Data:   "Existing data is not touched; do not start over from an empty folder without a snapshot.", Sources: "supabase/supabase#11957, #30834",
			},
			{
				Code: "PG-04", Title: "A database that a service needs is missing", Severity: core.Critical,
				What:   "The service's database does not exist. Volumes made before December 2024 lack _supabase, and restarting never creates it.",
				Breaks: "Pooler and analytics do not start.",
				Do:     "Apply _supabase.sql, logs.sql and pooler.sql of your release by hand.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#30834, PR#29596",
			},
			{
				Code: "PG-13", Title: "The database has no connection left", Severity: core.Critical,
				What:   "PostgreSQL refuses a login since its limit, or the role's, is reached. Its health check stays green.",
				Breaks: "Requests fail at random, then all of them.",
				Do:     "Look at pg_stat_activity for who holds them, and lower that pool or raise max_connections.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#33099",
			},
			{
				Code: "PG-28", Title: "The database is starting or shutting down", Severity: core.Critical, Level: core.Malfunction,
				What:   "PostgreSQL answers that it does not take connections yet, or no longer.",
				Breaks: "Every service waits for it.",
				Do:     "Wait; if it does not end, read the database's log.", Data: "No data is at risk: do not kill it while it recovers.",
			},
			{
				Code: "SVC-05", Title: "The database does not answer over the stack's network", Severity: core.Critical, Level: core.Malfunction,
				What:   "The container runs, and nothing accepts connections on its database port.",
				Breaks: "Every service fails.", Do: "Read the database's log and check POSTGRES_PORT.", Data: "No data is at risk by this alone.",
			},
		},
	})
}

// loginPatience is less than a check's time, so that a server which takes
// connections and says nothing is a finding.
const loginPatience = 3 * time.Second

// attempt is one login and what came of it.
type attempt struct {
	login core.Login
	users []supabase.Credential // who presents it
	err   error
}

func databaseLogins(ctx context.Context, t core.Target) ([]core.Finding, error) {
	db, ok := t.Container(core.DB)
	if !ok || db.State != "running" {
		return nil, nil // containers.state says so
	}
	var found []core.Finding
	for _, c := range supabase.Credentials(t.Observation) {
		if c.Err != nil {
			found = append(found, core.Finding{
				Code: "PG-02", Service: c.Service, Severity: severity(c.Service),
				Title:    fmt.Sprintf("%s cannot read its connection string", c.Service),
				Evidence: []core.Evidence{evidence("env:"+string(c.Service), c.Err.Error())},
			})
		}
	}
	attempts := tryLogins(ctx, t, db)
	if err := blind(attempts); err != nil {
		return found, err
	}
	found = append(found, rejected(ctx, t, attempts)...)
	for _, a := range attempts {
		if f, bad := refusal(a); bad {
			found = append(found, f)
		}
	}
	return found, nil
}

// tryLogins tries each distinct login once, side by side.
func tryLogins(ctx context.Context, t core.Target, db core.Container) []attempt {
	var attempts []attempt
	for _, c := range supabase.Credentials(t.Observation) {
		if c.Err != nil || !isOwnDatabase(c.Host, db) {
			continue
		}
		i := slices.IndexFunc(attempts, func(a attempt) bool { return a.login == c.Login })
		if i < 0 {
			i, attempts = len(attempts), append(attempts, attempt{login: c.Login})
		}
		attempts[i].users = append(attempts[i].users, c)
	}
	var wg sync.WaitGroup
	for i := range attempts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, loginPatience)
			defer cancel()
			attempts[i].err = t.Login(ctx, attempts[i].login)
		})
	}
	wg.Wait()
	return attempts
}

// isOwnDatabase tells the stack's own database from an external one, which is
// not ours to probe.
func isOwnDatabase(host string, db core.Container) bool {
	if host == "" || host == db.ComposeService || host == db.Name {
		return true
	}
	return slices.ContainsFunc(db.Networks, func(e core.Endpoint) bool {
		return e.IP == host || slices.Contains(e.Aliases, host)
	})
}

// blind returns an error when no login could even be tried.
func blind(attempts []attempt) error {
	var last error
	for _, a := range attempts {
		if core.CodeOf(a.err) != core.Unreachable || errors.Is(a.err, syscall.ECONNREFUSED) || errors.Is(a.err, context.DeadlineExceeded) {
			return nil
		}
		last = a.err
	}
	return last
}

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

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func join(services []core.Service) string {
	var b strings.Builder
	for i, s := range services {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(s))
	}
	return b.String()
}

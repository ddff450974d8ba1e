package checks

import (
	"context"
	"errors"
	"fmt"
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

package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Role is a database role with the verifier of its password. It is a secret:
// who has it can log in.
type Role struct {
	Name     string  `json:"rolname"`
	Verifier *string `json:"rolpassword"` // nil when the role has no password
	Login    bool    `json:"rolcanlogin"`
}

// readRoles reads every role, one JSON object on a line, since a role's name
// may hold any character.
func readRoles(ctx context.Context, e core.Engine) ([]Role, error) {
	out, err := supabase.PSQL(ctx, e, "postgres", "select row_to_json(r) from (select rolname, rolpassword, rolcanlogin from pg_authid where rolname !~ '^pg_' order by rolname) r;\n")
	if err != nil {
		return nil, fmt.Errorf("read the database roles: %w", err)
	}
	var roles []Role
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var r Role
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, errors.New("read the database roles: the answer is not what PostgreSQL gives") // the line itself is secret
		}
		roles = append(roles, r)
	}
	if len(roles) == 0 {
		return nil, errors.New("read the database roles: there are none")
	}
	return roles, nil
}

// validVerifier is what PostgreSQL stores: anything else in a PASSWORD clause
// would be taken for a password and hashed.
var validVerifier = regexp.MustCompile(`^(SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+|md5[0-9a-f]{32})$`)

// restoreRoles gives back the verifiers that differ, in one transaction.
func restoreRoles(ctx context.Context, e core.Engine, want []Role) error {
	now, err := readRoles(ctx, e)
	if err != nil {
		return err
	}
	sql, err := alterations(want, now)
	if err != nil || sql == "" {
		return err
	}
	if _, err := supabase.PSQL(ctx, e, "postgres", sql); err != nil {
		// Its message may quote a verifier.
		return core.Errorf(core.CodeOf(err), "put the role passwords back: psql failed%s", state(err))
	}
	return nil
}

func state(err error) string {
	if s := core.SQLState(err); s != "" {
		return " with SQLSTATE " + s
	}
	return ""
}

// alterations returns the statements that make the roles in now like those in
// want. They are kept out of the server's log.
func alterations(want, now []Role) (string, error) {
	have := map[string]Role{}
	for _, r := range now {
		have[r.Name] = r
	}
	var b strings.Builder
	for _, r := range want {
		h, ok := have[r.Name]
		if !ok {
			return "", fmt.Errorf("the role %q is gone", r.Name)
		}
		if digest(r) == digest(h) {
			continue
		}
		login, password := "NOLOGIN", "NULL"
		if r.Login {
			login = "LOGIN"
		}
		if r.Verifier != nil {
			if !validVerifier.MatchString(*r.Verifier) {
				return "", fmt.Errorf("the snapshot holds no valid verifier for role %q", r.Name)
			}
			password = "'" + *r.Verifier + "'"
		}
		fmt.Fprintf(&b, "ALTER ROLE %s WITH %s PASSWORD %s;\n", supabase.QuoteIdentifier(r.Name), login, password)
	}
	if b.Len() == 0 {
		return "", nil
	}
	return supabase.Quiet + "BEGIN;\n" + b.String() + "COMMIT;\n", nil
}

// whenItAnswers runs f again while it fails, for as long as limit: a database
// that was just started refuses logins for a while.
func whenItAnswers(ctx context.Context, limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := f()
		if err == nil || ctx.Err() != nil || time.Now().Add(wait).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

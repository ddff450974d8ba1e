package apply

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// What PostgreSQL itself uses.
const (
	scramIterations = 4096
	scramSalt       = 16
)

func checkRole(a core.Action) error {
	role := a.Text("role")
	switch {
	case role == "" || len(role) > 63 || strings.ContainsRune(role, 0) || strings.HasPrefix(role, "pg_"):
		return core.Errorf(core.Invalid, "%q is not the name of a role that may get a password", role)
	case a.SecretHandle("password") == "":
		return core.Errorf(core.Invalid, "the password is not the handle of a secret")
	}
	return nil
}

// setRolePassword gives a database role a password. PostgreSQL is told the
// verifier only, so the password is on no command line and in no server log.
func setRolePassword(ctx context.Context, t *transaction, a core.Action) error {
	password, err := t.secret(ctx, a, "password")
	if err != nil {
		return err
	}
	salt := make([]byte, scramSalt)
	if _, err := rand.Read(salt); err != nil {
		return err
	}
	v, err := verifier(password, salt)
	if err != nil {
		return err
	}
	sql := supabase.Quiet + "ALTER ROLE " + supabase.QuoteIdentifier(a.Text("role")) + " WITH PASSWORD '" + v + "';\n"
	if _, err := supabase.PSQL(ctx, t.e, "postgres", sql); err != nil {
		return fmt.Errorf("set the password of role %s: %w", a.Text("role"), err)
	}
	return nil
}

// verifier returns what PostgreSQL stores for a password (RFC 5802, RFC 7677),
// which proves a password and cannot be turned back into it.
func verifier(password core.Secret, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, prepare(password.Reveal()), salt, scramIterations, sha256.Size)
	if err != nil {
		return "", err
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// prepare is SASLprep as far as passwords go: other spaces are spaces, and
// characters that look the same are the same.
func prepare(password string) string {
	spaces := strings.Map(func(r rune) rune {
		switch {
		case r == '\u00AD' || r == '\u200B' || r == '\u2060' || r == '\uFEFF':
			return -1
		case r > unicode.MaxASCII && unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, password)
	return norm.NFKC.String(spaces)
}

package snapshot

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// maxRolesSQL bounds what pg_dumpall gives of roles.
const maxRolesSQL = 32 << 20

var (
	createRole   = regexp.MustCompile(`^CREATE ROLE .+;$`)
	rolePassword = regexp.MustCompile(`^(ALTER ROLE .+ WITH .*?) PASSWORD '(?:[^']|'')*'(.*;)$`)
	roleSQL      = regexp.MustCompile(`^(CREATE ROLE|ALTER ROLE|GRANT|COMMENT ON ROLE|SECURITY LABEL|SET|SELECT pg_catalog\.set_config)\b`)
)

// rolesScript turns what pg_dumpall gave into a script that can run where some of
// the roles are there already. Without passwords, roles keep those that they have.
// Orders to psql, which could run anything, are refused: only pg_dumpall's own
// frame is known, and left out.
func rolesScript(r io.Reader, passwords bool) (string, error) {
	tag := "$bw" + strings.ToLower(rand.Text()) + "$"
	var b strings.Builder
	b.WriteString(supabase.Quiet + "SET client_min_messages = 'error';\nBEGIN;\n")
	lines := bufio.NewScanner(io.LimitReader(r, maxRolesSQL))
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \r")
		switch {
		case line == "" || strings.HasPrefix(line, "--") || strings.HasPrefix(line, `\restrict `) || strings.HasPrefix(line, `\unrestrict `):
			continue
		case !roleSQL.MatchString(line) || !oneStatement(line):
			return "", core.Errorf(core.Invalid, "line %d of the roles is not one that pg_dumpall writes", n)
		case createRole.MatchString(line):
			line = fmt.Sprintf("DO %sBEGIN %s EXCEPTION WHEN duplicate_object THEN NULL; END%s;", tag, line, tag)
		case !passwords:
			line = rolePassword.ReplaceAllString(line, "$1$2")
		}
		b.WriteString(line + "\n")
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("read the roles: %w", err)
	}
	b.WriteString("COMMIT;\n")
	return b.String(), nil
}

// oneStatement reports whether a line is one SQL statement that ends with it, and
// has no order to psql and no other kind of quotes in it.
func oneStatement(line string) bool {
	quote := byte(0)
	escapes := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote, escapes = c, c == '\'' && i > 0 && (line[i-1] == 'E' || line[i-1] == 'e')
		case quote == 0 && (c == '\\' || c == '$' || c == ':'):
			return false
		case quote == 0 && c == ';':
			return i == len(line)-1
		case quote != 0 && escapes && c == '\\':
			i++
		case c == quote && quote != 0:
			quote = 0 // a doubled quote opens again at once
		}
	}
	return false
}

// rolesOf returns the script that restores the roles of a snapshot.
func (f *Folder) rolesOf(dir string, m Manifest, passwords bool) (sql string, err error) {
	for _, s := range m.Streams {
		if s.Kind != rolesStream {
			continue
		}
		err := f.readStream(dir, s, m.Encrypted, func(r io.Reader) (err error) {
			sql, err = rolesScript(r, passwords)
			return err
		})
		return sql, err
	}
	return "", errors.New("the snapshot holds no roles")
}

package apply

import (
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// scriptFailed is psql's exit status when the server refused a statement and
// ON_ERROR_STOP ended the script; a connection that was lost is 2.
// https://www.postgresql.org/docs/15/app-psql.html, "Exit Status".
const scriptFailed = 3

// uncommitted is why SQL failed of which nothing was committed, so that there is
// nothing to take back.
type uncommitted struct{ error }

func (u uncommitted) Error() string { return uncommittedPrefix + u.error.Error() }
func (u uncommitted) Unwrap() error { return u.error }

// uncommittedPrefix begins the outcome of such an action in the journal, from which
// the next start learns it.
const uncommittedPrefix = "nothing was committed: "

// asUncommitted makes the failure of SQL that was run in one transaction an uncommitted one,
// when PostgreSQL itself said so and all that the SQL does is in that transaction.
func asUncommitted(sql string, err error) error {
	stmts, parsed := parse(sql)
	if core.ExitStatus(err) != scriptFailed || parsed != nil || !contained(anyList(stmts)) {
		return err
	}
	return uncommitted{err}
}

// called finds what a text may call, also by running another text.
var called = regexp.MustCompile(`([\pL\d_$."]+)\s*\(`)

// plainWords stand before a parenthesis, or name functions, and reach nothing
// outside the transaction.
var plainWords = append(strings.Fields("all and any array as by case else elsif exists format from if in loop not on or select some then unnest using values when where"), functions...)

// contained reports whether everything that statements do is undone with the
// transaction they are in. A function that is not known here may write over another
// connection, as those of dblink do. What triggers and the scripts of extensions do
// is the database's own, as with every other write.
func contained(node any) bool {
	switch n := node.(type) {
	case []any:
		return !slices.ContainsFunc(n, func(v any) bool { return !contained(v) })
	case map[string]any:
		for name, v := range n {
			switch name {
			case "CallStmt":
				return false
			case "FuncCall":
				if !slices.Contains(functions, functionName(v)) {
					return false
				}
			case "sval": // of a DO block, its body; elsewhere at most stricter than need be
				text, _ := v.(string)
				for _, m := range called.FindAllStringSubmatch(strings.ToLower(text), -1) {
					if !slices.Contains(plainWords, m[1]) {
						return false
					}
				}
			}
			if !contained(v) {
				return false
			}
		}
	}
	return true
}

package docker

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/basewright/basewright/core"
)

const (
	queryTimeout = 15 * time.Second
	maxAnswer    = 8 << 20 // bytes of all values of an answer
)

// superusers are the roles to look as, in order. Upstream's pg_hba trusts both
// on the container's loopback, so no password has to work.
var superusers = []string{"supabase_admin", "postgres"}

// Query implements core.Inspector; NULL is "". It speaks PostgreSQL over the
// loopback of the database's container, or has psql there do so.
//
// Three things keep it from writing: the statement must be a query by its first
// word, there is only one (no semicolon, and the protocol takes one), and the
// session and its transaction are read-only, which is settled before the
// statement runs. What a superuser's function does outside of the transaction,
// such as pg_terminate_backend, none of them can stop.
func (e *Engine) Query(ctx context.Context, database, sql string) ([][]string, error) {
	sql, err := onlyReads(sql)
	if err != nil {
		return nil, err
	}
	db, err := e.running(ctx, core.DB)
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, queryTimeout+loginTimeout)
	defer cancel()
	var refused error
	for _, role := range e.superusers() {
		login := core.Login{Role: role, Password: db.Env["POSTGRES_PASSWORD"], Database: database}
		rows, err := e.ask(short, db, login, sql)
		if notLetIn(err) {
			if refused == nil {
				refused = err
			}
			continue
		}
		if err == nil {
			e.letIn(role)
		}
		return rows, err
	}
	return nil, refused
}

var (
	firstWord = regexp.MustCompile(`(?i)^\(*\s*(select|with|values|table|show|explain)\b`)
	comment   = regexp.MustCompile(`^(\s+|--[^\n]*(\n|$)|/\*[^*]*\*/)+`)
)

// onlyReads returns the statement without a closing semicolon, or refuses it.
// COPY … TO PROGRAM, which PostgreSQL counts as reading, is refused by its first
// word. A semicolon inside a literal is refused too: write chr(59).
func onlyReads(sql string) (string, error) {
	sql = strings.TrimRight(sql, "; \t\r\n")
	if strings.ContainsAny(sql, ";\x00") {
		return "", core.Errorf(core.Invalid, "only one statement can be asked at a time")
	}
	if !firstWord.MatchString(comment.ReplaceAllString(sql, "")) {
		return "", core.Errorf(core.Invalid, "only a query can be asked: SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN")
	}
	return sql, nil
}

func (e *Engine) superusers() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.admin != "" {
		return []string{e.admin}
	}
	return superusers
}

func (e *Engine) letIn(role string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.admin = role
}

// notLetIn reports whether the server knows no such role, or wants a password.
func notLetIn(err error) bool {
	state := core.SQLState(err)
	return state == "28000" || state == "28P01"
}

// ask runs a statement as role, by the better way that works.
func (e *Engine) ask(ctx context.Context, db core.Container, l core.Login, sql string) ([][]string, error) {
	port := databasePort(db)
	conn, err := connect(ctx, l, readOnly(), func(ctx context.Context) (net.Conn, error) {
		return e.dialInside(ctx, db, port)
	})
	if err == nil {
		defer hangUp(conn)
		return read(ctx, conn, sql)
	}
	if errors.Is(err, errOutside) {
		return e.askByExec(ctx, db, l, port, sql)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, &core.Error{Code: core.Unreachable, Message: "the database accepts no connections", Err: syscall.ECONNREFUSED}
	}
	return nil, loginError(ctx, l, err)
}

func readOnly() map[string]string {
	return map[string]string{"default_transaction_read_only": "on", "jit": "off",
		"statement_timeout": strconv.FormatInt(queryTimeout.Milliseconds(), 10), "client_encoding": "UTF8"}
}

// read runs one statement in a read-only transaction and gathers its rows.
func read(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	if err := conn.Exec(ctx, "BEGIN READ ONLY").Close(); err != nil {
		return nil, queryError(ctx, err)
	}
	result := conn.ExecParams(ctx, sql, nil, nil, nil, nil)
	var rows [][]string
	size := 0
	for result.NextRow() {
		row := make([]string, len(result.Values()))
		for i, value := range result.Values() {
			row[i] = string(value)
			size += len(value)
		}
		if rows = append(rows, row); size > maxAnswer {
			return nil, tooMuch()
		}
	}
	if _, err := result.Close(); err != nil {
		return nil, queryError(ctx, err)
	}
	return rows, nil
}

func tooMuch() error {
	return core.Errorf(core.Invalid, "the answer is larger than %d MiB", maxAnswer>>20)
}

func queryError(ctx context.Context, err error) error {
	if answer := sqlError(err); answer != nil {
		return answer
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &core.Error{Code: core.Unreachable, Message: "the database hung up in the middle of a query", Err: err}
}

// The separators of psql's output: none of them is in text that people write.
const (
	fieldEnd = "\x1f"
	rowEnd   = "\x1e"
)

// askByExec has psql in the container ask. Given with -c, a statement goes to
// the server as it is: psql looks for no commands of its own in it.
func (e *Engine) askByExec(ctx context.Context, db core.Container, l core.Login, port int, sql string) ([][]string, error) {
	var options []string
	for key, value := range readOnly() {
		if key != "client_encoding" {
			options = append(options, "-c "+key+"="+value)
		}
	}
	r, err := e.host.exec(ctx, db.ID, core.Command{
		Args: []string{"psql", "-X", "-A", "-t", "-q", "-w", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", l.Role, "-d", l.Database,
			"-F", fieldEnd, "-R", rowEnd, "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-c", "BEGIN READ ONLY", "-c", sql},
		Env: []string{"PGPASSWORD=" + l.Password.Reveal(), "PGREQUIREAUTH=!password", "PGCONNECT_TIMEOUT=5", "PGCLIENTENCODING=UTF8", "LC_ALL=C",
			"PGOPTIONS=" + strings.Join(options, " ")}})
	if err != nil {
		return nil, e.host.wrap(ctx, "asking the database", err)
	}
	if err := psqlError(r); err != nil {
		return nil, err
	}
	if len(r.stdout) > maxAnswer {
		return nil, tooMuch()
	}
	return parseRows(r.stdout), nil
}

// parseRows reads what psql printed; nothing at all means no rows.
func parseRows(text string) [][]string {
	if text == "" {
		return nil
	}
	var rows [][]string
	for row := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), rowEnd) {
		rows = append(rows, strings.Split(row, fieldEnd))
	}
	return rows
}

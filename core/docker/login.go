package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/basewright/basewright/core"
)

// loginTimeout bounds a login, also of a server that accepts and says nothing.
const loginTimeout = 10 * time.Second

// Login implements core.Inspector. It comes over the stack's network, where the
// server asks for the password; loopback would let anybody in.
func (e *Engine) Login(ctx context.Context, l core.Login) error {
	db, err := e.running(ctx, core.DB)
	if err != nil {
		return err
	}
	port := databasePort(db)
	short, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	conn, err := connect(short, l, nil, func(ctx context.Context) (net.Conn, error) {
		return e.Dial(ctx, core.Address{Service: core.DB, Port: port})
	})
	if err == nil {
		hangUp(conn)
		return nil
	}
	if noWay(err) && ctx.Err() == nil {
		return e.loginByExec(ctx, db, l, port, err)
	}
	return loginError(ctx, l, err)
}

// databasePort is the port that the server of a container listens on inside it.
func databasePort(db core.Container) int {
	for _, key := range []string{"PGPORT", "POSTGRES_PORT"} {
		if port, err := strconv.Atoi(db.Env[key].Reveal()); err == nil && port > 0 {
			return port
		}
	}
	return 5432
}

// connect opens a PostgreSQL session over what dial returns, with nothing taken
// from this process's own PG* variables.
func connect(ctx context.Context, l core.Login, params map[string]string, dial func(context.Context) (net.Conn, error)) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig("host=127.0.0.1 port=5432 user=x password=x dbname=x sslmode=disable connect_timeout=0 target_session_attrs=any require_auth=!password passfile=/dev/null servicefile=/dev/null")
	if err != nil {
		return nil, err
	}
	config.User, config.Password, config.Database = l.Role, l.Password.Reveal(), l.Database
	config.RuntimeParams = map[string]string{"application_name": "basewright"}
	for key, value := range params {
		config.RuntimeParams[key] = value
	}
	config.TLSConfig, config.Fallbacks, config.ConnectTimeout = nil, nil, 0
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil && sqlError(err) == nil && strings.Contains(err.Error(), unmetRequirement) {
		return nil, errClearText
	}
	return conn, err
}

// errClearText means that whoever answers as the database wants to be told the
// password itself, as PostgreSQL in a Supabase stack never does.
var errClearText = errors.New("the server asks for the password in clear text; it was not sent")

// unmetRequirement is how libpq and pgconn begin to say that a server asks for
// what require_auth excludes, which here is the password in clear text alone.
const unmetRequirement = "authentication method requirement"

// hangUp says goodbye. The answer is known; how the server takes it is not asked.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.Close(ctx)
}

// loginError sorts what came of a login: the server's answer, no answer, or no
// server. A refused connection stays recognisable in the error's tree.
func loginError(ctx context.Context, l core.Login, err error) error {
	if answer := sqlError(err); answer != nil {
		return answer
	}
	if errors.Is(err, errClearText) {
		return errClearText
	}
	if coded, ok := errors.AsType[*core.Error](err); ok {
		return coded
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &core.Error{Code: core.Unreachable, Message: fmt.Sprintf("the database does not answer a login of %s", l.Role), Err: cause(err)}
}

// cause takes what names the connection's made-up address off an error.
func cause(err error) error {
	if net, ok := errors.AsType[*net.OpError](err); ok {
		return net
	}
	return err
}

// sqlError returns the server's own answer in err's tree, or nil.
func sqlError(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &core.SQLError{State: pg.Code, Message: pg.Message}
	}
	return nil
}

// noWay reports whether err says that there is no route, rather than that
// somebody at the end of it misbehaves.
func noWay(err error) bool {
	coded, ok := errors.AsType[*core.Error](err)
	return ok && coded.Code == core.Unreachable
}

// loginByExec lets psql in the database's own container try the login, against
// the container's network address, where pg_hba asks for the password.
func (e *Engine) loginByExec(ctx context.Context, db core.Container, l core.Login, port int, why error) error {
	ips := addresses(db)
	if len(ips) == 0 || ips[0] == "127.0.0.1" {
		return loginError(ctx, l, why)
	}
	r, err := e.host.exec(ctx, db.ID, core.Command{
		Args: []string{"psql", "-X", "-A", "-t", "-q", "-w", "-h", ips[0], "-p", strconv.Itoa(port), "-U", l.Role, "-d", l.Database, "-c", "select 1"},
		Env:  []string{"PGPASSWORD=" + l.Password.Reveal(), "PGREQUIREAUTH=!password", "PGCONNECT_TIMEOUT=5", "LC_ALL=C"}})
	if err != nil {
		return e.host.wrap(ctx, "logging in to the database", err)
	}
	return psqlError(r)
}

// psqlError reads how psql ended: nil, the server's answer, or that psql could
// not ask.
func psqlError(r execResult) error {
	if r.code == 0 {
		return nil
	}
	if r.code == 126 || r.code == 127 {
		return core.Errorf(core.Unreachable, "psql cannot be run in the database's container: %s", r.complaint())
	}
	for line := range strings.Lines(r.stderr) {
		for _, level := range []string{"ERROR:  ", "FATAL:  ", "PANIC:  "} {
			if _, text, ok := strings.Cut(line, level); ok {
				return answer(clean([]byte(strings.TrimSpace(text)), 2000))
			}
		}
	}
	if strings.Contains(r.stderr, unmetRequirement) {
		return errClearText
	}
	return core.Errorf(core.Unreachable, "the database does not answer psql: %s", r.complaint())
}

// answer splits a SQLSTATE off a message, where psql gives one; for a refused
// connection it does not, so the text must tell.
func answer(text string) error {
	if state, rest, ok := strings.Cut(text, ": "); ok && len(state) == 5 && strings.ToUpper(state) == state && !strings.Contains(state, " ") {
		return &core.SQLError{State: state, Message: rest}
	}
	state := ""
	for _, known := range refusals {
		if strings.Contains(text, known.text) {
			state = cmp.Or(state, known.state)
		}
	}
	return &core.SQLError{State: cmp.Or(state, "08004"), Message: text}
}

// refusals maps what PostgreSQL says to a client it does not let in to the
// SQLSTATE that goes with it. Source: src/backend (auth.c, postinit.c,
// miscinit.c, proc.c, postmaster.c), PostgreSQL 15 to 17.
var refusals = []struct{ text, state string }{
	{"password authentication failed", "28P01"},
	{"no pg_hba.conf entry", "28000"},
	{"pg_hba.conf rejects", "28000"},
	{"is not permitted to log in", "28000"},
	{"role \"", "28000"},
	{"database \"", "3D000"},
	{"permission denied for database", "42501"},
	{"is not currently accepting connections", "55000"},
	{"too many", "53300"},
	{"remaining connection slots", "53300"},
	{"the database system is", "57P03"},
}

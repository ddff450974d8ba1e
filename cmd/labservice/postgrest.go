package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const postgrestVersion = "14.17"

// postgrest stands in for PostgREST v14.
type postgrest struct {
	env     env
	schemas []string
	anon    string
	maxRows string
	keys    keySet
	cfg     *pgx.ConnConfig
	badURI  string // what libpq says about a URI that does not parse
	db      *pgxpool.Pool
	log     *lines

	mu     sync.Mutex
	tables map[string][]string // schema.table → columns; nil until the schema cache is loaded
	ready  bool
}

func runPostgrest(ctx context.Context, p proc) int {
	if len(p.args) > 0 && p.args[0] == "--ready" {
		return postgrestReady(ctx, p)
	}
	s, err := newPostgrest(ctx, p.env, p.stderr)
	if err != nil {
		fmt.Fprintln(p.stderr, err)
		return 1
	}
	defer s.db.Close()
	s.say("Starting PostgREST %s...", postgrestVersion)
	addr := net.JoinHostPort(postgrestHost(p.env.or("PGRST_SERVER_HOST", "!4")), p.env.or("PGRST_SERVER_PORT", "3000"))
	fail := make(chan error, 2)
	if port := p.env["PGRST_ADMIN_SERVER_PORT"]; port != "" {
		admin := net.JoinHostPort(postgrestHost(p.env.or("PGRST_ADMIN_SERVER_HOST", p.env.or("PGRST_SERVER_HOST", "!4"))), port)
		s.say("Admin server listening on %s", admin)
		go func() { fail <- serve(ctx, admin, s.admin()) }()
	}
	s.say("API server listening on %s", addr)
	go func() { fail <- serve(ctx, addr, s) }()
	go s.keepConnected(ctx)
	if err := <-fail; err != nil {
		fmt.Fprintf(p.stderr, "postgrest: Network.Socket.bind: resource busy (Address already in use): %v\n", err)
		return 1
	}
	return 0
}

// postgrestHost maps PostgREST's special addresses ("!4" and "*" are any) to a listen address.
func postgrestHost(h string) string {
	if strings.HasPrefix(h, "!") || strings.HasPrefix(h, "*") {
		return "0.0.0.0"
	}
	return h
}

func newPostgrest(ctx context.Context, e env, log io.Writer) (*postgrest, error) {
	uri, badURI := e.or("PGRST_DB_URI", "postgresql://"), ""
	cfg, err := pgx.ParseConfig(uri)
	if err != nil {
		// PostgREST starts all the same: libpq refuses the text each time it is to connect.
		badURI = libpqURIText(uri)
		if cfg, err = pgx.ParseConfig("sslmode=disable"); err != nil {
			return nil, err
		}
	}
	cfg.Fallbacks, cfg.TLSConfig = nil, nil
	cfg.RuntimeParams["application_name"] = "PostgREST " + postgrestVersion
	s := &postgrest{
		env: e, cfg: cfg, badURI: badURI, anon: e["PGRST_DB_ANON_ROLE"], maxRows: e["PGRST_DB_MAX_ROWS"],
		keys: parseKeySet(e["PGRST_JWT_SECRET"]), log: &lines{w: log},
	}
	for part := range strings.SplitSeq(e.or("PGRST_DB_SCHEMAS", e.or("PGRST_DB_SCHEMA", "public")), ",") {
		s.schemas = append(s.schemas, strings.TrimSpace(part))
	}
	s.db, err = openPool(ctx, cfg, 10)
	return s, err
}

// say logs with PostgREST's timestamp.
func (s *postgrest) say(format string, args ...any) {
	s.log.print(time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000: ") + fmt.Sprintf(format, args...))
}

// keepConnected holds the connection that listens for reloads and retries for ever, at most 32 seconds apart.
func (s *postgrest) keepConnected(ctx context.Context) {
	delay := 1
	for ctx.Err() == nil {
		err := s.listen(ctx, func() { delay = 1 })
		s.setReady(false)
		if ctx.Err() != nil {
			return
		}
		s.say("%s", mustJSON(s.usageError(err)))
		s.say("Attempting to reconnect to the database in %d seconds...", delay)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(delay) * time.Second):
		}
		delay = min(delay*2, 32)
	}
}

// listen connects, loads the schema cache and waits for NOTIFY pgrst until the connection ends.
func (s *postgrest) listen(ctx context.Context, connected func()) error {
	if s.badURI != "" {
		return restErr(503, "PGRST000", "Database connection error. Retrying the connection.").detail(s.badURI)
	}
	conn, err := connect(ctx, s.cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var version string
	if err := conn.QueryRow(ctx, `select version()`).Scan(&version); err != nil {
		return err
	}
	s.say("Successfully connected to %s", version)
	channel := s.env.or("PGRST_DB_CHANNEL", "pgrst")
	if _, err := conn.Exec(ctx, "listen "+quoteIdent(channel)); err != nil {
		return err
	}
	s.say("Listening for database notifications on the %q channel", channel)
	for {
		if err := s.loadSchemaCache(ctx, conn); err != nil {
			return err
		}
		connected()
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		s.say("Received a schema cache reload message on the %q channel", n.Channel)
	}
}

func (s *postgrest) loadSchemaCache(ctx context.Context, conn *pgx.Conn) error {
	start := time.Now()
	var missing []string
	err := conn.QueryRow(ctx, `select coalesce(array_agg(s), '{}') from unnest($1::text[]) s where to_regnamespace(quote_ident(s)) is null`, s.schemas).Scan(&missing)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `select n.nspname || '.' || c.relname, array_agg(a.attname::text order by a.attnum)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where n.nspname = any($1) and c.relkind in ('r', 'v', 'm', 'f', 'p') group by 1`, s.schemas)
	if err != nil {
		return err
	}
	tables := map[string][]string{}
	var name string
	var columns []string
	if _, err := pgx.ForEachRow(rows, []any{&name, &columns}, func() error {
		tables[name] = columns
		columns = nil
		return nil
	}); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("schema %q: %w", missing[0], errNoSchema)
	}
	s.mu.Lock()
	s.tables, s.ready = tables, true
	s.mu.Unlock()
	s.say("Schema cache queried in %.1f milliseconds", float64(time.Since(start).Microseconds())/1000)
	s.say("Schema cache loaded %d Relations, 0 Relationships, 0 Functions, 0 Domain Representations, 0 Media Type Handlers, 0 Timezones", len(tables))
	return nil
}

// errNoSchema is a schema of PGRST_DB_SCHEMAS that the database does not have.
var errNoSchema = errors.New("schema does not exist")

func (s *postgrest) setReady(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ok
}

func (s *postgrest) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// cache returns the columns by table, nil before the first load.
func (s *postgrest) cache() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables
}

// admin is the admin server (src/PostgREST/Admin.hs).
func (s *postgrest) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if !s.isReady() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	return mux
}

// postgrestReady is the command "postgrest --ready": it asks the admin server of this container.
func postgrestReady(ctx context.Context, p proc) int {
	port := p.env["PGRST_ADMIN_SERVER_PORT"]
	if port == "" {
		fmt.Fprintln(p.stderr, "ERROR: Admin server is not running. Please check admin-server-port config.")
		return 1
	}
	host := cmp.Or(p.env["PGRST_ADMIN_SERVER_HOST"], p.env["PGRST_SERVER_HOST"], "localhost")
	if strings.HasPrefix(host, "!") || strings.HasPrefix(host, "*") {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/ready"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		fmt.Fprintln(p.stderr, "ERROR:", err)
		return 1
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Fprintf(p.stderr, "ERROR: connection refused to %s\n", url)
		return 1
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		fmt.Fprintf(p.stderr, "ERROR: Status code: %d\n", a.StatusCode)
		return 1
	}
	fmt.Fprintf(p.stdout, "OK: %s\n", url)
	return 0
}

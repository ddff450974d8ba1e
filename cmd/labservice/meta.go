package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// meta stands in for supabase/postgres-meta: the health route never touches the database, every other does.
type meta struct {
	cfg *pgx.ConnConfig
	log *lines
}

func runMeta(ctx context.Context, p proc) int {
	log := &lines{w: p.stdout}
	cfg, err := dbConfig(p.env.or("PG_META_DB_HOST", "localhost"), p.env.or("PG_META_DB_PORT", "5432"), p.env.or("PG_META_DB_USER", "postgres"),
		envOr(p.env, "PG_META_DB_PASSWORD", "postgres"), p.env.or("PG_META_DB_NAME", "postgres"), "postgres-meta 0.99.0")
	if err != nil {
		log.print(err.Error())
		return 1
	}
	m := &meta{cfg: cfg, log: log}
	addr := net.JoinHostPort(p.env.or("PG_META_HOST", "0.0.0.0"), p.env.or("PG_META_PORT", "8080"))
	m.line(30, "Server listening at http://"+addr, nil)
	if err := serve(ctx, addr, m.handler()); err != nil {
		m.line(50, fmt.Sprintf("listen EADDRINUSE: address already in use %s", addr), nil)
		return 1
	}
	return 0
}

func (m *meta) line(level int, msg string, more map[string]any) {
	l := map[string]any{"level": map[int]string{30: "info", 50: "error"}[level], "time": time.Now().UTC().Format(time.RFC3339Nano), "msg": msg}
	for k, v := range more {
		l[k] = v
	}
	m.log.object(l)
}

// metaQueries are the catalogue routes, each one JSON array.
var metaQueries = map[string]string{
	"GET /schemas": `select coalesce(json_agg(t), '[]')::text from (select n.oid::int8 as id, n.nspname as name, u.rolname as owner
		from pg_namespace n join pg_roles u on u.oid = n.nspowner where n.nspname !~ '^pg_(toast|temp)' and n.nspname not in ('pg_catalog', 'information_schema')) t`,
	"GET /tables": `select coalesce(json_agg(t), '[]')::text from (select c.oid::int8 as id, n.nspname as schema, c.relname as name,
		c.relrowsecurity as rls_enabled from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')) t`,
	"GET /extensions": `select coalesce(json_agg(t), '[]')::text from (select e.name, n.nspname as schema, e.default_version, x.extversion as installed_version, e.comment
		from pg_available_extensions e left join pg_extension x on x.extname = e.name left join pg_namespace n on n.oid = x.extnamespace) t`,
	"GET /roles": `select coalesce(json_agg(t), '[]')::text from (select oid::int8 as id, rolname as name, rolsuper as is_superuser, rolcanlogin as can_login from pg_roles) t`,
}

func (m *meta) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"date": time.Now().UTC().Format("2006-01-02T15:04:05.000Z")})
	})
	for pattern, sql := range metaQueries {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := m.query(r.Context(), sql)
			if err != nil {
				text := pgMessage(err)
				if t, ok := nodeNetText(err); ok {
					text = t
				}
				m.line(50, text, map[string]any{"error": map[string]string{"message": text, "code": pgCode(err)}, "request": map[string]string{"method": r.Method, "url": r.URL.Path}})
				writeJSON(w, 500, map[string]string{"error": text})
				return
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Write([]byte(body))
		})
	}
	return mux
}

// query opens a connection for one statement, as postgres-meta does.
func (m *meta) query(ctx context.Context, sql string) (body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := connect(ctx, m.cfg)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, sql).Scan(&body)
	return body, err
}

// nodeNetText is a network error in Node's words.
func nodeNetText(err error) (string, bool) {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return "getaddrinfo ENOTFOUND " + e.Name, true
		}
		return "getaddrinfo EAI_AGAIN " + e.Name, true
	}
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Addr == nil {
		return "", false
	}
	for errno, name := range map[syscall.Errno]string{syscall.ECONNREFUSED: "ECONNREFUSED", syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.ETIMEDOUT: "ETIMEDOUT"} {
		if errors.Is(err, errno) {
			return "connect " + name + " " + e.Addr.String(), true
		}
	}
	return "", false
}

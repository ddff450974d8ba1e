package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// logflareMigrations run once: what schema_migrations has noted is not made again.
const logflareMigrations = `
create table if not exists schema_migrations (version bigint primary key, inserted_at timestamp(0));
do $$ begin
  if not exists (select from schema_migrations where version = 20240820000000) then
    create table if not exists sources (id bigserial primary key, name varchar(255), token uuid, inserted_at timestamp(0) default now());
    create table if not exists source_backends (id bigserial primary key, source_id bigint, type varchar(255), config jsonb, inserted_at timestamp(0) default now());
    insert into schema_migrations (version, inserted_at) values (20240820000000, now());
  end if;
end $$;`

// runLogflare stands in for supabase/logflare (the analytics service): it keeps its tables in _supabase._analytics and
// takes events without storing them.
func runLogflare(ctx context.Context, p proc) int {
	log := &lines{w: p.stdout}
	cfg, err := dbConfig(p.env.or("DB_HOSTNAME", "127.0.0.1"), p.env.or("DB_PORT", "5432"), p.env.or("DB_USERNAME", "postgres"),
		p.env["DB_PASSWORD"], p.env.or("DB_DATABASE", "logflare"), "logflare")
	if err != nil {
		log.print("** (ArgumentError) " + err.Error())
		return 1
	}
	if raw, ok := p.env["POSTGRES_BACKEND_URL"]; ok {
		if u, err := url.Parse(raw); err != nil || u.User == nil || u.Hostname() == "" {
			log.print("** (ArgumentError) could not parse POSTGRES_BACKEND_URL")
			return 1
		}
	}
	cfg.RuntimeParams["search_path"] = p.env.or("DB_SCHEMA", "public")
	conn, err := connect(ctx, cfg)
	if err != nil {
		elixir(log, "error", "Postgrex.Protocol (#PID<0.162.0>) failed to connect: %s", postgrexText(cfg, err))
		return 1
	}
	begun := logflareBegin(ctx, conn, cfg, log)
	conn.Close(context.WithoutCancel(ctx))
	if begun != 0 {
		return begun
	}
	pool, err := openPool(ctx, cfg, 3)
	if err != nil {
		log.print(err.Error())
		return 1
	}
	defer pool.Close()
	port := p.env.or("PHX_HTTP_PORT", "4000")
	elixir(log, "info", "Running LogflareWeb.Endpoint with cowboy 2.12.0 at 0.0.0.0:%s (http)", port)
	if err := serve(ctx, "0.0.0.0:"+port, logflareHandler(p.env, pool)); err != nil {
		elixir(log, "error", "%v", err)
		return 1
	}
	return 0
}

// logflareBegin migrates and looks for the sources; it returns an exit code.
func logflareBegin(ctx context.Context, conn *pgx.Conn, cfg *pgx.ConnConfig, log *lines) int {
	if _, err := conn.PgConn().Exec(ctx, logflareMigrations).ReadAll(); err != nil {
		elixir(log, "error", "Could not create schema migrations table. %s", postgrexText(cfg, err))
		return 127
	}
	if _, err := conn.PgConn().Exec(ctx, `select id from sources limit 1`).ReadAll(); err != nil {
		elixir(log, "error", "%s", postgrexText(cfg, err))
		return 1
	}
	return 0
}

func logflareHandler(e env, pool *pgxpool.Pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 4*time.Second)
		defer cancel()
		status, code, repo := "ok", 200, "ok"
		if err := pool.Ping(ctx); err != nil {
			status, code, repo = "coming_up", 503, fmt.Sprint("down: ", pgMessage(err))
		}
		writeJSON(w, code, map[string]any{"status": status, "repo_uptime": repo, "memory_utilization": "ok", "caches": map[string]string{"sources": "ok"}, "nodes": []string{"logflare@127.0.0.1"}})
	})
	mux.HandleFunc("POST /api/logs", func(w http.ResponseWriter, r *http.Request) {
		want := e.or("LOGFLARE_PUBLIC_ACCESS_TOKEN", e["LOGFLARE_API_KEY"])
		got := r.Header.Get("X-Api-Key")
		if got == "" {
			got = r.URL.Query().Get("api_key")
		}
		if want != "" && got != want {
			writeJSON(w, 401, map[string]string{"error": "Unauthorized"})
			return
		}
		writeJSON(w, 200, map[string]string{"message": "Logged!"})
	})
	return mux
}

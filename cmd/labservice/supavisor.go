package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// supavisor stands in for supabase/supavisor 2.9: an API on PORT and two PostgreSQL listeners.
type supavisor struct {
	env env
	cfg *pgx.ConnConfig
	db  *pgxpool.Pool
	log *lines

	clients atomic.Int64
}

const poolerScript = "/etc/pooler/pooler.exs"

func runSupavisor(ctx context.Context, p proc) int {
	s := &supavisor{env: p.env, log: &lines{w: p.stdout}}
	if err := raiseFiles(p.env); err != nil {
		s.log.print("/app/limits.sh: line 6: " + err.Error())
		return 1
	}
	var err error
	if s.cfg, err = ectoConfig(p.env); err != nil {
		s.log.print(err.Error())
		return 1
	}
	if err := s.prepare(ctx); err != nil {
		elixir(s.log, "error", "Postgrex.Protocol (#PID<0.156.0>) failed to connect: %s", err)
		s.log.print(err.Error())
		return 1
	}
	if s.db, err = openPool(ctx, s.cfg, 5); err != nil {
		s.log.print(err.Error())
		return 1
	}
	defer s.db.Close()
	return s.run(ctx)
}

func (s *supavisor) run(ctx context.Context) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fail := make(chan error, 3)
	for mode, port := range map[string]string{"session": s.env.or("PROXY_PORT_SESSION", "5432"), "transaction": s.env.or("PROXY_PORT_TRANSACTION", "6543")} {
		elixir(s.log, "notice", "Proxy started %s on port %s", mode, port)
		go func() { fail <- s.listen(ctx, "0.0.0.0:"+port) }()
	}
	port := s.env.or("PORT", "4000")
	elixir(s.log, "info", "Running SupavisorWeb.Endpoint with cowboy 2.12.0 at :::%s (http)", port)
	go func() { fail <- serve(ctx, ":"+port, s.handler()) }()
	if err := <-fail; err != nil {
		elixir(s.log, "error", "%v", err)
		return 1
	}
	return 0
}

// ectoConfig reads DATABASE_URL (ecto://…) and checks the settings that config/runtime.exs demands.
func ectoConfig(e env) (*pgx.ConnConfig, error) {
	for _, key := range []string{"SECRET_KEY_BASE", "API_JWT_SECRET", "METRICS_JWT_SECRET", "VAULT_ENC_KEY"} {
		if _, ok := e[key]; !ok {
			return nil, fmt.Errorf("ERROR! Config provider Config.Reader failed with:\n** (System.EnvError) could not fetch environment variable %q because it is not set", key)
		}
	}
	raw := e.or("DATABASE_URL", "ecto://postgres:postgres@localhost:6432/postgres")
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("** (Ecto.InvalidURLError) invalid URL %s, host is not present. The parsed URL is: nil", raw)
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	password, _ := u.User.Password()
	return dbConfig(u.Hostname(), port, u.User.Username(), password, strings.TrimPrefix(u.Path, "/"), "supavisor_meta")
}

const supavisorMigrations = `
create table if not exists _supavisor.schema_migrations (version bigint primary key, inserted_at timestamp(0));
create table if not exists _supavisor.tenants (
  id uuid primary key, external_id varchar(255) not null unique, db_host varchar(255) not null, db_port integer not null,
  db_database varchar(255) not null, default_pool_size int not null default 15, default_max_clients int not null default 1000,
  require_user boolean not null default true, auth_query varchar(255), default_parameter_status jsonb,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null);
create table if not exists _supavisor.users (
  id uuid primary key, db_user varchar(255) not null, mode_type varchar(255), pool_size int, is_manager boolean default false,
  tenant_external_id varchar(255) references _supavisor.tenants (external_id) on delete cascade,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null);`

var errVaultKey = errors.New("** (ErlangError) Erlang error: {:badarg, {~c\"aead.c\", 90}, ~c\"Unknown cipher or invalid key size\"}:\n\n  * 1st argument: Unknown cipher or invalid key size\n\n    (crypto 5.4.2) crypto.erl:965: :crypto.crypto_one_time_aead(:aes_256_gcm, ...)\n    (cloak 1.1.4) lib/cloak/ciphers/aes_gcm.ex:47: Cloak.Ciphers.AES.GCM.encrypt/2")

// prepare migrates and then runs pooler.exs, which creates the tenant on first start.
func (s *supavisor) prepare(ctx context.Context) error {
	conn, err := connect(ctx, s.cfg)
	if err != nil {
		return errors.New(postgrexText(s.cfg, err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.PgConn().Exec(ctx, supavisorMigrations).ReadAll(); err != nil {
		return errors.New(postgrexText(s.cfg, err))
	}
	script, err := os.ReadFile(poolerScript)
	if err != nil && !os.IsNotExist(err) {
		s.log.print("cat: " + poolerScript + ": " + errnoText(err))
		return nil
	}
	if i := strings.IndexByte(string(script), '\r'); i >= 0 {
		before := string(script[:i])
		line := strings.Count(before, "\n") + 1
		col := i - strings.LastIndexByte(before, '\n')
		return fmt.Errorf("** (SyntaxError) nofile:%d:%d: unexpected token: carriage return (column %d, code point U+000D)", line, col, col)
	}
	if len(s.env["VAULT_ENC_KEY"]) != 32 {
		return errVaultKey
	}
	return s.seed(ctx, conn)
}

// seed inserts the tenant of the environment unless it is there; an existing row is left alone, as upstream does.
func (s *supavisor) seed(ctx context.Context, conn *pgx.Conn) error {
	id := s.env["POOLER_TENANT_ID"]
	if id == "" {
		return nil
	}
	_, err := conn.Exec(ctx, `with t as (insert into _supavisor.tenants (id, external_id, db_host, db_port, db_database, default_pool_size,
		default_max_clients, require_user, auth_query, default_parameter_status, inserted_at, updated_at)
		values ($1, $2, $3, $4::text::int, $5, coalesce(nullif($6, '')::int, 20), coalesce(nullif($7, '')::int, 100), false,
		'SELECT * FROM pgbouncer.get_auth($1)', '{"server_version": "15.0"}', now(), now())
		on conflict (external_id) do nothing returning external_id)
		insert into _supavisor.users (id, db_user, mode_type, is_manager, tenant_external_id, inserted_at, updated_at)
		select $8, 'pgbouncer', $9, true, external_id, now(), now() from t`,
		newUUID(), id, s.env.or("POSTGRES_HOST", "db"), s.env.or("POSTGRES_PORT", "5432"), s.env.or("POSTGRES_DB", "postgres"),
		s.env["POOLER_DEFAULT_POOL_SIZE"], s.env["POOLER_MAX_CLIENT_CONN"], newUUID(), s.env.or("POOLER_POOL_MODE", "transaction"))
	if err != nil {
		return errors.New(postgrexText(s.cfg, err))
	}
	return nil
}

func (s *supavisor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 4*time.Second)
		defer cancel()
		if err := s.db.Ping(ctx); err != nil {
			elixir(s.log, "error", "Health check failed: database_reachable")
			writeJSON(w, 503, map[string]any{"status": "unhealthy", "failed_checks": []string{"database_reachable"}})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// poolTenant is where a tenant's database is, and how many clients it takes.
type poolTenant struct {
	addr, database string
	most           int
}

// find reads a tenant from the metadata database.
func (s *supavisor) find(ctx context.Context, id string) (poolTenant, bool, error) {
	var t poolTenant
	err := s.db.QueryRow(ctx, `select db_host || ':' || db_port, db_database, default_max_clients from _supavisor.tenants where external_id = $1`, id).Scan(&t.addr, &t.database, &t.most)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, false, nil
	}
	return t, err == nil, err
}

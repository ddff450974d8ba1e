package main

import (
	"context"
	"crypto/aes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// realtime stands in for supabase/realtime v2.
type realtime struct {
	env env
	cfg *pgx.ConnConfig
	db  *pgxpool.Pool
	log *lines

	mu      sync.Mutex
	cache   map[string]cachedTenant
	clients map[string]int
}

// realtimeTenant is a row of _realtime.tenants.
type realtimeTenant struct {
	externalID string
	secret     string
	jwks       string
	users      int // who may be connected at once
}

type cachedTenant struct {
	tenant *realtimeTenant
	until  time.Time
}

// elixir logs as Elixir's console backend does.
func elixir(l *lines, level, format string, args ...any) {
	l.print(time.Now().UTC().Format("15:04:05.000") + " [" + level + "] " + fmt.Sprintf(format, args...))
}

func runRealtime(ctx context.Context, p proc) int {
	rt := &realtime{env: p.env, log: &lines{w: p.stdout}, cache: map[string]cachedTenant{}, clients: map[string]int{}}
	errs := &lines{w: p.stderr}
	if err := raiseFiles(p.env); err != nil {
		errs.print("/app/run.sh: line 8: " + err.Error())
		return 1
	}
	if err := checkRealtimeEnv(p.env); err != nil {
		errs.print("ERROR! Config provider Config.Reader failed with:\n" + err.Error())
		return 1
	}
	var err error
	rt.cfg, err = dbConfig(p.env.or("DB_HOST", "127.0.0.1"), p.env.or("DB_PORT", "5432"), p.env.or("DB_USER", "supabase_admin"),
		envOr(p.env, "DB_PASSWORD", "postgres"), p.env.or("DB_NAME", "postgres"), "supabase_mt_realtime")
	if err != nil {
		errs.print("** (ArgumentError) " + err.Error())
		return 1
	}
	rt.log.print("Running migrations")
	if err := rt.prepare(ctx); err != nil {
		elixir(rt.log, "error", `Postgrex.Protocol (#PID<0.150.0> ("db_conn_1")) failed to connect: %s`, err)
		errs.print(err.Error())
		return 1
	}
	if rt.db, err = openPool(ctx, rt.cfg, 5); err != nil {
		errs.print(err.Error())
		return 1
	}
	defer rt.db.Close()
	port := p.env.or("PORT", "4000")
	rt.log.print("Starting Realtime")
	elixir(rt.log, "info", "Elixir.Realtime.SynHandler is being initialized...")
	elixir(rt.log, "info", "Running RealtimeWeb.Endpoint with cowboy 2.13.0 at :::%s (http)", port)
	elixir(rt.log, "info", "Access RealtimeWeb.Endpoint at https://%s.supabase.co", p.env["APP_NAME"])
	if err := serve(ctx, ":"+port, rt.handler()); err != nil {
		elixir(rt.log, "error", "Failed to start Ranch listener RealtimeWeb.Endpoint.HTTP in :ranch_tcp:listen([port: %s]) for reason :eaddrinuse (address already in use)", port)
		return 1
	}
	return 0
}

func envOr(e env, key, def string) string {
	if v, ok := e[key]; ok {
		return v
	}
	return def
}

// checkRealtimeEnv makes the demands of config/runtime.exs, in its order.
func checkRealtimeEnv(e env) error {
	missing := func(key string) error {
		return fmt.Errorf("** (System.EnvError) could not fetch environment variable %q because it is not set", key)
	}
	if _, ok := e["METRICS_JWT_SECRET"]; !ok {
		return missing("METRICS_JWT_SECRET")
	}
	if k, ok := e["DB_ENC_KEY_GCM"]; ok && len(k) != 32 {
		return fmt.Errorf("** (RuntimeError) DB_ENC_KEY_GCM must be exactly 32 bytes for AES-256-GCM, got %d bytes", len(k))
	}
	if _, ok := e["SECRET_KEY_BASE"]; !ok {
		return missing("SECRET_KEY_BASE")
	}
	if e["APP_NAME"] == "" {
		return errors.New("** (RuntimeError) APP_NAME not available")
	}
	return nil
}

// realtimeMigrations is what of the _realtime schema this program needs; names are unqualified, because upstream
// reaches the schema through DB_AFTER_CONNECT_QUERY.
const realtimeMigrations = `
create table if not exists tenants (
  id uuid primary key, name varchar(255), external_id varchar(255), jwt_secret text, max_concurrent_users int not null default 200,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null, max_events_per_second int not null default 100,
  postgres_cdc_default varchar(255) default 'postgres_cdc_rls', max_bytes_per_second int not null default 100000,
  max_channels_per_client int not null default 100, max_joins_per_second int not null default 500, suspend boolean default false,
  jwt_jwks jsonb, notify_private_alpha boolean default false, private_only boolean not null default false);
create unique index if not exists tenants_external_id_index on tenants (external_id);
create table if not exists extensions (
  id uuid primary key, type varchar(255), settings jsonb,
  tenant_external_id varchar(255) references tenants (external_id) on delete cascade,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null);
create unique index if not exists extensions_tenant_external_id_type_index on extensions (tenant_external_id, type);
create schema if not exists realtime;
create table if not exists realtime.schema_migrations (version bigint primary key, inserted_at timestamp(0));
create table if not exists realtime.messages (
  topic text not null, extension text not null, payload jsonb, event text, private boolean default false,
  updated_at timestamp not null default now(), inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(), primary key (id, inserted_at)) partition by range (inserted_at);`

const createRealtimeVersions = `create table if not exists schema_migrations (version bigint primary key, inserted_at timestamp(0))`

// prepare does what run.sh does before the server starts: migrate and, with SEED_SELF_HOST, seed. The error is the text
// that Elixir prints.
func (rt *realtime) prepare(ctx context.Context) error {
	conn, err := connect(ctx, rt.cfg)
	if err != nil {
		return errors.New(postgrexText(rt.cfg, err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pc := conn.PgConn()
	if q := rt.env["DB_AFTER_CONNECT_QUERY"]; q != "" {
		if _, err := pc.Exec(ctx, q).ReadAll(); err != nil {
			return errors.New(postgrexText(rt.cfg, err))
		}
	}
	if _, err := pc.Exec(ctx, createRealtimeVersions).ReadAll(); err != nil {
		elixir(rt.log, "error", "Could not create schema migrations table. This error usually happens due to the following:\n\n  * The database does not exist\n  * The \"schema_migrations\" table, which Ecto uses for managing\n    migrations, was defined by another library\n  * There is a deadlock while migrating (such as using concurrent\n    indexes with a migration_lock)\n")
		return errors.New(postgrexText(rt.cfg, err))
	}
	if _, err := pc.Exec(ctx, realtimeMigrations).ReadAll(); err != nil {
		return errors.New(postgrexText(rt.cfg, err))
	}
	if rt.env["SEED_SELF_HOST"] != "true" {
		return nil
	}
	rt.log.print("Seeding selfhosted Realtime")
	return rt.seed(ctx, conn)
}

// tenantName is the tenant of a self-hosted instance.
func (rt *realtime) tenantName() string { return rt.env.or("SELF_HOST_TENANT_NAME", "realtime-dev") }

// seed deletes the tenant and inserts it anew from the environment (priv/repo/seeds.exs).
func (rt *realtime) seed(ctx context.Context, conn *pgx.Conn) error {
	secret, err := encryptECB(rt.env["DB_ENC_KEY"], rt.env.or("API_JWT_SECRET", "super-secret-jwt-token-with-at-least-32-characters-long"))
	if err != nil {
		return err
	}
	settings := map[string]any{"region": "us-east-1", "poll_interval_ms": 100, "poll_max_record_bytes": 1048576, "ssl_enforced": false}
	for key, v := range map[string]string{"db_host": rt.cfg.Host, "db_port": fmt.Sprint(rt.cfg.Port), "db_name": rt.cfg.Database, "db_user": rt.cfg.User, "db_password": rt.cfg.Password} {
		if settings[key], err = encryptECB(rt.env["DB_ENC_KEY"], v); err != nil {
			return err
		}
	}
	var jwks *string
	if j := rt.env["API_JWT_JWKS"]; strings.Contains(j, `"kty"`) {
		jwks = &j
	}
	name := rt.tenantName()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from tenants where external_id = $1`, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into tenants (id, name, external_id, jwt_secret, jwt_jwks, max_concurrent_users, inserted_at, updated_at)
			values ($1, $2, $2, $3, $4, $5::text::int, now(), now())`, newUUID(), name, secret, jwks, rt.env.or("TENANT_MAX_CONCURRENT_USERS", "200")); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into extensions (id, type, settings, tenant_external_id, inserted_at, updated_at)
			values ($1, 'postgres_cdc_rls', $2, $3, now(), now())`, newUUID(), settings, name)
		return err
	})
	if err != nil {
		return errors.New(postgrexText(rt.cfg, err))
	}
	return nil
}

// errKeySize is what Erlang's crypto raises for an AES key of the wrong length.
var errKeySize = errors.New("** (ErlangError) Erlang error: {:badarg, {~c\"api_ng.c\", 171}, ~c\"Bad key size\"}:\n\n  * 2nd argument: Unknown cipher or invalid key size\n\n    (crypto 5.5.3) crypto.erl:1671: :crypto.crypto_one_time(:aes_128_ecb, ...)\n    (realtime) lib/realtime/crypto.ex:15: Realtime.Crypto.encrypt!/1")

// encryptECB is Realtime.Crypto.encrypt!: AES-128-ECB with PKCS7 padding, base64.
func encryptECB(key, plain string) (string, error) {
	if len(key) != 16 {
		return "", errKeySize
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return "", err
	}
	pad := 16 - len(plain)%16
	b := append([]byte(plain), strings.Repeat(string(rune(pad)), pad)...)
	for i := 0; i < len(b); i += 16 {
		block.Encrypt(b[i:i+16], b[i:i+16])
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func decryptECB(key, text string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 16 || len(b) == 0 || len(b)%16 != 0 {
		return "", errKeySize
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return "", err
	}
	for i := 0; i < len(b); i += 16 {
		block.Decrypt(b[i:i+16], b[i:i+16])
	}
	pad := int(b[len(b)-1])
	if pad < 1 || pad > 16 {
		return "", errKeySize
	}
	return string(b[:len(b)-pad]), nil
}

// find reads a tenant through the cache, which keeps it for TENANT_CACHE_EXPIRATION_IN_MS (30 s).
func (rt *realtime) find(ctx context.Context, id string) (*realtimeTenant, bool, error) {
	rt.mu.Lock()
	c, ok := rt.cache[id]
	rt.mu.Unlock()
	if ok && time.Now().Before(c.until) {
		return c.tenant, true, nil
	}
	t := &realtimeTenant{externalID: id}
	var secret, jwks *string
	err := rt.db.QueryRow(ctx, `select jwt_secret, jwt_jwks::text, max_concurrent_users from _realtime.tenants where external_id = $1`, id).Scan(&secret, &jwks, &t.users)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if t.secret, err = decryptECB(rt.env["DB_ENC_KEY"], deref(secret)); err != nil {
		return nil, false, err
	}
	t.jwks = deref(jwks)
	rt.mu.Lock()
	rt.cache[id] = cachedTenant{t, time.Now().Add(30 * time.Second)}
	rt.mu.Unlock()
	return t, true, nil
}

// hostTenant is the tenant that a request is for: the first label of its Host.
func hostTenant(r *http.Request) string {
	host, _, _ := strings.Cut(r.Host, ":")
	id, _, _ := strings.Cut(host, ".")
	return id
}

// nodeName is the Erlang node, for the health answer.
func (rt *realtime) nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return rt.env["APP_NAME"] + "@" + host
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// storage stands in for supabase/storage-api v1.
type storage struct {
	env  env
	db   *pgxpool.Pool
	keys keySet
	log  *lines
}

// pino logs one line as storage's logger does.
func (s *storage) pino(level int, kind, msg string, more map[string]any) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	m := map[string]any{"level": level, "time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "pid": os.Getpid(), "hostname": host,
		"region": cmp.Or(s.env["REGION"], "not-specified"), "type": kind, "msg": msg}
	for k, v := range more {
		m[k] = v
	}
	s.log.object(m)
}

func runStorage(ctx context.Context, p proc) int {
	s := &storage{env: p.env, log: &lines{w: p.stdout}}
	secret := cmp.Or(p.env["AUTH_JWT_SECRET"], p.env["PGRST_JWT_SECRET"])
	s.keys = slices.Concat(parseKeySet(secret), parseKeySet(p.env["JWT_JWKS"]))
	if secret == "" {
		return s.startupError(errors.New("AUTH_JWT_SECRET is undefined"))
	}
	cfg, err := pgx.ParseConfig(p.env["DATABASE_URL"])
	if err != nil {
		return s.startupError(errors.New("Invalid URL"))
	}
	cfg.Fallbacks, cfg.TLSConfig = nil, nil
	cfg.RuntimeParams["application_name"] = "Supabase Storage API"
	s.pino(30, "migrations", "[Migrations] Running migrations", nil)
	if err := s.migrate(ctx, cfg); err != nil {
		return s.startupError(err)
	}
	if s.db, err = openPool(ctx, cfg, 10); err != nil {
		return s.startupError(err)
	}
	defer s.db.Close()
	s.pino(30, "server", "[Server] Started Successfully", nil)
	if err := serve(ctx, "0.0.0.0:"+p.env.or("SERVER_PORT", p.env.or("PORT", "5000")), s.handler()); err != nil {
		return s.startupError(err)
	}
	s.pino(30, "server", "[Server] Exited", nil)
	return 0
}

// startupError logs why the server did not start and returns the exit code (src/start/server.ts).
func (s *storage) startupError(err error) int {
	e := map[string]any{"name": "Error", "message": err.Error(), "stack": "Error: " + err.Error()}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		raw := mustJSON(map[string]any{"name": "error", "severity": pe.Severity, "code": pe.Code, "file": pe.File, "line": fmt.Sprint(pe.Line), "routine": pe.Routine})
		e = map[string]any{"raw": raw, "name": "error", "message": pe.Message,
			"stack": "error: " + pe.Message + "\n    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:285:98)"}
	} else if text, ok := nodeNetText(err); ok {
		e["message"], e["stack"] = text, "Error: "+text
	}
	s.pino(50, "startupError", "Server not started with error", map[string]any{"error": e})
	return 1
}

const storageMigrations = `
create table if not exists storage.migrations (
  id integer primary key, name varchar(100) unique not null, hash varchar(40) not null,
  executed_at timestamp default current_timestamp);
create table if not exists storage.buckets (
  id text not null primary key, name text not null, owner uuid, created_at timestamptz default now(),
  updated_at timestamptz default now(), public boolean default false, avif_autodetection boolean default false,
  file_size_limit bigint, allowed_mime_types text[], owner_id text);
create unique index if not exists bname on storage.buckets (name);
create table if not exists storage.objects (
  id uuid not null default gen_random_uuid() primary key, bucket_id text references storage.buckets (id), name text, owner uuid,
  created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now(),
  metadata jsonb, version text, owner_id text, user_metadata jsonb);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
insert into storage.migrations (id, name, hash) values (0, 'create-migrations-table', 'e18db593bcde2aca2a408c4d1100f6abba2195df')
on conflict do nothing;`

// migrate creates the tables that the API reads, as the role of DATABASE_URL.
func (s *storage) migrate(ctx context.Context, cfg *pgx.ConnConfig) error {
	dial, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := connect(dial, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err = conn.PgConn().Exec(ctx, storageMigrations).ReadAll(); err != nil {
		return err
	}
	// A migration that this image does not know is one of a newer image.
	var unknown string
	err = conn.QueryRow(ctx, `select name from storage.migrations where name <> 'create-migrations-table' order by id limit 1`).Scan(&unknown)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("Migration %s not found", unknown)
	}
	return err
}

func (s *storage) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("1.74.0")) })
	mux.HandleFunc("GET /bucket", s.authorized(s.listBuckets))
	mux.HandleFunc("GET /bucket/{id}", s.authorized(s.getBucket))
	mux.HandleFunc("POST /bucket", s.authorized(s.createBucket))
	mux.HandleFunc("/s3/{path...}", s.s3)
	return s.logged(mux)
}

func (s *storage) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, rec := time.Now(), &recorder{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		if r.URL.Path == "/status" {
			return
		}
		s.pino(30, "request", fmt.Sprintf("%s | %d | %s | %s | %s", r.Method, rec.status, clientIP(r), r.URL.Path, r.UserAgent()), map[string]any{
			"req": map[string]any{"method": r.Method, "url": r.URL.Path, "hostname": r.Host}, "res": map[string]any{"statusCode": rec.status},
			"responseTime": float64(time.Since(start).Microseconds()) / 1000,
		})
	})
}

// health is always 200; the body tells the truth.
func (s *storage) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	_, err := s.db.Exec(ctx, `select id from storage.buckets limit 1`)
	if err != nil {
		s.pino(50, "healthcheck", err.Error(), nil)
	}
	writeJSON(w, 200, map[string]bool{"healthy": err == nil})
}

// storageError is the body of every refusal (src/internal/errors).
func storageError(w http.ResponseWriter, status int, code, kind, message string) {
	writeJSON(w, status, struct {
		StatusCode string `json:"statusCode"`
		Error      string `json:"error"`
		Message    string `json:"message"`
	}{code, kind, message})
}

type storageEndpoint func(ctx context.Context, tx pgx.Tx, w http.ResponseWriter, r *http.Request) error

// authorized runs e in a transaction as the role of the token.
func (s *storage) authorized(e storageEndpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := bearer(r.Header.Get("Authorization"))
		if token == "" {
			storageError(w, 400, "400", "Error", "headers must have required property 'authorization'")
			return
		}
		claims, err := s.keys.verify(token)
		if err != nil {
			storageError(w, 400, "403", "Unauthorized", storageJWTText(err))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, claimText(claims, "role"), mustJSON(claims))
			if err != nil {
				return err
			}
			return e(ctx, tx, w, r)
		})
		if err != nil {
			s.answerError(w, err)
		}
	}
}

func storageJWTText(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return `"exp" claim timestamp check failed`
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "Invalid Compact JWS"
	}
	return "signature verification failed"
}

func (s *storage) answerError(w http.ResponseWriter, err error) {
	s.pino(50, "error", err.Error(), map[string]any{"error": map[string]string{"message": pgMessage(err), "code": pgCode(err)}})
	switch code := pgCode(err); {
	case code == "42501":
		storageError(w, 403, "403", "Unauthorized", pgMessage(err))
	case code == "23505":
		storageError(w, 409, "409", "Duplicate", "The resource already exists")
	case code == "42P01" || code == "42703":
		storageError(w, 503, "503", "DatabaseSchemaMismatch", "The database schema is out of sync")
	case code == "25006":
		storageError(w, 503, "503", "DatabaseReadOnly", "The database is currently in read-only mode")
	case errors.Is(err, pgx.ErrNoRows):
		storageError(w, 404, "404", "Bucket not found", "Bucket not found")
	case errors.Is(err, context.DeadlineExceeded):
		storageError(w, 544, "544", "DatabaseTimeout", "The connection to the database timed out")
	default:
		storageError(w, 500, "500", "Internal", "Internal Server Error")
	}
}

const bucketColumns = `select coalesce(json_agg(b), '[]')::text from (select id, name, owner_id as owner, public, file_size_limit,
	allowed_mime_types, created_at, updated_at from storage.buckets) b`

func (s *storage) listBuckets(ctx context.Context, tx pgx.Tx, w http.ResponseWriter, _ *http.Request) error {
	return sendRow(w, tx.QueryRow(ctx, bucketColumns))
}

func (s *storage) getBucket(ctx context.Context, tx pgx.Tx, w http.ResponseWriter, r *http.Request) error {
	return sendRow(w, tx.QueryRow(ctx, `select row_to_json(b)::text from (select id, name, owner_id as owner, public, file_size_limit,
		allowed_mime_types, created_at, updated_at from storage.buckets where id = $1) b`, r.PathValue("id")))
}

func (s *storage) createBucket(ctx context.Context, tx pgx.Tx, w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Public bool   `json:"public"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Name == "" {
		storageError(w, 400, "400", "Error", "body must have required property 'name'")
		return nil
	}
	return sendRow(w, tx.QueryRow(ctx, `insert into storage.buckets (id, name, public) values ($1, $2, $3)
		returning json_build_object('name', name)::text`, cmp.Or(in.ID, in.Name), in.Name, in.Public))
}

// sendRow answers with the JSON text of a one-column row.
func sendRow(w http.ResponseWriter, row pgx.Row) error {
	var body string
	if err := row.Scan(&body); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write([]byte(body))
	return nil
}

var s3Credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]*)/`)

// s3 is the protocol's way in; the key's ID is looked at before any signature.
func (s *storage) s3(w http.ResponseWriter, r *http.Request) {
	m := s3Credential.FindStringSubmatch(r.Header.Get("Authorization"))
	code, message := "AccessDenied", "Missing signature"
	if m != nil && m[1] != s.env["S3_PROTOCOL_ACCESS_KEY_ID"] {
		code, message = "InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records."
	} else if m != nil {
		code, message = "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
	}
	s.pino(50, "error", message, map[string]any{"error": map[string]string{"name": code, "message": message}})
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
)

// restRequest is a request whose role, claims and schema are settled.
type restRequest struct {
	*http.Request
	role   string
	authed bool
	claims jwt.MapClaims
	schema string
}

func (s *postgrest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	role := s.anon
	defer func() {
		if rec.status >= 500 {
			s.log.print(fmt.Sprintf(`%s - %s [%s] "%s %s %s" %d %d "" "%s"`, clientIP(r), role,
				time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000"), r.Method, r.RequestURI, r.Proto, rec.status, rec.size, r.UserAgent()))
		}
	}()
	rec.Header().Set("Server", "postgrest/"+postgrestVersion)
	q := &restRequest{Request: r, role: s.anon}
	if s.cache() == nil {
		s.answerError(rec, errNoSchemaCache)
		return
	}
	if err := s.authenticate(q); err != nil {
		s.answerError(rec, err)
		return
	}
	role = q.role
	if err := s.chooseSchema(q); err != nil {
		s.answerError(rec, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if err := s.dispatch(ctx, rec, q); err != nil {
		if pgCode(err) != "" && !notConnected(err) {
			err = s.serverError(err, q.authed)
		}
		s.answerError(rec, err)
	}
}

// authenticate verifies the bearer token; PostgREST allows 30 seconds of clock skew (src/PostgREST/Auth/Jwt.hs).
func (s *postgrest) authenticate(q *restRequest) error {
	header := q.Header.Get("Authorization")
	token := bearer(header)
	if token == "" {
		if header != "" && strings.EqualFold(strings.TrimSpace(header), "bearer") {
			return restErr(401, "PGRST301", "Empty JWT is sent in Authorization header")
		}
		if s.anon == "" {
			return restErr(401, "PGRST302", "Anonymous access is disabled")
		}
		q.claims = jwt.MapClaims{"role": s.anon}
		return nil
	}
	if len(s.keys) == 0 {
		return restErr(500, "PGRST300", "Server lacks JWT secret")
	}
	opts := []jwt.ParserOption{jwt.WithLeeway(30 * time.Second), jwt.WithIssuedAt()}
	if aud := s.env["PGRST_JWT_AUD"]; aud != "" {
		opts = append(opts, jwt.WithAudience(aud))
	}
	claims, err := s.keys.verify(token, opts...)
	if err != nil {
		return jwtError(token, err)
	}
	q.claims, q.authed = claims, true
	if r := claimText(claims, "role"); r != "" {
		q.role = r
	}
	if q.role == "" {
		return restErr(401, "PGRST302", "Anonymous access is disabled")
	}
	q.claims["role"] = q.role
	return nil
}

// chooseSchema takes the profile header, or the first exposed schema.
func (s *postgrest) chooseSchema(q *restRequest) error {
	profile := q.Header.Get("Content-Profile")
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		profile = q.Header.Get("Accept-Profile")
	}
	q.schema = s.schemas[0]
	if profile == "" {
		return nil
	}
	if !slices.Contains(s.schemas, profile) {
		return restErr(406, "PGRST106", "Invalid schema: "+profile).
			hinted("Only the following schemas are exposed: " + strings.Join(s.schemas, ", "))
	}
	q.schema = profile
	return nil
}

func (s *postgrest) dispatch(ctx context.Context, w http.ResponseWriter, q *restRequest) error {
	path := strings.Trim(q.URL.Path, "/")
	switch {
	case path == "":
		return s.root(w, q)
	case strings.HasPrefix(path, "rpc/"):
		return s.call(ctx, w, q, strings.TrimPrefix(path, "rpc/"))
	case strings.Contains(path, "/"):
		return restErr(404, "PGRST125", "Invalid path specified in request URL")
	}
	columns, ok := s.cache()[q.schema+"."+path]
	if !ok {
		return restErr(404, "PGRST205", fmt.Sprintf("Could not find the table '%s.%s' in the schema cache", q.schema, path))
	}
	t := table{schema: q.schema, name: path, columns: columns}
	run, ok := map[string]func(context.Context, http.ResponseWriter, *restRequest, table) error{
		http.MethodGet: s.read, http.MethodHead: s.read, http.MethodPost: s.insert,
		http.MethodPatch: s.update, http.MethodDelete: s.delete,
	}[q.Method]
	if q.Method == http.MethodOptions {
		w.Header().Set("Allow", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")
		return nil
	}
	if !ok {
		return restErr(405, "PGRST117", "Unsupported HTTP method: "+q.Method)
	}
	return run(ctx, w, q, t)
}

// root is the OpenAPI description, in outline.
func (s *postgrest) root(w http.ResponseWriter, q *restRequest) error {
	paths := map[string]any{"/": map[string]any{"get": map[string]any{"tags": []string{"Introspection"}, "summary": "OpenAPI description (this document)"}}}
	for name := range s.cache() {
		if schema, table, _ := strings.Cut(name, "."); schema == q.schema {
			paths["/"+table] = map[string]any{"get": map[string]any{"tags": []string{table}}, "post": map[string]any{"tags": []string{table}}}
		}
	}
	w.Header().Set("Content-Type", "application/openapi+json; charset=utf-8")
	writeJSON(w, 200, map[string]any{
		"swagger": "2.0", "paths": paths, "basePath": "/", "host": "0.0.0.0:3000", "schemes": []string{"http"},
		"info": map[string]any{"title": "standard public schema", "description": "", "version": postgrestVersion},
	})
	return nil
}

// within runs fn in a transaction as the request's role, with the settings that policies read.
func (s *postgrest) within(ctx context.Context, q *restRequest, fn func(tx pgx.Tx) error) error {
	claims, err := json.Marshal(q.claims)
	if err != nil {
		return err
	}
	mode := pgx.TxOptions{}
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		mode.AccessMode = pgx.ReadOnly
	}
	path := []string{quoteIdent(q.schema)}
	for part := range strings.SplitSeq(s.env.or("PGRST_DB_EXTRA_SEARCH_PATH", "public"), ",") {
		path = append(path, quoteIdent(strings.TrimSpace(part)))
	}
	return pgx.BeginTxFunc(ctx, s.db, mode, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `select set_config('search_path', $1, true), set_config('role', $2, true),
			set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true), set_config('request.path', $5, true)`,
			strings.Join(path, ", "), q.role, string(claims), q.Method, q.URL.Path)
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

// call runs a function with the named arguments of the body or of the query.
func (s *postgrest) call(ctx context.Context, w http.ResponseWriter, q *restRequest, name string) error {
	args := map[string]any{}
	if q.Method == http.MethodPost {
		if err := json.NewDecoder(q.Body).Decode(&args); err != nil && q.ContentLength > 0 {
			return restErr(400, "PGRST102", "Empty or invalid json")
		}
	} else {
		for k := range q.URL.Query() {
			args[k] = q.URL.Query().Get(k)
		}
	}
	var names []string
	for k := range args {
		names = append(names, k)
	}
	slices.Sort(names)
	var out *string
	err := s.within(ctx, q, func(tx pgx.Tx) error {
		var list []string
		var values []any
		for i, k := range names {
			list = append(list, fmt.Sprintf("%s => $%d", quoteIdent(k), i+1))
			values = append(values, argument(args[k]))
		}
		return tx.QueryRow(ctx, fmt.Sprintf(`select to_json(%s(%s))::text`, quoteIdent(q.schema, name), strings.Join(list, ", ")), values...).Scan(&out)
	})
	if pgCode(err) == "42883" || errors.Is(err, pgx.ErrNoRows) {
		return restErr(404, "PGRST202", fmt.Sprintf("Could not find the function %s.%s%s in the schema cache", q.schema, name, parameters(names)))
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if out == nil {
		out = new("null")
	}
	w.Write([]byte(*out))
	return nil
}

func parameters(names []string) string {
	if len(names) == 0 {
		return " without parameters"
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// argument passes text as it is and everything else as JSON, which PostgreSQL converts.
func argument(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return v
	default:
		return mustJSON(v)
	}
}

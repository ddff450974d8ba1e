package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const gotrueVersion = "v2.196.0"

// gotrue stands in for supabase/auth v2.196.0.
type gotrue struct {
	conf *gotrueConfig
	db   *pgxpool.Pool
	log  *lines
	// identityID is the column of auth.identities that holds the provider's id for the user: "id" in the base schema,
	// "provider_id" after upstream's migration 20231117164230.
	identityID string
}

func (g *gotrue) line(level, msg string, fields map[string]any) {
	m := map[string]any{"level": level, "msg": msg, "time": time.Now().UTC().Format(time.RFC3339)}
	for k, v := range fields {
		m[k] = v
	}
	g.log.object(m)
}

// fatal logs as logrus.Fatal does and returns the exit code.
func (g *gotrue) fatal(format string, args ...any) int {
	g.line("fatal", fmt.Sprintf(format, args...), nil)
	return 1
}

func runGotrue(ctx context.Context, p proc) int {
	g := &gotrue{log: &lines{w: p.stderr}}
	var err error
	if g.conf, err = loadGotrueConfig(p.env); err != nil {
		return g.fatal("Failed to load configuration: %v", err)
	}
	cfg, err := gotrueDBConfig(g.conf.dbURL)
	if err != nil {
		return g.fatal("opening db connection: %v", err)
	}
	if err := g.migrate(ctx, cfg); err != nil {
		return g.fatal("running db migrations: %v", err)
	}
	if g.db, err = openPool(ctx, cfg, int32(g.conf.poolSize)); err != nil {
		return g.fatal("error opening database: %v", err)
	}
	defer g.db.Close()
	g.line("info", "GoTrue API started on: "+g.conf.addr, map[string]any{"component": "api"})
	if err := serve(ctx, g.conf.addr, g.handler()); err != nil {
		return g.fatal("http server listen failed: %v", err)
	}
	g.line("info", "graceful shutdown complete", nil)
	return 0
}

// gotrueDBConfig parses the database URL. The host is what stands between the first "@" and the next one, so a raw "@"
// in the password leads to a wrong host; "/" and "#" end the authority early and are refused with the whole URL in the
// text.
func gotrueDBConfig(raw string) (*pgx.ConnConfig, error) {
	if _, err := url.Parse(raw); err != nil {
		return nil, fmt.Errorf("cannot parse `%s`: failed to parse as URL (%w)", raw, err)
	}
	c, err := pgx.ParseConfig(raw)
	if err != nil {
		return nil, err
	}
	c.Host, _, _ = strings.Cut(c.Host, "@")
	c.Fallbacks = nil
	c.TLSConfig = nil
	c.RuntimeParams["application_name"] = "gotrue"
	return c, nil
}

// apiError is GoTrue's HTTPError (internal/api/apierrors).
type apiError struct {
	Code    int    `json:"code"`
	ErrCode string `json:"error_code"`
	Msg     string `json:"msg"`
	ErrorID string `json:"error_id,omitempty"`
	cause   error
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Msg) }
func (e *apiError) Unwrap() error { return e.cause }

func refuse(code int, errCode, msg string) *apiError {
	return &apiError{Code: code, ErrCode: errCode, Msg: msg}
}

func internal(msg string, cause error) *apiError {
	return &apiError{Code: 500, ErrCode: "unexpected_failure", Msg: msg, cause: cause}
}

var errTimedOut = refuse(504, "request_timeout", "Processing this request timed out, please retry after a moment.")

type endpoint func(w http.ResponseWriter, r *http.Request) error

// handler is GoTrue's route table (internal/api/api.go).
func (g *gotrue) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range map[string]endpoint{
		"GET /health":                           g.getHealth,
		"GET /settings":                         g.getSettings,
		"GET /.well-known/jwks.json":            g.getJWKS,
		"POST /signup":                          g.signup,
		"POST /token":                           g.token,
		"POST /recover":                         g.recover,
		"GET /verify":                           g.verify,
		"GET /authorize":                        g.authorize,
		"POST /logout":                          g.authenticated(g.logout),
		"GET /user":                             g.authenticated(g.getUser),
		"GET /admin/users":                      g.admin(g.listUsers),
		"POST /admin/users":                     g.admin(g.createUser),
		"GET /admin/users/{id}":                 g.admin(g.showUser),
		"DELETE /admin/users/{id}":              g.admin(g.deleteUser),
		"GET /.well-known/openid-configuration": g.openID,
	} {
		mux.Handle(pattern, g.wrap(e))
	}
	return mux
}

// wrap limits the time of a request, turns an error into GoTrue's body and logs both, as the originals
// HandleResponseError and request-logger.go do.
func (g *gotrue) wrap(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, id := time.Now(), newUUID()
		ctx, cancel := context.WithTimeout(r.Context(), g.conf.maxRequest)
		defer cancel()
		rec := &recorder{ResponseWriter: w}
		fields := map[string]any{
			"component": "api", "method": r.Method, "path": r.URL.Path, "request_id": id,
			"remote_addr": clientIP(r), "referer": g.conf.siteURL,
		}
		if err := e(rec, r.WithContext(ctx)); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				err = errTimedOut
			}
			g.answerError(rec, err, id, fields)
		}
		fields["status"], fields["duration"] = rec.status, time.Since(start).Nanoseconds()
		if r.URL.Path != "/health" {
			g.line("info", "request completed", fields)
		}
	})
}

func (g *gotrue) answerError(w http.ResponseWriter, err error, id string, fields map[string]any) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = internal("Unexpected failure, please check server logs for more information", err)
	}
	answer, level := *e, "info"
	if e.Code == 500 {
		answer.ErrorID, level = id, "error"
	}
	fields["error"], fields["error_code"] = e.Error(), e.ErrCode
	if e.cause != nil {
		fields["error"] = e.cause.Error()
	}
	g.line(level, e.Error(), fields)
	w.Header().Set("X-Sb-Error-Code", e.ErrCode)
	writeJSON(w, e.Code, answer)
}

type claimsKey struct{}

// claims verifies the bearer token of r; the texts are those of internal/api/auth.go.
func (g *gotrue) claims(r *http.Request) (jwt.MapClaims, error) {
	token := bearer(r.Header.Get("Authorization"))
	if token == "" {
		return nil, refuse(401, "no_authorization", "This endpoint requires a valid Bearer token")
	}
	c, err := g.conf.verifiers().verify(token)
	if err != nil {
		return nil, refuse(403, "bad_jwt", "invalid JWT: unable to parse or verify signature, "+err.Error())
	}
	return c, nil
}

func (g *gotrue) authenticated(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := g.claims(r)
		if err != nil {
			return err
		}
		if claimText(c, "sub") == "" {
			return refuse(403, "bad_jwt", "invalid claim: missing sub claim")
		}
		return e(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, c)))
	}
}

func (g *gotrue) admin(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := g.claims(r)
		if err != nil {
			return err
		}
		if !slices.Contains(g.conf.adminRoles, claimText(c, "role")) {
			return refuse(403, "not_admin", "User not allowed")
		}
		return e(w, r)
	}
}

// newAccessToken signs the claims of a session for u, with the EC key where one is set and the secret otherwise.
func (g *gotrue) newAccessToken(u *authUser, session string, now time.Time) (string, error) {
	claims := jwt.MapClaims{
		"iss": g.conf.jwtIssuer, "sub": u.ID, "aud": g.conf.jwtAud, "role": u.Role, "email": deref(u.Email), "phone": "",
		"iat": now.Unix(), "exp": now.Add(time.Duration(g.conf.jwtExp) * time.Second).Unix(), "session_id": session,
		"app_metadata": u.AppMeta, "user_metadata": u.UserMeta, "aal": "aal1", "is_anonymous": false,
		"amr": []map[string]any{{"method": "password", "timestamp": now.Unix()}},
	}
	if k, ok := g.conf.signingKey(); ok {
		t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
		t.Header["kid"] = k.Kid
		return t.SignedString(k.signer())
	}
	return signHS256(g.conf.jwtSecret, claims)
}

func newRefreshToken() string { return strings.ToLower(rand.Text())[:12] }

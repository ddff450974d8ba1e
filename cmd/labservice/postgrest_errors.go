package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// restError is PostgREST's error body (src/PostgREST/Error.hs); null fields are written.
type restError struct {
	Code    string  `json:"code"`
	Details *string `json:"details"`
	Hint    *string `json:"hint"`
	Message string  `json:"message"`
	status  int
	header  map[string]string
}

func (e *restError) Error() string { return e.Code + ": " + e.Message }

func restErr(status int, code, message string) *restError {
	return &restError{status: status, Code: code, Message: message}
}

func (e *restError) detail(s string) *restError { e.Details = &s; return e }
func (e *restError) hinted(s string) *restError { e.Hint = &s; return e }

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var errNoSchemaCache = restErr(503, "PGRST002", "Could not query the database for the schema cache. Retrying.")

// usageError words a failure to get an answer from the database.
func (s *postgrest) usageError(err error) *restError {
	if e, ok := errors.AsType[*restError](err); ok {
		return e
	}
	if errors.Is(err, errNoSchema) {
		return restErr(503, "3F000", err.Error())
	}
	_, dialing := errors.AsType[*net.OpError](err)
	switch {
	case notConnected(err):
		return restErr(503, "PGRST000", "Database connection error. Retrying the connection.").detail(libpqText(s.cfg, err))
	case errors.Is(err, context.DeadlineExceeded):
		return restErr(504, "PGRST003", "Timed out acquiring connection from connection pool.")
	case pgCode(err) != "":
		return s.serverError(err, false)
	case dialing || pgconn.SafeToRetry(err):
		return restErr(503, "PGRST001", "Database client error. Retrying the connection.").detail("no connection to the server\n")
	}
	return restErr(503, "PGRST001", "Database client error. Retrying the connection.").detail(
		"server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n")
}

// sqlStatus maps SQLSTATEs and their classes to HTTP, the longest match first (pgErrorStatus in Error.hs).
var sqlStatus = map[string]int{
	"08": 503, "09": 500, "0L": 403, "0P": 403, "23503": 409, "23505": 409, "25006": 405, "21000": 500, "25": 500, "28": 403,
	"2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "53400": 500, "53": 503, "54": 500, "55": 500, "57P01": 503,
	"57": 500, "58": 500, "F0": 500, "HV": 500, "P0001": 400, "P0": 500, "XX": 500, "42883": 404, "42P01": 404, "42P17": 500,
}

// serverError is an error that the database itself reported.
func (s *postgrest) serverError(err error, authenticated bool) *restError {
	pe, _ := errors.AsType[*pgconn.PgError](err)
	e := restErr(400, pe.Code, pe.Message)
	if pe.Detail != "" {
		e.detail(pe.Detail)
	}
	if pe.Hint != "" {
		e.hinted(pe.Hint)
	}
	if n, ok := sqlStatus[pe.Code]; ok {
		e.status = n
	} else if n, ok := sqlStatus[pe.Code[:2]]; ok {
		e.status = n
	}
	switch {
	case pe.Code == "42501" && authenticated:
		e.status = 403
	case pe.Code == "42501":
		e.status = 401
		e.header = map[string]string{"WWW-Authenticate": "Bearer"}
	case pe.Code == "22023" && strings.HasPrefix(pe.Message, "role") && strings.HasSuffix(pe.Message, "does not exist"):
		e.status = 401
	}
	return e
}

// jwtError words a token that does not verify (PGRST301) or whose claims do not hold (PGRST303).
func jwtError(token string, err error) *restError {
	e := restErr(401, "PGRST301", "No suitable key or wrong key type").detail("None of the keys was able to decode the JWT")
	parts := strings.Count(token, ".") + 1
	switch {
	case parts != 3:
		e = restErr(401, "PGRST301", fmt.Sprintf("Expected 3 parts in JWT; got %d", parts))
	case errors.Is(err, jwt.ErrTokenMalformed):
		e = restErr(401, "PGRST301", "JWT couldn't be decoded")
	case errors.Is(err, jwt.ErrTokenExpired):
		e = restErr(401, "PGRST303", "JWT expired")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		e = restErr(401, "PGRST303", "JWT not yet valid")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		e = restErr(401, "PGRST303", "JWT issued at future")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		e = restErr(401, "PGRST303", "JWT not in audience")
	}
	e.header = map[string]string{"WWW-Authenticate": fmt.Sprintf("Bearer error=\"invalid_token\", error_description=%q", e.Message)}
	return e
}

func (s *postgrest) answerError(w http.ResponseWriter, err error) {
	e := s.usageError(err)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Proxy-Status", "PostgREST; error="+e.Code)
	for k, v := range e.header {
		w.Header().Set(k, v)
	}
	if e.status == 503 {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, e.status, e)
}

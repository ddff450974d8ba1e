package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// Problem is an error as RFC 9457 has it. Error repeats Detail for programs
// that look for it there.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Error     string `json:"error"`
	Success   bool   `json:"success"` // false
	RequestID string `json:"request_id,omitempty"`
	ChangeID  string `json:"change_id,omitempty" doc:"the change that is under way"`
	Last      string `json:"last_diagnostic_url,omitempty"`
	Factor    bool   `json:"second_factor_required,omitempty" doc:"the password was right; send a code, too"`
	Proof     bool   `json:"proof_required,omitempty" doc:"the login is too old for this; show that it is you with POST /api/me/proof, then send it again"`
	Retry     int    `json:"retry_after,omitempty" doc:"seconds"`

	Conflicts []UpgradeConflict `json:"conflicts,omitempty" doc:"what a person must decide before an upgrade"`
}

// statusError is an error that HTTP has a number for and package core has not.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

var statuses = map[core.ErrorCode]int{
	core.Invalid: http.StatusBadRequest, core.NotFound: http.StatusNotFound, core.Conflict: http.StatusConflict,
	core.Forbidden: http.StatusForbidden, core.Unreachable: http.StatusServiceUnavailable,
}

// problemOf turns an error into what the client is told. What is not meant for
// people stays in the log.
func problemOf(err error) Problem {
	p := Problem{Type: "about:blank", Status: http.StatusInternalServerError, Detail: "something went wrong; the log has it under this request's id"}
	if s, ok := errors.AsType[*statusError](err); ok {
		p.Status, p.Detail = s.status, s.text
	} else if f, ok := errors.AsType[factorMissing](err); ok {
		p.Status, p.Detail, p.Factor = f.status, f.Error(), true
	} else if l, ok := errors.AsType[*queue.Limited](err); ok {
		p.Status, p.Detail = http.StatusTooManyRequests, l.Error()
		p.Retry, p.Last = int(l.Wait.Seconds())+1, "/api/instances/"+l.Instance+"/last-diagnostic"
	} else if code := core.CodeOf(err); code != core.Internal {
		p.Status, p.Detail = statuses[code], err.Error()
	} else if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		p.Status, p.Detail = http.StatusServiceUnavailable, "this took too long and was given up"
	}
	_, p.Proof = errors.AsType[unproven](err)
	if u, ok := errors.AsType[*Undecided](err); ok {
		p.Conflicts = u.Conflicts
	}
	if p.Status == http.StatusServiceUnavailable && p.Retry == 0 {
		p.Retry = 5
	}
	p.Title, p.Error = http.StatusText(p.Status), p.Detail
	return p
}

// write sends the problem.
func (p Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.Retry))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="basewright"`)
	}
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte(`{"title":"Internal Server Error","status":500}`)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

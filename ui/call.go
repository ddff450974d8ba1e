package ui

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
)

// call is one request of somebody who may make it.
type call struct {
	*Agent
	*gin.Context
	ctx      context.Context // of the request; Gin's own is used again for the next one
	route    *route
	who      identity
	instance core.Instance // of routes on one
	gone     bool          // that one is not kept, nor was it deleted here
	given    any           // the body, when a form of the panel was read into one
}

// A call is the context of what it asks of other rooms. They may look at it a
// moment after the answer was sent, when Gin has reused its own context.

func (c *call) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (c *call) Done() <-chan struct{}       { return c.ctx.Done() }
func (c *call) Err() error                  { return c.ctx.Err() }
func (c *call) Value(key any) any           { return c.ctx.Value(key) }

// Reply is what every answer begins with.
type Reply struct {
	Success bool   `json:"success"`
	Message string `json:"message,omitempty"`
}

func ok(message string) Reply { return Reply{true, message} }

// maxBody bounds what a request may carry.
const maxBody = 1 << 20

// body reads the JSON of a request into v, strictly: an unknown field is a
// mistake, and so is anything after the first value.
func (c *call) body(v any) error {
	if c.given != nil {
		reflect.ValueOf(v).Elem().Set(reflect.ValueOf(c.given))
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); kind != "application/json" || c.GetHeader("Content-Encoding") != "" {
		return &statusError{http.StatusUnsupportedMediaType, "the body must be application/json, without a content encoding"}
	}
	d := json.NewDecoder(c.Request.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return core.Errorf(core.Invalid, "the body holds more than one JSON value")
	}
	return nil
}

// badBody says what is wrong with a body without repeating what was in it.
func badBody(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &statusError{http.StatusRequestEntityTooLarge, "the body is larger than " + strconv.Itoa(maxBody>>10) + " KiB"}
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field == "" {
		return core.Errorf(core.Invalid, "the body must be a JSON object, not a JSON %s", e.Value)
	} else if ok {
		return core.Errorf(core.Invalid, "the field %q of the body must be %s", e.Field, e.Type)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return core.Errorf(core.Invalid, "the body is not valid JSON at byte %d", e.Offset)
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return core.Errorf(core.Invalid, "the body has an unknown field %s", clip(name, 80))
	}
	return core.Errorf(core.Invalid, "the body is not valid JSON")
}

// number reads a whole number from the query, or returns what it usually is.
func (c *call) number(name string, usual, most int) (int, error) {
	s := c.Query(name)
	if s == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, core.Errorf(core.Invalid, "%s=%q must be a number from 1 to %d", name, clip(s, 20), most)
	}
	return n, nil
}

// span reads a duration from the query, which may also be in days.
func (c *call) span(name string) (time.Duration, error) {
	s := c.Query(name)
	if s == "" {
		return 0, nil
	}
	const most = 366
	if days, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") && days > 0 && days <= most {
		return time.Duration(days) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > most*24*time.Hour {
		return 0, core.Errorf(core.Invalid, "%s=%q is not a duration such as 15m, 1h or 2d", name, clip(s, 20))
	}
	return d, nil
}

// entry is what the audit log says of this call.
func (c *call) entry(action, outcome, detail string) core.AuditEntry {
	return core.AuditEntry{At: c.Now(), Actor: c.who.actor(), Action: action, Instance: c.instance.ID, Outcome: outcome, Detail: detail}
}

// recorded does something that is no change, with what it is meant to do in the
// audit log before, and how it came out after. What cannot be written down
// before is not done. do returns what there is to know of a good outcome.
func (c *call) recorded(action, meant string, do func() (detail string, err error)) error {
	if err := c.Store.Append(c, c.entry(action, "intent", meant)); err != nil {
		return err
	}
	detail, err := do()
	e := c.entry(action, "ok", detail)
	if err != nil {
		e.Outcome, e.Detail = "failed", clip(core.Printable(err.Error()), 300)
	}
	// Also when who asked is gone: it was done.
	if lost := c.Store.Append(context.WithoutCancel(c.ctx), e); lost != nil {
		c.Log.Error("how something came out could not be written down", "action", action, "outcome", e.Outcome, "error", lost)
	}
	return err
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

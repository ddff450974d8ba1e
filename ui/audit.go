package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

type auditOut struct {
	Reply
	Entries []core.AuditEntry `json:"entries"`
}

type auditVerifyOut struct {
	Reply
	Entries int64  `json:"entries"`
	Hash    string `json:"hash" doc:"of the last entry"`
	NotRead int64  `json:"not_read,omitempty" doc:"entries that another agent keeps in archives, and of which only its note was looked at"`
}

func (c *call) listAudit() (any, error) {
	q, err := c.auditQuery()
	if err != nil {
		return nil, err
	}
	entries, err := c.Store.FindAudit(c, q)
	return auditOut{ok(""), entries}, err
}

// auditOutcomes are how what is written down may have ended.
var auditOutcomes = []string{"intent", "ok", "denied", "failed"}

func (c *call) auditQuery() (store.AuditQuery, error) {
	q := store.AuditQuery{Text: clip(c.Query("q"), 100), Instance: clip(c.Query("instance"), 60), Outcome: c.Query("outcome")}
	if q.Outcome != "" && !slices.Contains(auditOutcomes, q.Outcome) {
		return q, core.Errorf(core.Invalid, "outcome=%q is not one of: intent, ok, denied, failed", clip(q.Outcome, 20))
	}
	before, err := c.number("before", 0, 1<<53)
	if err != nil {
		return q, err
	}
	q.Before = int64(before)
	q.Limit, err = c.number("limit", 100, 1000)
	return q, err
}

func (c *call) verifyAudit() (any, error) {
	head, err := c.Store.Verify(c)
	if err != nil && core.CodeOf(err) == core.Conflict {
		return auditVerifyOut{Reply{false, err.Error()}, head.Seq, head.Hash, 0}, nil
	}
	if err != nil {
		return nil, err
	}
	said := "no entry was changed, removed, inserted or cut off"
	elsewhere, err := c.Store.Elsewhere(c)
	if n := len(elsewhere); n > 0 {
		said += fmt.Sprintf("; entries 1 to %d were not all read here, since another agent keeps archives of them", elsewhere[n-1].Last)
	}
	out := auditVerifyOut{ok(said), head.Seq, head.Hash, 0}
	for _, a := range elsewhere {
		out.NotRead += a.Last - a.First + 1
	}
	return out, err
}

// exportAudit writes every entry as a line of JSON. Who takes them too slowly is
// cut off, and can go on after the last number.
func (c *call) exportAudit() (any, error) {
	after, err := strconv.ParseInt(c.DefaultQuery("after", "0"), 10, 64)
	if err != nil || after < 0 {
		return nil, core.Errorf(core.Invalid, "after=%q is not the number of an entry", clip(c.Query("after"), 20))
	}
	c.Header("Content-Type", "application/x-ndjson")
	c.Header("Content-Disposition", `attachment; filename="audit.jsonl"`)
	out, lines := http.NewResponseController(c.Writer), json.NewEncoder(c.Writer)
	return nil, c.Store.ExportAudit(c.Request.Context(), after, func(e core.AuditEntry) error {
		if err := out.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return lines.Encode(e)
	})
}

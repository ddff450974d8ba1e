package ui

import (
	"slices"

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
		return auditVerifyOut{Reply{false, err.Error()}, head.Seq, head.Hash}, nil
	}
	return auditVerifyOut{ok("no entry was changed, removed, inserted or cut off"), head.Seq, head.Hash}, err
}

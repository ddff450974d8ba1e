package ui

import "github.com/basewright/basewright/core"

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
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	entries, err := c.Store.Audit(c, limit)
	return auditOut{ok(""), entries}, err
}

func (c *call) verifyAudit() (any, error) {
	head, err := c.Store.Verify(c)
	if err != nil && core.CodeOf(err) == core.Conflict {
		return auditVerifyOut{Reply{false, err.Error()}, head.Seq, head.Hash}, nil
	}
	return auditVerifyOut{ok("no entry was changed, removed, inserted or cut off"), head.Seq, head.Hash}, err
}

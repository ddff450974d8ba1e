package store

import (
	"context"
	"fmt"

	"github.com/basewright/basewright/core"
)

// AuditQuery says which entries of the audit log are wanted; zero fields narrow
// nothing.
type AuditQuery struct {
	Text     string // somewhere in the entry
	Instance string
	Outcome  string
	Before   int64 // only entries older than this one
	Limit    int
}

// FindAudit returns the entries that a query means, newest first.
func (s *Store) FindAudit(ctx context.Context, q AuditQuery) ([]core.AuditEntry, error) {
	db := s.read.WithContext(ctx).Order("seq desc")
	if q.Text != "" {
		db = db.Where(fmt.Sprintf(s.with.contains, "lower(actor || ' ' || action || ' ' || instance || ' ' || detail)", "lower(?)"), q.Text)
	}
	if q.Instance != "" {
		db = db.Where("instance = ?", q.Instance)
	}
	if q.Outcome != "" {
		db = db.Where("outcome = ?", q.Outcome)
	}
	if q.Before > 0 {
		db = db.Where("seq < ?", q.Before)
	}
	if q.Limit > 0 {
		db = db.Limit(q.Limit)
	}
	var rows []auditRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("search the audit log: %w", s.explain(err))
	}
	entries := make([]core.AuditEntry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry()
	}
	return entries, nil
}

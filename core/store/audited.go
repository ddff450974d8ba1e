package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// audited does something to the database together with its audit entry, all or
// nothing: what cannot be written down is not done.
func (s *Store) audited(ctx context.Context, e core.AuditEntry, do func(tx *gorm.DB) error) error {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	var h *Head
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		if err := do(tx); err != nil {
			return err
		}
		var err error
		h, err = s.append(tx, []core.AuditEntry{e})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", e.Action, s.explain(err))
	}
	s.keepHead(h)
	return nil
}

// mustHit turns a statement that met no row into core.NotFound.
func mustHit(r *gorm.DB, what, id string) error {
	if r.Error == nil && r.RowsAffected == 0 {
		return core.Errorf(core.NotFound, "there is no %s %s", what, id)
	}
	return r.Error
}

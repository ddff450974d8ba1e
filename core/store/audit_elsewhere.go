package store

import (
	"context"
	"fmt"
	"os"

	"github.com/basewright/basewright/core"
)

// elsewhere reports whether an archive is kept by another agent, which shares or
// shared the database, and no copy of it is here.
func (s *Store) elsewhere(r archiveRow) bool {
	if _, err := os.Lstat(s.beside(r.File)); err == nil || r.Keeper == "" {
		return false
	}
	mine, err := os.ReadFile(s.beside("agent"))
	return err == nil && string(mine) != r.Keeper
}

// Elsewhere returns the archives that Verify takes by their note in the database,
// since another agent keeps them, oldest first.
func (s *Store) Elsewhere(ctx context.Context) ([]Archive, error) {
	rows, err := s.archives(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for archives of the audit log: %w", s.explain(err))
	}
	var list []Archive
	for _, r := range rows {
		if s.elsewhere(r) {
			list = append(list, Archive{r.File, r.First, r.Seq})
		}
	}
	return list, nil
}

// believe goes on after an archive that cannot be read here. Its note must join
// the one before. The newest archive's must also be in the log, which holds it as
// long as no other follows: rows that were taken away behind a note that somebody
// made up are noticed.
func (s *Store) believe(ctx context.Context, r archiveRow, end Head) (Head, error) {
	if r.First != end.Seq+1 {
		return end, core.Errorf(core.Conflict, "audit entry %d is missing", end.Seq+1)
	}
	var noted int64
	err := s.read.WithContext(ctx).Raw(`select count(*) from audit_archives r where r.seq = ? and
		(exists (select 1 from audit_archives n where n.seq > r.seq) or exists (select 1 from audit a where a.seq > r.seq and a.action = 'audit.archive' and a.detail = ?))`, r.Seq, r.note()).Scan(&noted).Error
	if err != nil {
		return end, fmt.Errorf("verify the audit log: %w", s.explain(err))
	}
	if noted == 0 {
		return end, core.Errorf(core.Conflict, "audit entries %d to %d are missing: the log does not say that they were archived", r.First, r.Seq)
	}
	return Head{r.Seq, r.Hash}, nil
}

// stillThere refuses to leave out entries that were archived while they were read.
func (s *Store) stillThere(ctx context.Context, after int64) error {
	end, err := archived(s.read.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("read the audit log: %w", s.explain(err))
	}
	if end.Seq > after {
		return core.Errorf(core.Conflict, "the audit log was archived up to entry %d while it was read; go on after entry %d", end.Seq, after)
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"os"

	"gorm.io/gorm"

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
// the one before, and be in the log.
func (s *Store) believe(ctx context.Context, r archiveRow, end Head) (Head, error) {
	if r.First != end.Seq+1 {
		return end, core.Errorf(core.Conflict, "audit entry %d is missing", end.Seq+1)
	}
	told, err := noted(s.read.WithContext(ctx), r)
	if err != nil {
		return end, fmt.Errorf("verify the audit log: %w", s.explain(err))
	}
	if !told {
		return end, core.Errorf(core.Conflict, "audit entries %d to %d are missing: the log does not say that they were archived", r.First, r.Seq)
	}
	return Head{r.Seq, r.Hash}, nil
}

// noted reports whether the log says that an archive was made. It says so of the
// newest one as long as no other follows, and never right behind it, since the newest
// entry is not archived: rows that were taken away behind a note that somebody made up
// are noticed. Who also makes up the entries between is not, which is why Elsewhere
// tells what nobody read.
func noted(db *gorm.DB, r archiveRow) (bool, error) {
	var n int64
	err := db.Raw(`select count(*) from audit_archives r where r.seq = ? and
		(exists (select 1 from audit_archives n where n.seq > r.seq) or exists (select 1 from audit a where a.seq > r.seq + 1 and a.action = 'audit.archive' and a.detail = ?))`, r.Seq, r.note()).Scan(&n).Error
	return n > 0, err
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

package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// archiveRow is a part of the audit log that was moved into a file. The first
// entry that is still in the database follows the last one of the last archive.
type archiveRow struct {
	Seq    int64  `gorm:"primaryKey;autoIncrement:false"` // of its last entry
	Hash   string // of its last entry
	First  int64
	File   string // in the data folder
	SHA256 string `gorm:"column:sha256"`
	At     time.Time
	Keeper string // the agent in whose data folder the file is; "" with SQLite, which has one
}

func (archiveRow) TableName() string { return "audit_archives" }

// Archive is a part of the audit log in a file, an entry on each line.
type Archive struct {
	Path        string
	First, Last int64
}

// archives returns every archive, oldest first. A backup from before there were
// any has none.
func (s *Store) archives(ctx context.Context) ([]archiveRow, error) {
	return archivesIn(s.read.WithContext(ctx))
}

func archivesIn(db *gorm.DB) ([]archiveRow, error) {
	var rows []archiveRow
	err := db.Order("seq").Find(&rows).Error
	if err != nil && strings.Contains(err.Error(), "no such table") {
		return nil, nil
	}
	return rows, err
}

// archived returns the end of what is archived.
func archived(db *gorm.DB) (Head, error) {
	rows, err := archivesIn(db)
	if err != nil || len(rows) == 0 {
		return Head{}, err
	}
	last := rows[len(rows)-1]
	return Head{last.Seq, last.Hash}, nil
}

// archiveChain follows the chain through every archive and returns its end. An entry
// that is known from elsewhere must be the same.
func (s *Store) archiveChain(ctx context.Context, known *Head) (end Head, err error) {
	rows, err := s.archives(ctx)
	if err != nil {
		return end, fmt.Errorf("verify the audit log: %w", s.explain(err))
	}
	for _, r := range rows {
		if s.elsewhere(r) {
			end, err = s.believe(ctx, r, end)
		} else {
			end, err = s.readArchive(r, end, func(e core.AuditEntry) error { return known.agrees(Head{e.Seq, e.Hash}) })
		}
		if err == nil {
			err = known.agrees(end)
		}
		if err != nil {
			return end, err
		}
	}
	return end, nil
}

// ArchiveAudit moves entries older than before into a file of the data folder.
// The chain goes on from there; the newest entry always stays. With nothing that
// old it is core.NotFound.
func (s *Store) ArchiveAudit(ctx context.Context, before time.Time, e core.AuditEntry) (Archive, error) {
	if _, err := s.Verify(ctx); err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", err)
	}
	end, err := archived(s.read.WithContext(ctx))
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", s.explain(err))
	}
	last, err := s.lastBefore(ctx, before)
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", s.explain(err))
	}
	if last <= end.Seq {
		return Archive{}, core.Errorf(core.NotFound, "the audit log has nothing from before %s that is not archived", before.UTC().Format(time.DateOnly))
	}
	row, err := s.writeArchive(ctx, end, last)
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", err)
	}
	row.At, row.Keeper = stamp(e.At), s.agent
	e.Detail = row.note()
	done := Archive{s.beside(row.File), row.First, row.Seq}
	if err := s.audited(ctx, e, func(tx *gorm.DB) error { return forget(tx, row) }); err != nil {
		return done, err
	}
	if err := s.with.compacted(s, ctx); err != nil {
		return done, fmt.Errorf("the audit log is archived, but the database keeps its size: %w", s.explain(err))
	}
	return done, nil
}

// note is what the log itself says of an archive.
func (r archiveRow) note() string {
	return fmt.Sprintf("entries %d to %d are in %s, sha256 %s", r.First, r.Seq, r.File, r.SHA256)
}

// forget takes the entries out of the database that an archive has, unless
// somebody archived while it was written.
func forget(tx *gorm.DB, row archiveRow) error {
	var end int64
	if err := tx.Model(&archiveRow{}).Select("coalesce(max(seq), 0)").Scan(&end).Error; err != nil {
		return err
	}
	if end != row.First-1 {
		return core.Errorf(core.Conflict, "the audit log was archived up to entry %d meanwhile, so this archive of entries %d to %d does not count", end, row.First, row.Seq)
	}
	if err := tx.Create(&row).Error; err != nil {
		return err
	}
	return tx.Where("seq <= ?", row.Seq).Delete(&auditRow{}).Error
}

// lastBefore returns the last entry that only older ones precede, never the
// newest.
func (s *Store) lastBefore(ctx context.Context, before time.Time) (int64, error) {
	var bounds struct{ Young, Newest *int64 }
	err := s.read.WithContext(ctx).Raw("select min(seq) filter (where at >= ?) as young, max(seq) as newest from audit", stamp(before)).Scan(&bounds).Error
	if err != nil || bounds.Newest == nil {
		return 0, err
	}
	if bounds.Young == nil {
		return *bounds.Newest - 1, nil
	}
	return *bounds.Young - 1, nil
}

// writeArchive writes the entries after end up to last into a file, whole or not
// at all, and reads it back.
func (s *Store) writeArchive(ctx context.Context, end Head, last int64) (archiveRow, error) {
	row := archiveRow{Seq: last, First: end.Seq + 1, File: fmt.Sprintf("audit-%012d-%012d.jsonl", end.Seq+1, last)}
	temp := s.beside(row.File + "." + core.NewID())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return row, err
	}
	defer os.Remove(temp)
	sum, out := sha256.New(), bufio.NewWriter(f)
	lines := json.NewEncoder(io.MultiWriter(out, sum))
	err = s.entries(ctx, end.Seq, func(e core.AuditEntry) error {
		if e.Seq > last {
			return errEnough
		}
		row.Hash = e.Hash
		return lines.Encode(e)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err := errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return row, err
	}
	row.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := os.Rename(temp, s.beside(row.File)); err != nil {
		return row, err
	}
	if err := durable.SyncDir(filepath.Dir(s.path)); err != nil {
		return row, err
	}
	_, err = s.readArchive(row, end, nil)
	return row, err
}

var errEnough = errors.New("enough")

// entries gives what the database holds of the audit log after an entry, oldest
// first. It reads in portions, so that a slow taker holds nobody up.
func (s *Store) entries(ctx context.Context, after int64, emit func(core.AuditEntry) error) error {
	const portion = 1000
	for {
		var rows []auditRow
		if err := s.read.WithContext(ctx).Where("seq > ?", after).Order("seq").Limit(portion).Find(&rows).Error; err != nil {
			return s.explain(err)
		}
		for _, r := range rows {
			if r.Seq != after+1 {
				if err := s.stillThere(ctx, after); err != nil {
					return err
				}
			}
			if err := emit(r.entry()); err != nil {
				return err
			}
			after = r.Seq
		}
		if len(rows) < portion {
			return nil
		}
	}
}

// ExportAudit gives every entry after one, oldest first, those in archives too.
func (s *Store) ExportAudit(ctx context.Context, after int64, emit func(core.AuditEntry) error) error {
	rows, err := s.archives(ctx)
	if err != nil {
		return fmt.Errorf("export the audit log: %w", s.explain(err))
	}
	var end Head
	for _, r := range rows {
		if r.Seq > after {
			if s.elsewhere(r) {
				return &core.Error{Code: core.Conflict, Message: fmt.Sprintf("audit entries %d to %d are in %s, which another agent keeps", r.First, r.Seq, r.File),
					Hint: fmt.Sprintf("copy that file into this data folder, or leave them out: after entry %d", r.Seq)}
			}
			if _, err := s.readArchive(r, end, func(e core.AuditEntry) error {
				if e.Seq <= after {
					return nil
				}
				return emit(e)
			}); err != nil {
				return err
			}
		}
		end = Head{r.Seq, r.Hash}
	}
	return s.entries(ctx, max(after, end.Seq), emit)
}

// readArchive follows the chain through an archive, which must be as it was
// written and begin after end.
func (s *Store) readArchive(r archiveRow, end Head, emit func(core.AuditEntry) error) (Head, error) {
	f, err := os.Open(s.beside(r.File))
	if err != nil {
		return end, core.Errorf(core.Conflict, "audit entries %d to %d are missing: their archive %s cannot be read", r.First, r.Seq, s.beside(r.File))
	}
	defer f.Close()
	sum := sha256.New()
	got, err := follow(io.TeeReader(f, sum), &end, emit)
	switch {
	case err != nil:
		return got, err
	case got != Head{r.Seq, r.Hash} || hex.EncodeToString(sum.Sum(nil)) != r.SHA256:
		return got, core.Errorf(core.Conflict, "the archive %s of the audit log is not what was written", s.beside(r.File))
	}
	return got, nil
}

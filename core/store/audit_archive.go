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
	File   string // beside the database
	SHA256 string `gorm:"column:sha256"`
	At     time.Time
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
	var rows []archiveRow
	err := s.read.WithContext(ctx).Order("seq").Find(&rows).Error
	if err != nil && strings.Contains(err.Error(), "no such table") {
		return nil, nil
	}
	return rows, err
}

// archived returns the end of what is archived.
func (s *Store) archived(ctx context.Context) (Head, error) {
	rows, err := s.archives(ctx)
	if err != nil || len(rows) == 0 {
		return Head{}, err
	}
	last := rows[len(rows)-1]
	return Head{last.Seq, last.Hash}, nil
}

// archiveChain follows the chain through every archive and returns its end.
func (s *Store) archiveChain(ctx context.Context) (end Head, err error) {
	rows, err := s.archives(ctx)
	if err != nil {
		return end, fmt.Errorf("verify the audit log: %w", explain(s.name, err))
	}
	for _, r := range rows {
		if end, err = s.readArchive(r, end, nil); err != nil {
			return end, err
		}
	}
	return end, nil
}

// ArchiveAudit moves entries older than before into a file beside the database.
// The chain goes on from there; the newest entry always stays. With nothing that
// old it is core.NotFound.
func (s *Store) ArchiveAudit(ctx context.Context, before time.Time, e core.AuditEntry) (Archive, error) {
	if s.with == &onPostgres {
		return Archive{}, core.Errorf(core.Invalid, "the audit log in PostgreSQL is not archived into files, which its other agents could not read")
	}
	if _, err := s.Verify(ctx); err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", err)
	}
	end, err := s.archived(ctx)
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", explain(s.name, err))
	}
	last, err := s.lastBefore(ctx, before)
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", explain(s.name, err))
	}
	if last <= end.Seq {
		return Archive{}, core.Errorf(core.NotFound, "the audit log has nothing from before %s that is not archived", before.UTC().Format(time.DateOnly))
	}
	row, err := s.writeArchive(ctx, end, last)
	if err != nil {
		return Archive{}, fmt.Errorf("archive the audit log: %w", err)
	}
	row.At = stamp(e.At)
	e.Detail = fmt.Sprintf("entries %d to %d are in %s, sha256 %s", row.First, row.Seq, row.File, row.SHA256)
	err = s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return tx.Where("seq <= ?", row.Seq).Delete(&auditRow{}).Error
	})
	return Archive{s.beside(row.File), row.First, row.Seq}, err
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
			return explain(s.name, err)
		}
		for _, r := range rows {
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
		return fmt.Errorf("export the audit log: %w", explain(s.name, err))
	}
	var end Head
	for _, r := range rows {
		if r.Seq > after {
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

// CheckExport follows the chain through an exported audit log and returns its
// first number and its end.
func CheckExport(r io.Reader) (first int64, end Head, err error) {
	end, err = follow(r, nil, func(e core.AuditEntry) error {
		if first == 0 {
			first = e.Seq
		}
		return nil
	})
	return first, end, err
}

// follow reads entries, one on each line, and wants each to follow the one
// before. Without a begin, the first line is believed.
func follow(r io.Reader, begin *Head, emit func(core.AuditEntry) error) (Head, error) {
	var end Head
	if begin != nil {
		end = *begin
	}
	for d := json.NewDecoder(bufio.NewReader(r)); ; {
		var e core.AuditEntry
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, core.Errorf(core.Conflict, "what follows audit entry %d cannot be read", end.Seq)
		}
		if begin == nil {
			end, begin = Head{e.Seq - 1, e.Prev}, &Head{}
		}
		if end, err = next(end, e); err != nil {
			return end, err
		}
		if emit != nil {
			if err := emit(e); err != nil {
				return end, err
			}
		}
	}
}

// next returns the end of the log with one more entry, which must follow it.
func next(end Head, e core.AuditEntry) (Head, error) {
	what := ""
	switch {
	case e.Seq != end.Seq+1:
		return end, core.Errorf(core.Conflict, "audit entry %d is missing", end.Seq+1)
	case e.Hash != hashOf(e):
		what = "was changed"
	case e.Prev != end.Hash:
		what = "does not follow the entry before it"
	default:
		return Head{e.Seq, e.Hash}, nil
	}
	return end, core.Errorf(core.Conflict, "audit entry %d %s", e.Seq, what)
}

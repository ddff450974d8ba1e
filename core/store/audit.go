package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type auditRow struct {
	Seq      int64 `gorm:"primaryKey;autoIncrement:false"`
	At       time.Time
	Actor    string
	Action   string
	Instance string
	Outcome  string
	Detail   string
	Prev     string
	Hash     string
}

func (auditRow) TableName() string { return "audit" }

func (r auditRow) entry() core.AuditEntry {
	r.At = r.At.UTC()
	return core.AuditEntry(r)
}

// Head is the end of the audit log. It is also kept in a file beside the
// database, so that a log which was cut at its end does not pass for whole.
type Head struct {
	Seq  int64  `json:"seq"` // of the last entry, which is also their number
	Hash string `json:"hash"`
}

// hashOf returns the hash of an entry over everything else in it, the hash of
// the entry before included.
func hashOf(e core.AuditEntry) string {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings, a number and a time between years 0 and 9999
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Append adds an entry to the audit log, on the disk when it returns.
func (s *Store) Append(ctx context.Context, e core.AuditEntry) error {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	var h *Head
	err := s.lasting(ctx, func(tx *gorm.DB) (err error) {
		h, err = s.append(tx, []core.AuditEntry{e})
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s to the audit log: %w", e.Action, s.explain(err))
	}
	s.keepHead(h)
	return nil
}

// append adds entries in the transaction tx and returns the new head. It
// refuses when the log is shorter than the head file says: going on would wipe
// out the trace of the cut.
func (s *Store) append(tx *gorm.DB, entries []core.AuditEntry) (*Head, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	last, err := lastHead(tx)
	if err != nil {
		return nil, err
	}
	kept, err := s.readHead()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		entries = append([]core.AuditEntry{{At: entries[0].At, Actor: "system", Action: "audit.head_missing", Outcome: "ok",
			Detail: "the file with the end of the audit log was missing and is written anew"}}, entries...)
	case err != nil:
		return nil, err
	default:
		if err := s.matchHead(tx, kept, last); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		for _, text := range []*string{&e.Actor, &e.Action, &e.Instance, &e.Outcome, &e.Detail} {
			*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", "\uFFFD") // no JSON, which the hash is over, and no column holds more
		}
		e.Seq, e.Prev, e.At = last.Seq+1, last.Hash, stamp(e.At)
		e.Hash = hashOf(e)
		if _, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, s.with.insertEntry,
			e.Seq, e.At, e.Actor, e.Action, e.Instance, e.Outcome, e.Detail, e.Prev, e.Hash); err != nil {
			return nil, err
		}
		last = Head{e.Seq, e.Hash}
	}
	return &last, nil
}

// lastHead returns the end of what the database holds of the log. Like the insert
// it goes past GORM, since an append should cost little beside the disk.
func lastHead(tx *gorm.DB) (h Head, err error) {
	err = tx.Statement.ConnPool.QueryRowContext(tx.Statement.Context, "select seq, hash from audit order by seq desc limit 1").Scan(&h.Seq, &h.Hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{}, nil
	}
	return h, err
}

// matchHead checks that the log still holds the entry that the head file names.
// The log may be ahead: the file is written after the entry.
func (s *Store) matchHead(tx *gorm.DB, h, last Head) error {
	hash := last.Hash
	if h.Seq < last.Seq && h.Seq > 0 {
		found, err := s.hashAt(tx, h)
		if err != nil {
			return err
		}
		hash = found
	}
	if h.Seq > last.Seq || h.Seq > 0 && h.Hash != hash {
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("the audit log was cut or replaced: it ended with entry %d before, and now has %d entries", h.Seq, last.Seq),
			Hint:    "find out why; then move " + s.headPath() + " away to go on, which is itself recorded",
		}
	}
	return nil
}

// hashAt returns the hash that the log has where h is. An entry that another agent
// archived since, while this one was not there to see, is taken for h, when the log
// says that it was archived.
func (s *Store) hashAt(tx *gorm.DB, h Head) (hash string, err error) {
	if err := tx.Raw("select hash from audit where seq = ?", h.Seq).Scan(&hash).Error; err != nil || hash != "" {
		return hash, err
	}
	var in []archiveRow
	if err := tx.Limit(1).Find(&in, "? between first and seq", h.Seq).Error; err != nil || len(in) == 0 {
		return "", err
	}
	if s.elsewhere(in[0]) {
		if told, err := noted(tx, in[0]); err != nil || !told {
			return "", err
		}
	}
	if h.Seq == in[0].Seq {
		return in[0].Hash, nil
	}
	return h.Hash, nil
}

// Audit returns the last entries, newest first.
func (s *Store) Audit(ctx context.Context, limit int) ([]core.AuditEntry, error) {
	var rows []auditRow
	q := s.read.WithContext(ctx).Order("seq desc")
	if limit > 0 {
		q = q.Limit(limit)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the audit log: %w", s.explain(err))
	}
	entries := make([]core.AuditEntry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry()
	}
	return entries, nil
}

// Verify reads the whole audit log, its archives first, and returns its end. The error names the
// first entry that was changed, is missing, or was added by someone else.
func (s *Store) Verify(ctx context.Context) (Head, error) {
	kept, headErr := s.readHead()
	known := &kept
	if headErr != nil {
		known = nil
	}
	end, err := s.archiveChain(ctx, known)
	if err == nil {
		end, err = s.chain(ctx, known)
	}
	switch {
	case err != nil:
		return end, err
	case errors.Is(headErr, fs.ErrNotExist):
		return end, core.Errorf(core.Conflict, "the file %s is missing, so nobody can tell whether the audit log was cut after entry %d", s.headPath(), end.Seq)
	case headErr != nil:
		return end, headErr
	case kept.Seq > end.Seq:
		return end, core.Errorf(core.Conflict, "audit entry %d is missing: the log was cut; it had %d entries", end.Seq+1, kept.Seq)
	}
	return end, nil
}

// chain follows what the database holds of the audit log, from the end of what
// is archived, and returns its end. An entry that is known from elsewhere must
// be the same.
func (s *Store) chain(ctx context.Context, known *Head) (end Head, err error) {
	// Of one moment, since entries may be archived between the two questions.
	moment := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	// SQLite's driver starts a goroutine for each row of what can be cancelled, which
	// costs more than the row; so whether to go on is asked in between.
	failed := s.read.WithContext(context.WithoutCancel(ctx)).Transaction(func(db *gorm.DB) error {
		if end, err = archived(db); err != nil {
			return err
		}
		rows, err := db.Raw(s.with.entries).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		end, err = s.followRows(ctx, rows, end, known)
		return err
	}, moment)
	if failed == nil || core.CodeOf(failed) == core.Conflict {
		return end, failed
	}
	return end, fmt.Errorf("verify the audit log: %w", s.explain(failed))
}

// followRows follows the chain through rows from end.
func (s *Store) followRows(ctx context.Context, rows *sql.Rows, end Head, known *Head) (Head, error) {
	for n := 0; rows.Next(); n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return end, ctx.Err()
		}
		e, err := s.with.scan(ctx, s, rows)
		if err != nil {
			return end, err
		}
		if end, err = next(end, e); err != nil {
			return end, err
		}
		if err := known.agrees(end); err != nil {
			return end, err
		}
	}
	return end, rows.Err()
}

// agrees refuses an entry that is not the one which h, if there is any, knows.
func (h *Head) agrees(entry Head) error {
	if h != nil && entry.Seq == h.Seq && entry.Hash != h.Hash {
		return core.Errorf(core.Conflict, "audit entry %d is not the one that was recorded beside the database", entry.Seq)
	}
	return nil
}

// startHead writes the head of an empty log, and catches up with entries whose
// head was lost when the agent died.
func (s *Store) startHead(ctx context.Context) error {
	last, err := lastHead(s.write.WithContext(ctx))
	if err != nil {
		return err
	}
	h, err := s.readHead()
	switch {
	case errors.Is(err, fs.ErrNotExist) && last.Seq == 0:
		return s.writeHead(Head{})
	case err != nil:
		return nil //nolint:nilerr // Verify and Append say it
	case h.Seq < last.Seq && s.matchHead(s.write.WithContext(ctx), h, last) == nil:
		s.keepHead(&last)
	}
	return nil
}

// keepHead writes the head after its entry is safe. When it cannot, the file
// stays behind the log, which the next entry or start mends.
func (s *Store) keepHead(h *Head) {
	if h != nil {
		_ = s.writeHead(*h)
	}
}

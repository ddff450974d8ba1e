package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// Session is a login. Its ID is the SHA-256 of what the browser or the JWT
// holds, so that the database tells nobody how to get in.
type Session struct {
	ID      string
	UserID  string
	Kind    string // "bearer" or "cookie"
	Created time.Time
	Expires time.Time
	Proved  time.Time // when who holds it last showed that it is they; of a new one, zero is the login itself
}

type sessionRow struct {
	ID      string `gorm:"primaryKey"`
	UserID  string
	Kind    string
	Created time.Time
	Expires time.Time
	Proved  time.Time
}

func (sessionRow) TableName() string { return "sessions" }

// AddSession stores a login, and forgets those that are over.
func (s *Store) AddSession(ctx context.Context, n Session, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		row := sessionRow{n.ID, n.UserID, n.Kind, stamp(n.Created), stamp(n.Expires), stamp(cmp.Or(n.Proved, n.Created))}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return tx.Delete(&sessionRow{}, "expires < ?", stamp(n.Created)).Error
	})
}

// Session returns a login; one that is over or was ended is core.NotFound.
func (s *Store) Session(ctx context.Context, id string, now time.Time) (Session, error) {
	var r sessionRow
	// created bounds it too: after the clock was set back a session is not
	// longer than it was meant to be.
	err := s.read.WithContext(ctx).Take(&r, "id = ? and expires > ? and created <= ?", id, stamp(now), stamp(now.Add(time.Minute))).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Session{}, core.Errorf(core.NotFound, "the login is over")
	}
	if err != nil {
		return Session{}, fmt.Errorf("read a session: %w", s.explain(err))
	}
	r.Created, r.Expires, r.Proved = r.Created.UTC(), r.Expires.UTC(), r.Proved.UTC()
	return Session(r), nil
}

// ProveSession notes that who holds a login showed again that it is they. It is not
// longer for that, and one that is over or was ended stays so and is core.NotFound.
func (s *Store) ProveSession(ctx context.Context, id string, now time.Time, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Model(&sessionRow{}).Where("id = ? and expires > ?", id, stamp(now)).Update("proved", stamp(now)), "login", "to prove")
	})
}

// EndSession ends a login. One that is over already is no error.
func (s *Store) EndSession(ctx context.Context, id string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error { return tx.Delete(&sessionRow{}, "id = ?", id).Error })
}

type tokenRow struct {
	ID        string `gorm:"primaryKey"`
	UserID    string
	Name      string
	Hash      string
	Verbs     []core.Verb `gorm:"serializer:json"`
	Instances []string    `gorm:"serializer:json"`
	Created   time.Time
	Expires   time.Time
	LastUsed  *time.Time
}

func (tokenRow) TableName() string { return "tokens" }

func (r tokenRow) token() core.Token {
	t := core.Token{ID: r.ID, UserID: r.UserID, Name: r.Name, Verbs: r.Verbs, Instances: r.Instances, Created: r.Created.UTC(), Expires: r.Expires.UTC()}
	if r.LastUsed != nil {
		used := r.LastUsed.UTC()
		t.LastUsed = &used
	}
	return t
}

// AddToken stores an API token under the SHA-256 of its text.
func (s *Store) AddToken(ctx context.Context, t core.Token, hash string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		row := tokenRow{t.ID, t.UserID, t.Name, hash, t.Verbs, t.Instances, stamp(t.Created), stamp(t.Expires), nil}
		return tx.Create(&row).Error
	})
}

// TokenByHash returns a token that is not over; a missing one is core.NotFound.
func (s *Store) TokenByHash(ctx context.Context, hash string, now time.Time) (core.Token, error) {
	var r tokenRow
	err := s.read.WithContext(ctx).Take(&r, "hash = ? and expires > ?", hash, stamp(now)).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return core.Token{}, core.Errorf(core.NotFound, "there is no such token")
	}
	if err != nil {
		return core.Token{}, fmt.Errorf("read a token: %w", s.explain(err))
	}
	return r.token(), nil
}

// TouchToken notes when a token was last used, at most once a minute.
func (s *Store) TouchToken(ctx context.Context, t core.Token, now time.Time) error {
	if t.LastUsed != nil && now.Sub(*t.LastUsed) < time.Minute {
		return nil
	}
	err := s.write.WithContext(ctx).Model(&tokenRow{}).Where("id = ?", t.ID).Update("last_used", stamp(now)).Error
	return s.explain(err)
}

// Tokens returns the tokens of a user, or of all when user is empty.
func (s *Store) Tokens(ctx context.Context, user string) ([]core.Token, error) {
	var rows []tokenRow
	err := s.read.WithContext(ctx).Where("? = '' or user_id = ?", user, user).Order("created, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", s.explain(err))
	}
	tokens := make([]core.Token, len(rows))
	for i, r := range rows {
		tokens[i] = r.token()
	}
	return tokens, nil
}

// RevokeToken ends a token. With a user it must be theirs.
func (s *Store) RevokeToken(ctx context.Context, id, user string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Delete(&tokenRow{}, "id = ? and (? = '' or user_id = ?)", id, user, user), "token", id)
	})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

type userRow struct {
	ID       string `gorm:"primaryKey"`
	Name     string
	Password string
	Disabled bool
	Created  time.Time

	Factor     string // sealed, empty for none
	FactorStep int64
	Recovery   string `gorm:"default:[]"`
	Subject    string // at the issuer of single sign-on, empty for none
	Language   string // that they chose in the panel, empty for none
}

func (userRow) TableName() string { return "users" }

type grantRow struct {
	UserID   string `gorm:"primaryKey"`
	Instance string `gorm:"primaryKey"`
	Role     core.Role
}

func (grantRow) TableName() string { return "grants" }

func (r userRow) user(grants []grantRow) core.User {
	u := core.User{ID: r.ID, Name: r.Name, Disabled: r.Disabled, Created: r.Created.UTC(), Grants: map[string]core.Role{}, SecondFactor: r.Factor != "", Subject: r.Subject, Language: r.Language,
		Drawn: strings.HasPrefix(r.Password, core.DrawnHash)}
	for _, g := range grants {
		if g.UserID == r.ID {
			u.Grants[g.Instance] = g.Role
		}
	}
	return u
}

// AddUser stores a new user with the hash of a password. A name that is taken
// is a core.Conflict.
func (s *Store) AddUser(ctx context.Context, u core.User, hash string, e core.AuditEntry) error {
	err := s.audited(ctx, e, func(tx *gorm.DB) error {
		row := userRow{ID: u.ID, Name: u.Name, Password: hash, Disabled: u.Disabled, Created: stamp(u.Created), Recovery: "[]", Subject: u.Subject}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		for instance, role := range u.Grants {
			if err := tx.Create(&grantRow{u.ID, instance, role}).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if isDuplicate(err) {
		return core.Errorf(core.Conflict, "there is a user %s already", u.Name)
	}
	return err
}

// Users returns every user, ordered by name.
func (s *Store) Users(ctx context.Context) ([]core.User, error) {
	var rows []userRow
	var grants []grantRow
	db := s.read.WithContext(ctx)
	if err := errors.Join(db.Order("lower(name)").Find(&rows).Error, db.Find(&grants).Error); err != nil {
		return nil, fmt.Errorf("list users: %w", s.explain(err))
	}
	users := make([]core.User, len(rows))
	for i, r := range rows {
		users[i] = r.user(grants)
	}
	return users, nil
}

// User returns the user id; a missing one is core.NotFound.
func (s *Store) User(ctx context.Context, id string) (core.User, error) {
	r, err := take[userRow](ctx, s, "user", id)
	if err != nil {
		return core.User{}, err
	}
	return s.withGrants(ctx, r)
}

func (s *Store) withGrants(ctx context.Context, r userRow) (core.User, error) {
	var grants []grantRow
	if err := s.read.WithContext(ctx).Find(&grants, "user_id = ?", r.ID).Error; err != nil {
		return core.User{}, fmt.Errorf("read grants of %s: %w", r.Name, s.explain(err))
	}
	return r.user(grants), nil
}

// UserByName returns a user with the hash of their password; a missing one is
// core.NotFound. Names do not differ by case alone.
func (s *Store) UserByName(ctx context.Context, name string) (core.User, string, error) {
	var r userRow
	err := s.read.WithContext(ctx).Take(&r, "lower(name) = lower(?)", name).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return core.User{}, "", core.Errorf(core.NotFound, "there is no user %s", name)
	}
	if err != nil {
		return core.User{}, "", fmt.Errorf("read user %s: %w", name, s.explain(err))
	}
	u, err := s.withGrants(ctx, r)
	return u, r.Password, err
}

// UserBySubject returns the user who is this one at the issuer of single sign-on;
// a missing one is core.NotFound.
func (s *Store) UserBySubject(ctx context.Context, subject string) (core.User, error) {
	var r userRow
	err := s.read.WithContext(ctx).Take(&r, "subject = ? and subject <> ''", subject).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return core.User{}, core.Errorf(core.NotFound, "nobody here is %s", subject)
	}
	if err != nil {
		return core.User{}, fmt.Errorf("read a user: %w", s.explain(err))
	}
	return s.withGrants(ctx, r)
}

// SetLanguage keeps in which language a user reads the panel and what is written
// for them. Nobody has more or less power for it, so it is not audited.
func (s *Store) SetLanguage(ctx context.Context, id, language string) error {
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		return mustHit(tx.Model(&userRow{}).Where("id = ?", id).Update("language", language), "user", id)
	})
	if err != nil {
		return fmt.Errorf("keep the language of user %s: %w", id, s.explain(err))
	}
	return nil
}

// SetSubject says who a user is at the issuer of single sign-on, "" for nobody.
// One whom another user is already is a core.Conflict.
func (s *Store) SetSubject(ctx context.Context, id, subject string, e core.AuditEntry) error {
	err := s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Model(&userRow{}).Where("id = ?", id).Update("subject", subject), "user", id)
	})
	if isDuplicate(err) {
		return core.Errorf(core.Conflict, "another user is %s already", subject)
	}
	return err
}

// SetPassword stores a new hash and ends the user's sessions but the one kept.
func (s *Store) SetPassword(ctx context.Context, id, hash, keep string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := mustHit(tx.Model(&userRow{}).Where("id = ?", id).Update("password", hash), "user", id); err != nil {
			return err
		}
		return tx.Delete(&sessionRow{}, "user_id = ? and id <> ?", id, keep).Error
	})
}

// DisableUser locks a user out, or lets them in again.
func (s *Store) DisableUser(ctx context.Context, id string, disabled bool, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := mustHit(tx.Model(&userRow{}).Where("id = ?", id).Update("disabled", disabled), "user", id); err != nil {
			return err
		}
		if err := tx.Delete(&sessionRow{}, "user_id = ? and ?", id, disabled).Error; err != nil {
			return err
		}
		return anAdminRemains(tx)
	})
}

// RemoveUser removes a user with their grants, sessions and tokens.
func (s *Store) RemoveUser(ctx context.Context, id string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := mustHit(tx.Delete(&userRow{}, "id = ?", id), "user", id); err != nil {
			return err
		}
		return anAdminRemains(tx)
	})
}

// Grant gives a user a role on an instance, or on all; an empty role takes it
// away.
func (s *Store) Grant(ctx context.Context, id, instance string, role core.Role, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		var n int64
		if err := tx.Model(&userRow{}).Where("id = ?", id).Count(&n).Error; err != nil {
			return err
		}
		switch {
		case n == 0:
			return core.Errorf(core.NotFound, "there is no user %s", id)
		case role == "":
			r := tx.Delete(&grantRow{}, "user_id = ? and instance = ?", id, instance)
			if err := mustHit(r, "grant on", instance); err != nil {
				return err
			}
			return anAdminRemains(tx)
		}
		row := grantRow{id, instance, role}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return err
		}
		return anAdminRemains(tx)
	})
}

// anAdminRemains refuses what would leave nobody who can let others in.
func anAdminRemains(tx *gorm.DB) error {
	var n int64
	err := tx.Raw("select count(*) from users join grants on user_id = id where instance = '*' and role = 'admin' and not disabled").Scan(&n).Error
	if err == nil && n == 0 {
		return core.Errorf(core.Conflict, "this is the last admin; make another one first")
	}
	return err
}

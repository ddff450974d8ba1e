package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// Factor is the second factor of a user, sealed.
type Factor struct {
	Sealed string
	Step   int64 // the last one whose code was used
}

// Factor returns the second factor of a user; without one it is core.NotFound.
func (s *Store) Factor(ctx context.Context, user string) (Factor, error) {
	r, err := take[userRow](ctx, s, "user", user)
	if err == nil && r.Factor == "" {
		err = core.Errorf(core.NotFound, "%s has no second factor", r.Name)
	}
	return Factor{r.Factor, r.FactorStep}, err
}

// SetFactor gives a user a second factor with the digests of its recovery codes,
// or takes it away when sealed is empty, and ends their sessions but the one kept.
func (s *Store) SetFactor(ctx context.Context, user, sealed string, step int64, recovery []string, keep string, e core.AuditEntry) error {
	codes, err := json.Marshal(slices.Concat([]string{}, recovery))
	if err != nil {
		return err
	}
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		set := map[string]any{"factor": sealed, "factor_step": step, "recovery": string(codes)}
		if err := mustHit(tx.Model(&userRow{}).Where("id = ?", user).Updates(set), "user", user); err != nil {
			return err
		}
		return tx.Delete(&sessionRow{}, "user_id = ? and id <> ?", user, keep).Error
	})
}

// UseStep notes that the code of a step was used and reports whether it had not
// been: of two logins at once with one code, one fails.
func (s *Store) UseStep(ctx context.Context, user string, step int64) (bool, error) {
	r := s.write.WithContext(ctx).Model(&userRow{}).Where("id = ? and factor_step < ?", user, step).Update("factor_step", step)
	if r.Error != nil {
		return false, fmt.Errorf("use a code: %w", s.explain(r.Error))
	}
	return r.RowsAffected == 1, nil
}

// UseRecovery takes a recovery code away and reports whether it was there.
func (s *Store) UseRecovery(ctx context.Context, user, digest string, e core.AuditEntry) (bool, error) {
	missing := core.Errorf(core.NotFound, "there is no such recovery code")
	err := s.audited(ctx, e, func(tx *gorm.DB) error {
		var text string
		if err := tx.Model(&userRow{}).Select("recovery").Where("id = ?", user).Scan(&text).Error; err != nil {
			return err
		}
		var codes []string
		if err := json.Unmarshal([]byte(text), &codes); err != nil {
			return err
		}
		i := slices.Index(codes, digest)
		if i < 0 {
			return missing
		}
		left, err := json.Marshal(slices.Delete(codes, i, i+1))
		if err != nil {
			return err
		}
		return tx.Model(&userRow{}).Where("id = ?", user).Update("recovery", string(left)).Error
	})
	if core.CodeOf(err) == core.NotFound {
		return false, nil
	}
	return err == nil, err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/autonomy"
)

type policyRow struct {
	Instance  string `gorm:"primaryKey"`
	Playbook  string `gorm:"primaryKey"`
	Source    string
	After     int
	Cooldown  time.Duration
	PerHour   int
	Actor     string
	At        time.Time
	Suspended string
}

func (policyRow) TableName() string { return "autonomy" }

func (r policyRow) policy() autonomy.Policy {
	return autonomy.Policy{
		Instance: r.Instance, Playbook: r.Playbook, Source: r.Source, After: r.After, Cooldown: r.Cooldown,
		PerHour: r.PerHour, Actor: r.Actor, At: r.At.UTC(), Suspended: r.Suspended,
	}
}

// Allow stores what an admin allowed to be repaired without a person. It takes
// the place of what was allowed, or taken away, before.
func (s *Store) Allow(ctx context.Context, p autonomy.Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	row := policyRow{p.Instance, p.Playbook, p.Source, p.After, p.Cooldown, p.PerHour, p.Actor, stamp(p.At), p.Suspended}
	entry := core.AuditEntry{
		At: time.Now(), Actor: p.Actor, Action: "playbook.allow", Instance: p.Instance, Outcome: "ok",
		Detail: fmt.Sprintf("%s by itself after %d successes, %s apart, %d an hour", p.Playbook, p.After, p.Cooldown, p.PerHour),
	}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
}

// Forbid takes a permission away for good. One that is not there is
// core.NotFound.
func (s *Store) Forbid(ctx context.Context, instance, playbook, actor string) error {
	entry := core.AuditEntry{At: time.Now(), Actor: actor, Action: "playbook.forbid", Instance: instance, Outcome: "ok", Detail: playbook}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		return mustHit(tx.Delete(&policyRow{}, "instance = ? and playbook = ?", instance, playbook), "permission of", playbook+" on "+instance)
	})
}

// Suspend implements autonomy.Book.
func (s *Store) Suspend(ctx context.Context, p autonomy.Policy, why string) error {
	entry := core.AuditEntry{At: time.Now(), Actor: autonomy.Actor(p.Playbook), Action: "playbook.suspend", Instance: p.Instance, Outcome: "ok", Detail: p.Playbook + ": " + why}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		r := tx.Model(&policyRow{}).Where("instance = ? and playbook = ?", p.Instance, p.Playbook).Update("suspended", why)
		return mustHit(r, "permission of", p.Playbook+" on "+p.Instance)
	})
}

// Policies implements autonomy.Book; an empty instance means all.
func (s *Store) Policies(ctx context.Context, instance string) ([]autonomy.Policy, error) {
	q := s.read.WithContext(ctx).Order("instance, playbook")
	if instance != "" {
		q = q.Where("instance = ?", instance)
	}
	var rows []policyRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list what may be repaired without a person: %w", s.explain(err))
	}
	list := make([]autonomy.Policy, len(rows))
	for i, r := range rows {
		list[i] = r.policy()
	}
	return list, nil
}

// Past implements autonomy.Book; an empty instance means all.
func (s *Store) Past(ctx context.Context, instance string) ([]autonomy.Past, error) {
	var rows []struct {
		Instance, ID, Playbook, State, Actor string
		Created                              time.Time
		Undone                               bool
	}
	playbook := func(table string) string { return fmt.Sprintf(s.with.playbook, table) }
	err := s.read.WithContext(ctx).Raw(`
		select c.id, c.state, c.actor, c.created, `+playbook("c")+` as playbook,
			exists (select 1 from changes u where u.instance = c.instance and u.state = 'committed'
				and `+playbook("u")+` = 'undo' and `+fmt.Sprintf(s.with.undoes, "u")+` = c.id) as undone
		from changes c where (c.instance = @instance or @instance = '') order by c.created, c.id`,
		map[string]any{"instance": instance}).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list the changes of %s: %w", instance, s.explain(err))
	}
	past := make([]autonomy.Past, len(rows))
	for i, r := range rows {
		past[i] = autonomy.Past{Change: r.ID, Playbook: r.Playbook, At: r.Created.UTC(), State: core.ChangeState(r.State), Actor: r.Actor, Undone: r.Undone}
	}
	return past, nil
}

// illFor is how long a diagnosis counts as what an instance is now.
const illFor = time.Hour

// Ill implements autonomy.Book.
func (s *Store) Ill(ctx context.Context) ([]string, error) {
	ill := []string{}
	err := s.read.WithContext(ctx).Raw(`
		select d.instance from diagnoses d where d.status = ? and d.at > ?
			and d.at = (select max(at) from diagnoses where instance = d.instance)
		group by d.instance order by d.instance`, core.Unhealthy, stamp(time.Now().Add(-illFor))).Scan(&ill).Error
	if err != nil {
		return nil, fmt.Errorf("list ill instances: %w", s.explain(err))
	}
	return ill, nil
}

type stopRow struct {
	ID      int `gorm:"primaryKey"`
	At      time.Time
	Finding core.Finding `gorm:"serializer:json"`
}

func (stopRow) TableName() string { return "autonomy_stop" }

// Stopped implements autonomy.Book.
func (s *Store) Stopped(ctx context.Context) (string, error) {
	var r stopRow
	switch err := s.read.WithContext(ctx).Take(&r, 1).Error; {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look whether automatic repair is stopped: %w", s.explain(err))
	}
	return fmt.Sprintf("stopped since %s: %s", r.At.UTC().Format(time.RFC3339), r.Finding.Title), nil
}

// Stop implements autonomy.Book.
func (s *Store) Stop(ctx context.Context, f core.Finding) error {
	entry := core.AuditEntry{At: time.Now(), Actor: "agent", Action: "autonomy.stop", Outcome: "ok", Detail: f.Code + " " + f.Title}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&stopRow{ID: 1, At: stamp(time.Now()), Finding: f}).Error
	})
}

// Resume lets automatic repair go on, as a person decided.
func (s *Store) Resume(ctx context.Context, actor string) error {
	entry := core.AuditEntry{At: time.Now(), Actor: actor, Action: "autonomy.resume", Outcome: "ok"}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		return mustHit(tx.Delete(&stopRow{}, "id = 1"), "stop of automatic repair,", "nothing to resume")
	})
}

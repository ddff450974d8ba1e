package autonomy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

// Book is what is written down about automatic repair.
type Book interface {
	// Policies lists what is allowed on an instance.
	Policies(ctx context.Context, instance string) ([]Policy, error)
	// Past lists the changes of an instance that playbooks planned, oldest first.
	Past(ctx context.Context, instance string) ([]Past, error)
	// Suspend takes a permission away, with its audit entry.
	Suspend(ctx context.Context, p Policy, why string) error
	// Ill lists the instances whose last diagnosis is unhealthy.
	Ill(ctx context.Context) ([]string, error)
	// Stopped returns why all automatic repair is stopped, "" when it is not.
	Stopped(ctx context.Context) (string, error)
	// Stop stops all automatic repair until a person resumes it, and keeps the
	// finding of the host. Done twice it keeps the first.
	Stop(ctx context.Context, f core.Finding) error
}

// Keeper applies what is allowed. The scheduler calls Tend after each diagnosis.
type Keeper struct {
	Book     Book
	Together int // more ill instances than these stop everything; zero means DefaultTogether
	// Playbook returns a playbook and the hash of its text.
	Playbook func(ctx context.Context, id string) (core.Playbook, string, error)
	Plan     func(ctx context.Context, inst core.Instance, d *core.Diagnosis, f core.Finding, book core.Playbook) (core.Plan, error)
	Apply    func(ctx context.Context, inst core.Instance, p core.Plan, f core.Finding, actor string) (*core.Change, error)
	Now      func() time.Time
}

// Tended is what Tend did and why it did no more.
type Tended struct {
	Change  *core.Change  // what was applied, nil when nothing was
	Reasons []string      // why playbooks that are allowed were not applied
	Storm   *core.Finding // raised just now: everything is stopped
}

// Tend looks for one root cause of a diagnosis that a playbook may mend by
// itself, and has it mended: one change at most.
func (k *Keeper) Tend(ctx context.Context, inst core.Instance, d *core.Diagnosis) (Tended, error) {
	var t Tended
	policies, err := k.Book.Policies(ctx, inst.ID)
	if err != nil || len(policies) == 0 {
		return t, err // off, as it is by default
	}
	past, err := k.Book.Past(ctx, inst.ID)
	if err != nil {
		return t, err
	}
	if err := k.suspendFallen(ctx, policies, past); err != nil {
		return t, err
	}
	if d.Status == core.Unknown || d.Status == core.Healthy {
		return t, nil // unknown is not ill
	}
	if why, err := k.halted(ctx, &t); err != nil || why != "" {
		t.Reasons = append(t.Reasons, why)
		return t, err
	}
	for _, f := range d.Findings {
		if !slices.Contains(d.RootCauses, f.Code) {
			continue
		}
		for _, r := range f.Remedies {
			i := slices.IndexFunc(policies, func(p Policy) bool { return p.Playbook == r.Playbook })
			if i < 0 {
				continue
			}
			done, err := k.mend(ctx, inst, d, f, policies[i], past, &t)
			if err != nil || done {
				return t, err
			}
		}
	}
	return t, nil
}

// suspendFallen takes away the permissions of playbooks that failed.
func (k *Keeper) suspendFallen(ctx context.Context, policies []Policy, past []Past) error {
	for i, p := range policies {
		why := Fallen(p, past)
		if p.Suspended != "" || why == "" {
			continue
		}
		if err := k.Book.Suspend(ctx, p, why); err != nil {
			return err
		}
		policies[i].Suspended = why
	}
	return nil
}

// halted says why nothing is repaired by itself now, and stops everything when
// too many instances are ill at once.
func (k *Keeper) halted(ctx context.Context, t *Tended) (string, error) {
	why, err := k.Book.Stopped(ctx)
	if err != nil || why != "" {
		return why, err
	}
	ill, err := k.Book.Ill(ctx)
	if err != nil {
		return "", err
	}
	together := k.Together
	if together == 0 {
		together = DefaultTogether
	}
	if t.Storm = Storm(ill, together); t.Storm == nil {
		return "", nil
	}
	return t.Storm.Title, k.Book.Stop(ctx, *t.Storm)
}

// mend applies one playbook, if it may be. A refusal is a reason, not an error.
func (k *Keeper) mend(ctx context.Context, inst core.Instance, d *core.Diagnosis, f core.Finding, p Policy, past []Past, t *Tended) (bool, error) {
	book, source, err := k.Playbook(ctx, p.Playbook)
	if err == nil {
		err = Judge(p, book, source, past, k.now())
	}
	if err != nil {
		t.Reasons = append(t.Reasons, err.Error())
		return false, nil
	}
	plan, err := k.Plan(ctx, inst, d, f, book)
	if err == nil && plan.Risk == core.HighRisk {
		err = core.Errorf(core.Forbidden, "the plan is of high risk")
	}
	if err != nil {
		t.Reasons = append(t.Reasons, fmt.Sprintf("%s: %v", p.Playbook, err))
		return false, nil
	}
	t.Change, err = k.Apply(ctx, inst, plan, f, Actor(p.Playbook))
	switch {
	case t.Change == nil:
		t.Reasons = append(t.Reasons, fmt.Sprintf("%s: %v", p.Playbook, err))
		return false, nil
	case t.Change.State == core.Committed:
		return true, nil
	}
	t.Reasons = append(t.Reasons, fmt.Sprintf("%s: %s", p.Playbook, t.Change.Reason))
	return true, k.Book.Suspend(ctx, p, fmt.Sprintf("change %s ended %s", t.Change.ID, t.Change.State))
}

func (k *Keeper) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}

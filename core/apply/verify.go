package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// verify diagnoses the instance again and again until it is good, or until it
// had its time to settle.
func (t *transaction) verify(ctx context.Context) error {
	deadline := time.Now().Add(cmp.Or(t.Settle, settleTime))
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		d, err := t.Diagnose(ctx, t.e, t.inst)
		if err == nil {
			t.c.After = outlook(d)
			err = t.judge(d)
		}
		if err == nil || time.Now().Add(wait).After(deadline) {
			return err
		}
		if pause(ctx, wait) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// judge returns nil when every code the plan claims is gone, really looked for,
// and nothing critical is new.
func (t *transaction) judge(d *core.Diagnosis) error {
	for _, code := range t.c.Plan.Claims {
		if d.Finds(code) {
			return core.Errorf(core.Conflict, "%s is still there after the change", code)
		}
	}
	if d.Status == core.Unknown {
		return core.Errorf(core.Unreachable, "the instance could not be diagnosed after the change%s", reasons(d))
	}
	if u, ok := t.blind(d); ok {
		return core.Errorf(core.Unreachable, "whether the change helped cannot be told: %s could not look: %s", u.Check, u.Reason)
	}
	var fresh []string
	for _, f := range outlook(d).Critical {
		if !slices.Contains(t.c.Before.Critical, f) && !t.stillDown(f) {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) > 0 {
		return core.Errorf(core.Conflict, "new after the change: %s", strings.Join(fresh, ", "))
	}
	return nil
}

// down are the codes of a service that does not run.
var down = []string{"SVC-01", "SVC-02", "DK-11", "DK-13"}

// stillDown reports whether a finding is of a service that did not run before this
// upgrade either: a container that was stopped and one that was made anew and not
// started do not have the same codes.
func (t *transaction) stillDown(finding string) bool {
	code, service, _ := strings.Cut(finding, " ")
	return t.c.Plan.Playbook == core.UpgradePlaybook && slices.Contains(down, code) &&
		slices.ContainsFunc(down, func(was string) bool { return slices.Contains(t.c.Before.Critical, was+" "+service) })
}

// blind returns a check that could look before the change and cannot now, in a
// category of what the plan claims to mend. A finding that nobody looked for is
// not gone.
func (t *transaction) blind(d *core.Diagnosis) (core.Unknowable, bool) {
	for _, u := range d.Unknowns {
		sawBefore := !slices.ContainsFunc(t.found.Unknowns, func(b core.Unknowable) bool { return b.Check == u.Check })
		claimed := slices.ContainsFunc(t.found.Findings, func(f core.Finding) bool {
			return f.Category == u.Category && slices.Contains(t.c.Plan.Claims, f.Code)
		})
		if sawBefore && claimed {
			return u, true
		}
	}
	return core.Unknowable{}, false
}

func reasons(d *core.Diagnosis) string {
	if len(d.Unknowns) == 0 {
		return ""
	}
	return ": " + d.Unknowns[0].Reason
}

// outlook sums a diagnosis up.
func outlook(d *core.Diagnosis) core.Outlook {
	o := core.Outlook{Status: d.Status, RootCauses: slices.Clone(d.RootCauses)}
	for _, f := range d.Findings {
		if f.Severity == core.Critical {
			o.Critical = append(o.Critical, fmt.Sprintf("%s %s", f.Code, f.Service))
		}
	}
	slices.Sort(o.Critical)
	o.Critical = slices.Compact(o.Critical)
	return o
}

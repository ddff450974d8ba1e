package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// allowed asks whether the owner of a schedule still may do what it does.
func (a *agent) allowed(ctx context.Context, s core.Schedule) error {
	u, err := a.store.User(ctx, s.Owner)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return err
	}
	if err == nil && !u.Disabled && u.RoleOn(s.Instance).May(core.ScheduleKinds[s.Kind]) {
		return nil
	}
	e := core.AuditEntry{At: time.Now(), Actor: "schedule:" + s.ID, Action: "schedule.run", Instance: s.Instance, Outcome: "denied", Detail: string(s.Kind) + ": its owner may not do this any more"}
	return errors.Join(core.Errorf(core.Forbidden, "the owner of the schedule may not do this any more"), a.store.Append(ctx, e))
}

// runSchedule does what a schedule says, for each of its instances that is not
// in maintenance.
func (a *agent) runSchedule(ctx context.Context, s core.Schedule) (string, error) {
	switch s.Kind {
	case core.ScheduleBackup:
		return a.nightlyBackup(ctx)
	case core.ScheduleArchive:
		return a.archiveAudit(ctx, s)
	}
	list, quiet, err := a.instancesOf(ctx, s)
	if err != nil {
		return "", err
	}
	if len(list) == 0 && quiet != nil {
		return "", &queue.Skipped{Why: fmt.Sprintf("%s until %s", quiet.Reason, quiet.Ends.Format(time.RFC3339))}
	}
	var errs []error
	if s.Kind == core.ScheduleReport && s.Instance == core.EveryInstance {
		_, err := a.writeFleetReport(ctx, s.Owner, list)
		errs = append(errs, err)
	}
	last, done, err := a.runOnEach(ctx, s, list)
	if len(list) > 1 {
		last = fmt.Sprintf("%d of %d instances", done, len(list))
	}
	return last, errors.Join(append(errs, err)...)
}

// looksAtOnce is how many instances one schedule diagnoses at once. All else that
// schedules do loads the host, so that it is done to one after another.
const looksAtOnce = 4

// runOnEach does what a schedule says to instances, also when it fails for some of
// them; those in maintenance by then are left out. It returns a line about the last
// one and how many were done.
func (a *agent) runOnEach(ctx context.Context, s core.Schedule, list []core.Instance) (last string, done int, err error) {
	last = "nothing to do"
	var errs []error
	var mu, repairs sync.Mutex
	var all errgroup.Group
	all.SetLimit(1)
	if s.Kind == core.ScheduleDiagnose {
		all.SetLimit(looksAtOnce)
	}
	note := func(text string, did bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		if did {
			last, done = text, done+1
		}
		errs = append(errs, err)
	}
	for _, i := range list {
		if ctx.Err() != nil {
			note("", false, ctx.Err())
			break
		}
		all.Go(func() error {
			note(a.runOnOne(ctx, s, i, &repairs))
			return nil
		})
	}
	_ = all.Wait()
	return last, done, errors.Join(errs...)
}

// runOnOne does what a schedule says to one of its instances, unless that is in
// maintenance.
func (a *agent) runOnOne(ctx context.Context, s core.Schedule, i core.Instance, repairs *sync.Mutex) (text string, did bool, err error) {
	defer func() {
		if p := recover(); p != nil { // what runs beside it goes on
			text, did, err = "", false, fmt.Errorf("%s: panic: %v", i.ID, p)
		}
	}()
	if left, _, err := a.outOfMaintenance(ctx, []core.Instance{i}); err != nil || len(left) == 0 {
		return "", false, err
	}
	if text, err = a.runOn(ctx, s, i, repairs); err != nil {
		return "", false, fmt.Errorf("%s: %w", i.ID, err)
	}
	return text, true, nil
}

// instancesOf returns the instances that a schedule is for, less those in
// maintenance; quiet is the window of one of these.
func (a *agent) instancesOf(ctx context.Context, s core.Schedule) (list []core.Instance, quiet *core.Window, err error) {
	if s.Instance == core.EveryInstance {
		list, err = a.store.Instances(ctx)
	} else {
		var i core.Instance
		i, err = a.store.Instance(ctx, s.Instance)
		list = []core.Instance{i}
	}
	if err != nil {
		return nil, nil, err
	}
	return a.outOfMaintenance(ctx, list)
}

// outOfMaintenance leaves out the instances that are in maintenance now; quiet is
// the window of one of these.
func (a *agent) outOfMaintenance(ctx context.Context, list []core.Instance) (left []core.Instance, quiet *core.Window, err error) {
	now := time.Now()
	windows, err := a.store.Windows(ctx, now)
	left = slices.DeleteFunc(slices.Clone(list), func(i core.Instance) bool {
		n := slices.IndexFunc(windows, func(w core.Window) bool { return w.Holds(i.ID, now) })
		if n >= 0 {
			quiet = &windows[n]
		}
		return n >= 0
	})
	return left, quiet, err
}

// archiveAudit moves old entries of the audit log into a file.
func (a *agent) archiveAudit(ctx context.Context, s core.Schedule) (string, error) {
	e := core.AuditEntry{At: time.Now(), Actor: "schedule:" + s.ID, Action: "audit.archive", Outcome: "ok"}
	done, err := a.store.ArchiveAudit(ctx, time.Now().AddDate(0, 0, -oldestKept), e)
	if core.CodeOf(err) == core.NotFound {
		return "nothing is that old", nil
	}
	return done.Path, err
}

func (a *agent) runOn(ctx context.Context, s core.Schedule, i core.Instance, repairs *sync.Mutex) (string, error) {
	who := "schedule:" + s.ID
	switch s.Kind {
	case core.ScheduleDiagnose:
		d, err := a.Diagnoses.Run(ctx, i, cmp.Or(s.Mode, core.Full), core.BySchedule)
		if err != nil {
			return "", err
		}
		repairs.Lock() // one after another, so that each is after a look at how many are ill
		defer repairs.Unlock()
		return a.tendTo(ctx, i, d)
	case core.ScheduleSnapshot:
		if err := i.Controlled(); err != nil {
			return "", err
		}
		scope, text := cmp.Or(s.Scope, core.ConfigScope), ""
		err := a.auditedBy(ctx, who, "snapshot.take", i.ID, string(scope), func() (string, error) {
			n, err := a.takeSnapshot(ctx, i, scope, "schedule")
			text = "snapshot " + n.ID
			return text, err
		})
		return text, err
	case core.ScheduleDrill:
		return a.drill(ctx, who, i)
	case core.ScheduleReport:
		return a.writeReport(ctx, s.Owner, i)
	}
	return "", core.Errorf(core.Invalid, "there is no kind of schedule %q", s.Kind)
}

// drill restores the newest snapshot with a database into a throwaway one, and
// keeps what that proved.
func (a *agent) drill(ctx context.Context, who string, i core.Instance) (string, error) {
	list, err := a.store.Snapshots(ctx, i.ID)
	if err != nil {
		return "", err
	}
	n := slices.IndexFunc(list, func(s core.Snapshot) bool { return s.Holds(core.DatabaseScope) && !s.Encrypted })
	if n < 0 {
		return "", core.Errorf(core.NotFound, "%s has no snapshot with a database that is not encrypted; schedule snapshots of the scope database", i.ID)
	}
	_, e, err := a.open(ctx, i)
	if err != nil {
		return "", err
	}
	s := list[n]
	err = a.auditedBy(ctx, who, "snapshot.drill", i.ID, "snapshot "+s.ID, func() (string, error) {
		var err error
		s, err = a.drillSnapshot(ctx, e, s)
		return s.Proof.Detail, err
	})
	return "snapshot " + s.ID + " is " + string(s.Proof.Level) + ": " + s.Proof.Detail, err
}

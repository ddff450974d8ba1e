package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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

// runSchedule does what a schedule says, for each of its instances.
func (a *agent) runSchedule(ctx context.Context, s core.Schedule) (string, error) {
	if s.Kind == core.ScheduleBackup {
		path, err := a.nightlyBackup(ctx)
		return path, err
	}
	var list []core.Instance
	if s.Instance == core.EveryInstance {
		all, err := a.store.Instances(ctx)
		if err != nil {
			return "", err
		}
		list = all
	} else {
		i, err := a.store.Instance(ctx, s.Instance)
		if err != nil {
			return "", err
		}
		list = append(list, i)
	}
	last, errs := "nothing to do", []error{}
	for _, i := range list {
		if ctx.Err() != nil {
			return last, ctx.Err()
		}
		text, err := a.runOn(ctx, s, i)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", i.ID, err))
			continue
		}
		last = text
	}
	if len(list) > 1 {
		last = fmt.Sprintf("%d of %d instances", len(list)-len(errs), len(list))
	}
	return last, errors.Join(errs...)
}

func (a *agent) runOn(ctx context.Context, s core.Schedule, i core.Instance) (string, error) {
	switch s.Kind {
	case core.ScheduleDiagnose:
		d, err := a.Diagnoses.Run(ctx, i, cmp.Or(s.Mode, core.Full), core.BySchedule)
		if err != nil {
			return "", err
		}
		return string(d.Status), nil
	case core.ScheduleSnapshot:
		e := core.AuditEntry{At: time.Now(), Actor: "schedule:" + s.ID, Action: "snapshot.take", Instance: i.ID, Outcome: "intent", Detail: string(core.ConfigScope)}
		if err := a.store.Append(ctx, e); err != nil {
			return "", err
		}
		n, err := a.takeSnapshot(ctx, i, core.ConfigScope, "schedule")
		return "snapshot " + n.ID, err
	case core.ScheduleReport:
		return a.writeReport(ctx, i)
	}
	return "", core.Errorf(core.Invalid, "there is no kind of schedule %q", s.Kind)
}

// writeReport keeps the report of a week in the data folder, as JSON and CSV.
func (a *agent) writeReport(ctx context.Context, i core.Instance) (string, error) {
	r, err := queue.MakeReport(ctx, a.store, i.ID, 7, time.Now())
	if err != nil {
		return "", err
	}
	dir := filepath.Join(a.data(), "reports", i.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, r.To.Format("2006-01-02")+".json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path[:len(path)-len("json")]+"csv", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	return path, errors.Join(r.CSV(f), f.Close())
}

package apply

import (
	"context"
	"fmt"
)

// saveConfig snapshots what the plan writes and what else a rollback brings back.
func (t *transaction) saveConfig(ctx context.Context) error {
	return t.step(ctx, "snapshot", "snapshot", func() error {
		// The diagnosis took its time, and the snapshot must agree with itself.
		obs, err := t.e.Observe(ctx)
		if err != nil {
			return err
		}
		files := t.writes(t.env)
		snap, err := t.Snapshots.Take(ctx, t.e, t.inst, obs, "before change "+t.c.ID, files...)
		if err != nil {
			return err
		}
		if err := t.Snapshots.Covers(snap, files, t.roles); err != nil {
			return err
		}
		if err := t.Journal.SaveSnapshot(context.WithoutCancel(ctx), snap); err != nil {
			return err
		}
		t.snap, t.c.Snapshot = snap, snap.ID
		return nil
	})
}

// saveData snapshots what users own, before a plan that may change it.
func (t *transaction) saveData(ctx context.Context) error {
	return t.step(ctx, "data-snapshot", fmt.Sprintf("%s snapshot", t.c.Plan.Scope), func() error { return t.keepData(ctx) })
}

// keepData snapshots what users own. Where that comes after services were stopped,
// the snapshot says all the same how the instance was configured before.
func (t *transaction) keepData(ctx context.Context) error {
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return err
	}
	save := t.Data.Save
	if t.c.Plan.Guided {
		save = t.Data.SaveStopped
	}
	snap, err := save(ctx, t.e, t.inst, obs, t.c.Plan.Scope, "before change "+t.c.ID, t.snap)
	if err != nil {
		return err
	}
	if err := t.Journal.SaveSnapshot(context.WithoutCancel(ctx), snap); err != nil {
		return err
	}
	t.data, t.c.Data = snap, snap.ID
	return nil
}

// proveData reads the snapshot of data again, down to its contents: a person is to
// rely on it.
func (t *transaction) proveData(ctx context.Context) error {
	return t.step(ctx, "prove-snapshot", fmt.Sprintf("verify the %s snapshot", t.c.Plan.Scope), func() error {
		snap, err := t.Data.Prove(ctx, t.data)
		if err != nil {
			return err
		}
		t.data = snap
		return t.Journal.SaveSnapshot(context.WithoutCancel(ctx), snap)
	})
}

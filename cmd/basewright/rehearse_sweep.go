package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/docker"
)

// rehearsalEnd is how the id of a clone ends that an upgrade is tried with.
const rehearsalEnd = "-rehearsal"

// rehearsalOf is the id of the clone with which the upgrade of an instance is tried.
func rehearsalOf(inst core.Instance) string {
	return strings.TrimRight(inst.ID[:min(len(inst.ID), 40-len(rehearsalEnd))], "-") + rehearsalEnd
}

// sweepRehearsals removes the clones of rehearsals that were killed, and returns
// their ids. That a clone is one is proven by the change that made it; one whose
// rehearsal lives is left to it.
func (w *workshop) sweepRehearsals(ctx context.Context, host *docker.Host) (gone []string, err error) {
	kept, err := w.store.Instances(ctx)
	for _, i := range kept {
		if !strings.HasSuffix(i.ID, rehearsalEnd) || i.Origin != core.Created {
			continue
		}
		removed, left := w.sweepRehearsal(ctx, host, i)
		if err = errors.Join(err, left); removed {
			gone = append(gone, i.ID)
		}
	}
	return gone, err
}

func (w *workshop) sweepRehearsal(ctx context.Context, host *docker.Host, clone core.Instance) (removed bool, err error) {
	release, err := w.applier.HoldRehearsal(clone.ID)
	if core.CodeOf(err) == core.Conflict {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer release()
	changes, err := w.store.Changes(ctx, clone.ID, 0)
	for _, c := range changes { // the newest first
		if !c.State.Ended() {
			return false, err // it is put back first
		}
		if c.Plan.Playbook == core.CreatePlaybook && c.State == core.Committed {
			if !create.Rehearses(c) {
				return false, err
			}
			if err := madeOn(ctx, host, c); err != nil {
				return false, err
			}
			return true, w.strike(ctx, host, c)
		}
	}
	return false, err
}

// madeOn refuses to remove from one Docker Engine what was made on another: there
// its containers would go on without their folder, and nobody would know of them.
func madeOn(ctx context.Context, host *docker.Host, made core.Change) error {
	was := made.Plan.Basis["engine"]
	if was == "" {
		return nil
	}
	here, err := host.EngineID(ctx)
	if err != nil || was == here {
		return err
	}
	return &core.Error{
		Code:    core.Unreachable,
		Message: fmt.Sprintf("%s was left by a rehearsal on another Docker Engine (%s), with a copy of the data", made.Instance, was),
		Hint:    "name that engine with --docker-host to have it removed",
	}
}

// strike removes the clone of a rehearsal with all that was made for it. Its folder
// still bears the mark of the change that made it, so nothing else can be meant.
func (w *workshop) strike(ctx context.Context, host *docker.Host, made core.Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	gone, err := w.folder.Forget(made.Instance, made.Created)
	err = errors.Join(err, w.store.ForgetSnapshots(ctx, gone...), w.unmake(ctx, host, made))
	if err != nil {
		return fmt.Errorf("remove the clone %s of the rehearsal: %w", made.Instance, err)
	}
	return nil
}

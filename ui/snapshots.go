package ui

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/basewright/basewright/core"
)

type snapshotsOut struct {
	Reply
	Snapshots []core.Snapshot `json:"snapshots"`
}

type snapshotOut struct {
	Reply
	Snapshot core.Snapshot `json:"snapshot"`
}

type snapshotIn struct {
	Scope  core.Scope `json:"scope,omitempty" doc:"config, database, volumes or full; config when left out"`
	Reason string     `json:"reason,omitempty"`
}

func (c *call) listSnapshots() (any, error) {
	list, err := c.Store.Snapshots(c, c.instance.ID)
	return snapshotsOut{ok(""), listed(list)}, err
}

func (c *call) takeSnapshot() (any, error) {
	var in snapshotIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	scope := cmp.Or(in.Scope, core.ConfigScope)
	if !slices.Contains(core.Scopes, scope) {
		return nil, core.Errorf(core.Invalid, "scope=%q is not one of: config, database, volumes, full", clip(string(scope), 20))
	}
	if err := c.instance.Controlled(); err != nil {
		return nil, err
	}
	reason := "manual"
	if in.Reason != "" {
		text, err := displayName(in.Reason)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "the reason has more than 80 characters, or invisible ones")
		}
		reason = "manual: " + text
	}
	var s core.Snapshot
	err := c.recorded("snapshot.take", string(scope), func() (detail string, err error) {
		s, err = c.Snapshot(c.Request.Context(), c.instance, scope, reason)
		return fmt.Sprintf("%s %s", s.ID, s.Scope), err
	})
	if err != nil {
		return nil, err
	}
	return snapshotOut{ok("the snapshot is taken and was read back"), s}, nil
}

func (c *call) verifySnapshot() (any, error) {
	s, err := c.Store.Snapshot(c, c.Param("sid"))
	if err != nil {
		return nil, err
	}
	switch level := core.ProofLevel(c.Query("level")); level {
	case core.Proven:
		return c.drillSnapshot(s)
	case "", core.Readable:
	default:
		return nil, core.Errorf(core.Invalid, "level=%q is not readable or proven", clip(string(level), 20))
	}
	err = c.recorded("snapshot.verify", s.ID, func() (detail string, err error) {
		s, err = c.VerifySnapshot(c.Request.Context(), s)
		return s.ID, err
	})
	if err != nil {
		return nil, err
	}
	return snapshotOut{ok("every byte of it is what was written"), s}, nil
}

// restoreOrder reads what to restore, and of which snapshot.
func (c *call) restoreOrder() (core.Snapshot, RestoreOrder, error) {
	var o RestoreOrder
	if err := c.body(&o); err != nil {
		return core.Snapshot{}, o, err
	}
	s, err := c.Store.Snapshot(c, c.Param("sid"))
	return s, o, err
}

func (c *call) planRestore() (any, error) {
	s, o, err := c.restoreOrder()
	if err != nil {
		return nil, err
	}
	p, err := c.PlanRestore(c.Request.Context(), c.instance, s, o)
	return planOut{ok("nothing is changed; restore it with the instance's id as confirm"), wholePlan(p)}, err
}

func (c *call) restoreSnapshot() (any, error) {
	s, o, err := c.restoreOrder()
	if err != nil {
		return nil, err
	}
	if o.Confirm != c.instance.ID {
		return nil, core.Errorf(core.Invalid, `a restore replaces what is there; "confirm" must be the instance's id, %s`, c.instance.ID)
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.Restore(c.instance, s, o, c.who.actor()))
}

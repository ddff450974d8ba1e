package main

import (
	"context"
	"errors"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/snapshot"
)

// takeSnapshot takes a snapshot while no change is under way.
func (a *agent) takeSnapshot(ctx context.Context, i core.Instance, scope core.Scope, reason string) (core.Snapshot, error) {
	release, err := a.applier.Hold(i, "a snapshot being taken")
	if err != nil {
		return core.Snapshot{}, err
	}
	defer release()
	defer thrifty()()
	i, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return core.Snapshot{}, err
	}
	s, err := a.folder.TakeScope(ctx, e, i, obs, snapshot.Request{Scope: scope, Reason: reason})
	if err != nil {
		return s, err
	}
	if err := a.store.SaveSnapshot(ctx, s); err != nil {
		return s, err
	}
	return s, a.retain(ctx, i.ID)
}

// verifySnapshot reads a snapshot back and keeps what was seen.
func (a *agent) verifySnapshot(ctx context.Context, s core.Snapshot) (core.Snapshot, error) {
	defer thrifty()()
	proof, err := a.folder.Check(s, core.Readable)
	if err != nil && proof.Level != core.Damaged || s.Proof.Level == core.Proven && err == nil {
		return s, err // nothing was seen, or less than is known
	}
	s.Proof = proof
	return s, errors.Join(err, a.store.SaveSnapshot(ctx, s))
}

// drillSnapshot restores a snapshot into a throwaway database, and keeps what
// that proved.
func (a *agent) drillSnapshot(ctx context.Context, e core.Engine, s core.Snapshot) (core.Snapshot, error) {
	defer thrifty()()
	proof, _, err := a.folder.Drill(ctx, e, s)
	if err != nil && proof.Level != core.Damaged {
		return s, err // nothing was learnt
	}
	s.Proof = proof
	return s, errors.Join(err, a.store.SaveSnapshot(ctx, s))
}

func (a *agent) drillByHand(ctx context.Context, i core.Instance, s core.Snapshot) (core.Snapshot, error) {
	_, e, err := a.open(ctx, i)
	if err != nil {
		return s, err
	}
	return a.drillSnapshot(ctx, e, s)
}

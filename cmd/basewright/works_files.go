package main

import (
	"context"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/configure"
)

// files lists the files that a stack is made of.
func (a *agent) files(ctx context.Context, i core.Instance) ([]string, error) {
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return nil, err
	}
	return configure.Files(ctx, e, obs), nil
}

func (a *agent) showFile(ctx context.Context, i core.Instance, name string) (string, error) {
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return "", err
	}
	return configure.Shown(ctx, e, obs, name, a.store.Key())
}

func (a *agent) wholeFile(ctx context.Context, i core.Instance, name, edited string) (core.Secret, core.Diff, error) {
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return "", core.Diff{}, err
	}
	return configure.Whole(ctx, e, obs, name, edited, a.store.Key())
}

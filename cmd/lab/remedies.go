package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/basewright/basewright/core"
)

// saveEnv notes values of .env.
func saveEnv(keys ...string) func(context.Context, *bench) (saved, error) {
	return func(_ context.Context, b *bench) (saved, error) {
		env, err := b.env()
		s := saved{}
		for _, k := range keys {
			s[k] = env[k]
		}
		return s, err
	}
}

// restoreEnvAnd puts the noted values back and recreates services.
func restoreEnvAnd(services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, s saved) error {
		if err := b.setEnv(s); err != nil {
			return err
		}
		return b.removeAll(ctx, services)
	}
}

// saveFiles notes files of the stack's folder.
func saveFiles(names ...string) func(context.Context, *bench) (saved, error) {
	return func(_ context.Context, b *bench) (saved, error) {
		s := saved{}
		for _, n := range names {
			data, err := os.ReadFile(b.path(n))
			if err != nil {
				return nil, err
			}
			s[n] = string(data)
		}
		return s, nil
	}
}

// restoreFilesAnd puts the noted files back and recreates services.
func restoreFilesAnd(services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, s saved) error {
		if err := b.removeAll(ctx, services); err != nil {
			return err
		}
		for name, text := range s {
			if err := os.RemoveAll(b.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := replaceFile(b.path(name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

// remakeAnd removes containers that were altered by hand; up makes them anew.
func remakeAnd(services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error { return b.removeAll(ctx, services) }
}

func (b *bench) removeAll(ctx context.Context, services []core.Service) error {
	for _, s := range services {
		if err := b.remove(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// imageOf is the name of one of the lab's images.
func (l *lab) imageOf(name string) string {
	for _, r := range recipes() {
		if r.name == name {
			return r.ref(l.prefix)
		}
	}
	return name
}

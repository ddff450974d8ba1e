package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Most faults are one change of a file, of .env or of the database, and what
// was there before. They are written as rows of the tables beside this file.

// swap replaces a text in a file of the stack, everywhere it stands.
type swap struct{ file, old, new string }

// shower is how a fault is seen from outside.
type shower = func(context.Context, *bench) (bool, string)

// edited is a fault of the stack's files. The services that read them are
// recreated; without services nothing runs differently, and the next `up` would
// have to bring the fault about.
func edited(code, does string, shows shower, swaps []swap, services ...core.Service) fault {
	var names []string
	for _, s := range swaps {
		names = append(names, s.file)
	}
	if shows == nil {
		shows = fileHolds(swaps[0].file, swaps[0].new)
	}
	return fault{code: code, does: does, quiet: len(services) == 0, save: saveFiles(slices.Compact(names)...),
		apply: func(ctx context.Context, b *bench, s saved) error {
			if err := b.swapAll(s, swaps); err != nil {
				return err
			}
			return b.recreateAll(ctx, services)
		},
		shows: shows, mend: writeBackAnd(services...)}
}

// swapAll writes the files of s with their texts replaced, into the files
// themselves: a mount of a single file follows the file and not its name.
func (b *bench) swapAll(s saved, swaps []swap) error {
	texts := map[string]string{}
	for _, w := range swaps {
		text, ok := texts[w.file]
		if !ok {
			text = s[w.file]
		}
		if !strings.Contains(text, w.old) {
			return fmt.Errorf("%s does not hold %q", w.file, w.old)
		}
		texts[w.file] = strings.ReplaceAll(text, w.old, w.new)
	}
	for name, text := range texts {
		if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// recreateAll makes the containers of services anew; that one does not come up
// is mostly the point.
func (b *bench) recreateAll(ctx context.Context, services []core.Service) error {
	if len(services) == 0 {
		return nil
	}
	return ignoreStart(b.engine().Up(ctx, core.UpRequest{Services: services, Recreate: true}))
}

// writeBackAnd puts noted files back and removes the containers that read them.
func writeBackAnd(services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, s saved) error {
		for name, text := range s {
			if info, err := os.Lstat(b.path(name)); err == nil && !info.Mode().IsRegular() {
				return fmt.Errorf("%s is no file any more", name)
			}
			if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return b.removeAll(ctx, services)
	}
}

// environ is a fault of .env: variables set to other values, and the services
// recreated with them. A variable that was not there before goes again.
func environ(code, does string, shows shower, values map[string]string, services ...core.Service) fault {
	computed := func(*bench) (map[string]string, error) { return values, nil }
	return environOf(code, does, shows, computed, services...)
}

// environOf is environ with values that depend on the stack.
func environOf(code, does string, shows shower, values func(*bench) (map[string]string, error), services ...core.Service) fault {
	if shows == nil {
		shows = func(_ context.Context, b *bench) (bool, string) {
			want, err := values(b)
			if err != nil {
				return false, err.Error()
			}
			env, err := b.env()
			for key := range want {
				if _, ok := env[key]; err != nil || !ok {
					return false, key + " is not in .env"
				}
			}
			return true, ".env has other values"
		}
	}
	f := fault{code: code, does: does, quiet: len(services) == 0, shows: shows,
		apply: func(ctx context.Context, b *bench, _ saved) error {
			v, err := values(b)
			if err != nil {
				return err
			}
			if err := b.setEnv(v); err != nil {
				return err
			}
			return b.recreateAll(ctx, services)
		},
		mend: func(ctx context.Context, b *bench, s saved) error {
			if err := b.putEnv(s); err != nil {
				return err
			}
			return b.removeAll(ctx, services)
		}}
	f.save = func(_ context.Context, b *bench) (saved, error) {
		want, err := values(b)
		if err != nil {
			return nil, err
		}
		return b.noteEnv(want)
	}
	return f
}

// absent marks a variable that .env did not have.
const absent = "\x00absent"

// noteEnv returns what .env has of the keys now.
func (b *bench) noteEnv(keys map[string]string) (saved, error) {
	env, err := b.env()
	s := saved{}
	for key := range keys {
		if v, ok := env[key]; ok {
			s[key] = v
		} else {
			s[key] = absent
		}
	}
	return s, err
}

// putEnv makes .env what noteEnv saw.
func (b *bench) putEnv(s saved) error {
	data, err := os.ReadFile(b.path(".env"))
	if err != nil {
		return err
	}
	for key, value := range s {
		if value == absent {
			data = supabase.UnsetEnv(data, key)
		} else if data, err = supabase.SetEnv(data, key, value); err != nil {
			return err
		}
	}
	return replaceFile(b.path(".env"), data, 0o600)
}

// inDatabase is a fault of what is in the database postgres: statements that
// bring it about and take it back, and a query that answers true while it lasts.
func inDatabase(code, does, breaks, query, mends string) fault {
	return fault{code: code, does: does, quiet: true, apply: then(breaks), shows: sqlShows("postgres", query), mend: then(mends)}
}

// placed is a fault of a file or folder that should not be there. A name that
// ends in a slash is a folder.
func placed(code, does, name, text string) fault {
	return fault{code: code, does: does, quiet: true,
		apply: func(_ context.Context, b *bench, _ saved) error {
			if folder, ok := strings.CutSuffix(name, "/"); ok {
				return os.MkdirAll(b.path(folder), 0o755)
			}
			if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o755); err != nil {
				return err
			}
			return os.WriteFile(b.path(name), []byte(text), 0o644)
		},
		shows: func(_ context.Context, b *bench) (bool, string) {
			_, err := os.Stat(b.path(name))
			return err == nil, name + " is there"
		},
		mend: func(_ context.Context, b *bench, _ saved) error {
			if err := os.RemoveAll(b.path(name)); err != nil {
				return err
			}
			// Its folder goes with it when the stack has no use for it.
			if err := os.Remove(filepath.Dir(b.path(name))); err != nil && !errors.Is(err, fs.ErrNotExist) && filepath.Dir(name) == "utils" {
				return err
			}
			return nil
		}}
}

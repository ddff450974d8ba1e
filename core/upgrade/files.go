package upgrade

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/supabase"
)

// file is what becomes of one file that the release has, the .env aside.
type file struct {
	name    string
	ours    string
	now     string
	merged  bool // the instance's own changes are kept beside the release's
	clashes []clash
}

// mergeFiles returns the files that change, in the order of their names, and those
// with conflicts. A file that the release dropped stays: nothing reads it.
func mergeFiles(ctx context.Context, in core.Inspector, base, theirs create.Rendered, d decisions) ([]file, error) {
	var out []file
	for _, name := range slices.Sorted(maps.Keys(theirs.Files)) {
		b, inBase := base.Files[name]
		t := theirs.Files[name]
		if inBase && b == t {
			continue
		}
		ours, err := textOf(ctx, in, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		f := file{name: name, ours: ours, now: t}
		if name != versionName && (ours != "" || inBase) {
			f.now, f.clashes = mergeText(b, ours, t, "")
			if len(f.clashes) > 0 {
				f.decide(b, t, d)
			}
			f.merged = f.now != t
		}
		if f.now == ours && len(f.clashes) == 0 {
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// decide lets whoever was chosen win where both changed the same lines.
func (f *file) decide(base, theirs string, d decisions) {
	if side := d.of(f.name, ""); side != "" {
		f.now, f.clashes = mergeText(base, f.ours, theirs, side)
	}
}

// conflicts are the places of a file that nobody decided, without its secrets.
func (f file) conflicts(mask *core.Mask) []Conflict {
	var out []Conflict
	for _, c := range f.clashes {
		out = append(out, Conflict{
			File: f.name, Where: fmt.Sprintf("line %d", c.line), Base: mask.Text(c.base), Ours: mask.Text(c.ours), Theirs: mask.Text(c.theirs),
		})
	}
	return out
}

// readable refuses a merged file that its service could not read.
func (f file) readable() error {
	if path.Base(f.name) != "kong.yml" {
		return nil
	}
	if _, err := supabase.ReadKong([]byte(f.now)); err != nil {
		return core.Errorf(core.Conflict, "%s could not be read after the merge with your changes: %v; take one side of it with --take %s=ours or theirs", f.name, err, f.name)
	}
	return nil
}

// action writes the file. Its text may hold a person's secrets, so it goes by a
// handle, and the plan's hash covers its fingerprint.
func (f file) action(n int, key core.FingerprintKey, given map[string]core.Secret) core.Action {
	handle := fmt.Sprintf("CONTENT_%d", n)
	given[handle] = core.Secret(f.now)
	a := core.Action{Op: core.OpWriteFile, Args: map[string]any{"path": f.name, "content": core.Handle{From: core.FromGiven, Key: handle}.Arg(), "fingerprint": key.Of(core.Secret(f.now))}}
	if a.Why = "as the release has it"; f.merged {
		a.Why = "as the release has it, with your own changes"
	}
	return a
}

// diff says how much of the file changes.
func (f file) diff() core.Diff {
	d := core.Diff{Target: f.name, Before: "(none)", After: fmt.Sprintf("%d lines", strings.Count(f.now, "\n"))}
	if f.ours != "" {
		gone, come := changed(f.ours, f.now)
		d.Before, d.After = fmt.Sprintf("%d lines go", gone), fmt.Sprintf("%d lines come", come)
	}
	if f.merged {
		d.After += "; your own changes stay"
	}
	return d
}

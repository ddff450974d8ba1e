package apply

import (
	"bytes"
	"cmp"
	"path/filepath"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// displaced says where files are that a rollback found otherwise than the plan
// writes them, as after an edit by hand; "" when there are none.
func (t *transaction) displaced() string {
	found, kept, err := t.Snapshots.Displaced(t.snap)
	if err != nil {
		return "" // the snapshot cannot be read, which is said elsewhere
	}
	for i, f := range found {
		if !t.own(kept[i], f) {
			return "; the files as they were found are in " + t.displacedDir()
		}
	}
	return ""
}

// displacedDir is where a rollback keeps files as it found them.
func (t *transaction) displacedDir() string { return filepath.Join(t.snap.Path, "displaced") }

// displacedSize is how many bytes are kept there.
func (t *transaction) displacedSize() (size int64) {
	found, _, err := t.Snapshots.Displaced(t.snap)
	if err != nil {
		return 0 // a figure for people
	}
	for _, f := range found {
		size += int64(len(f.Data))
	}
	return size
}

// own reports whether a file was found as the plan may have left it. Of the
// .env, the variables that the plan writes do not count, for a new secret is
// written down nowhere else.
func (t *transaction) own(was, found core.File) bool {
	strip := func(data []byte) []byte { return data }
	if was.Name == t.env {
		strip = func(data []byte) []byte {
			for _, a := range t.c.Plan.Actions {
				if key := a.Text("key"); key != "" {
					data = supabase.UnsetEnv(data, key)
				}
			}
			return bytes.TrimRight(data, "\r\n")
		}
	}
	left := [][]byte{was.Data}
	for _, a := range t.c.Plan.Actions {
		if a.Op == core.OpWriteFile && a.Text("path") == was.Name {
			h, _ := core.ParseHandle(a.SecretHandle("content"))
			left = append(left, []byte(cmp.Or(a.Text("content"), t.given[h.Key].Reveal())))
		}
	}
	have := strip(found.Data)
	return slices.ContainsFunc(left, func(data []byte) bool { return bytes.Equal(strip(data), have) })
}

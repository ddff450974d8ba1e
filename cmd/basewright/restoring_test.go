package main

import (
	"io/fs"
	"testing"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/snapshot"
)

// TestRestoreToAnotherRelease: a restore to before an upgrade brings the release in
// the books back with the files, one that leaves the files alone does not, and one
// that cannot tell of which release they are changes nothing in the books.
func TestRestoreToAnotherRelease(t *testing.T) {
	release, err := configs.Release("0.6.0")
	must(t, err)
	compose, err := fs.ReadFile(release, "docker-compose.yml")
	must(t, err)
	for name, row := range map[string]struct {
		compose, note string
		then, booked  string // the release in the books, when the snapshot was taken and now
		parts         []core.Scope
		want          *core.Move
	}{
		"to before an upgrade":                {string(compose), "", "", "0.8.1", []core.Scope{core.ConfigScope}, &core.Move{From: "0.8.1", To: "0.6.0"}},
		"to before one of an edited stack":    {"services: {}\n", "v0.6.0\n", "", "0.8.1", []core.Scope{core.ConfigScope}, &core.Move{From: "0.8.1", To: "0.6.0"}},
		"files that do not tell, but books":   {"services: {}\n", "", "0.6.0", "0.8.1", []core.Scope{core.ConfigScope}, &core.Move{From: "0.8.1", To: "0.6.0"}},
		"files that do not tell":              {"services: {}\n", "", "", "0.8.1", []core.Scope{core.ConfigScope}, nil},
		"the same release":                    {string(compose), "", "", "0.6.0", []core.Scope{core.ConfigScope}, nil},
		"a stack of which no release is kept": {string(compose), "", "", "", []core.Scope{core.ConfigScope}, nil},
		"the database alone":                  {string(compose), "", "", "0.8.1", []core.Scope{core.DatabaseScope}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inst := core.Instance{ID: "shop", Project: "shop", Dir: "/nowhere/shop", Files: []string{"/nowhere/shop/docker-compose.yml"}, Release: row.then}
			e := &coretest.Engine{Instance: inst, Files: map[string]core.File{".env": {Data: []byte("A=b\n"), Mode: 0o600}, "docker-compose.yml": {Data: []byte(row.compose), Mode: 0o644}}}
			if row.note != "" {
				e.Files[".supabase-version"] = core.File{Data: []byte(row.note), Mode: 0o644}
			}
			obs, err := e.Observe(t.Context())
			must(t, err)
			folder := &snapshot.Folder{Dir: t.TempDir()}
			s, err := folder.TakeScope(t.Context(), e, inst, obs, snapshot.Request{Scope: core.ConfigScope})
			must(t, err)
			inst.Release = row.booked
			plan, _, err := planRestore(folder, inst, obs, s, row.parts)
			must(t, err)
			if got := plan.Release; (got == nil) != (row.want == nil) || got != nil && *got != *row.want {
				t.Errorf("the plan brings it %+v, want %+v", got, row.want)
			}
		})
	}
}

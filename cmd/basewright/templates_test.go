package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/store"
)

// emptyHost is an engine on which nothing is and that has every image.
type emptyHost struct{ survey core.Survey }

func (h emptyHost) Survey(context.Context) (core.Survey, error) { return h.survey, nil }
func (h emptyHost) Obtainable(context.Context, string) error    { return nil }
func noInstances(context.Context) ([]core.Instance, error)      { return nil, nil }
func emptyPlace(t *testing.T, s *store.Store) (p *create.Place) { return placeOn(t, s, core.Survey{}) }
func placeOn(t *testing.T, s *store.Store, v core.Survey) *create.Place {
	return &create.Place{Host: emptyHost{v}, Kept: s, Root: filepath.Join(t.TempDir(), "instances"), Known: noInstances}
}

// TestNewStacksAreClean lints a stack of each release with each combination of
// options: a stack is born without a finding that it could do without.
func TestNewStacksAreClean(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var one sync.Mutex // the program says what it says to one terminal
	for _, release := range configs.Releases() {
		for n := range 16 {
			o := create.Order{Name: fmt.Sprintf("stack-%d of %s", n, release), Release: release, Gateway: []string{create.Kong, create.Envoy}[n&1],
				Logs: n&2 != 0, MemoryLimits: n&4 != 0, PG: []int{17, 15}[n>>3]}
			t.Run(fmt.Sprintf("%s %s logs=%v limits=%v postgres=%d", release, o.Gateway, o.Logs, o.MemoryLimits, o.PG), func(t *testing.T) {
				if release == "0.6.0" && (o.Gateway == create.Envoy || o.Logs) {
					t.Skip("this release comes without overlays")
				}
				job, _, err := emptyPlace(t, s).Prepare(t.Context(), o)
				if err == nil {
					err = job.Make(t.Context(), "change-1")
				}
				if err != nil {
					t.Fatal(err)
				}
				one.Lock()
				defer one.Unlock()
				out, code := here(t, "lint", job.Instance.Dir, "--output", "json")
				var said struct{ Diagnoses []core.Diagnosis }
				if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 {
					t.Fatalf("exit code %d, %v:\n%s", code, err, out)
				}
				for _, f := range said.Diagnoses[0].Findings {
					if !o.Logs || f.Code != "SEC-17" { // Vector reads the logs from Docker's socket, which is said of every stack with it
						t.Errorf("%s %s: %+v", f.Code, f.Title, f.Evidence)
					}
				}
			})
		}
	}
}

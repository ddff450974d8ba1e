package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/volume"

	"github.com/basewright/basewright/core"
)

// TestVolumesOfAStoppedStackStay: what is done while a stack is stopped, by the clock
// or for an upgrade that is refused, in whatever order, leaves every volume where it
// was. To a prune, what nothing running uses is rubbish; so others lost databases.
func TestVolumesOfAStoppedStackStay(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	stack := w.borrow(t)
	a, i := agentOf(t, stack)
	ctx := t.Context()
	host, err := a.engines.get(ctx)
	must(t, err)
	before := volumesOf(t, a, stack)
	if len(before) < 2 {
		t.Fatalf("the stack has the volumes %q", before)
	}
	engine := host.Open(i)
	obs, err := engine.Observe(ctx)
	must(t, err)
	for _, c := range obs.Containers {
		must(t, engine.Stop(ctx, cmp.Or(c.Service, core.Service(c.ComposeService))))
	}
	t.Cleanup(func() {
		if out, code := w.run("lab", nil, "up", stack); code != 0 {
			t.Errorf("lab up: %s", out)
		}
	})
	does := map[string]func() error{
		"cleanup": func() error {
			_, err := a.folder.Retain(stack, 1, nil)
			a.putBack(ctx)
			return err
		},
		"schedule": func() error {
			for _, kind := range []core.ScheduleKind{core.ScheduleSnapshot, core.ScheduleDiagnose, core.ScheduleReport} {
				if _, err := a.runSchedule(ctx, core.Schedule{ID: "s", Instance: stack, Kind: kind, Mode: core.Quick}); err != nil {
					return fmt.Errorf("%s: %w", kind, err)
				}
			}
			return nil
		},
		"upgrade": func() error {
			if _, err := a.waysOfUpgrade(ctx, i); err == nil || !strings.Contains(err.Error(), "not made by Basewright") {
				return fmt.Errorf("it is not refused: %w", err)
			}
			return nil
		},
	}
	for _, order := range []string{"cleanup schedule upgrade", "upgrade schedule cleanup", "schedule cleanup upgrade"} {
		for what := range strings.FieldsSeq(order) {
			if err := does[what](); err != nil {
				t.Errorf("%s: %s: %v", order, what, err)
			}
			if now := volumesOf(t, a, stack); !slices.Equal(now, before) {
				t.Fatalf("%s: after %s the volumes are\n%q, they were\n%q", order, what, now, before)
			}
		}
	}
}

// agentOf is an agent on the real engine that controls a stack, and of which nothing
// runs by itself.
func agentOf(t *testing.T, stack string) (*agent, core.Instance) {
	t.Helper()
	g := &global{console: &console{out: io.Discard, err: io.Discard}, dataDir: filepath.Join(t.TempDir(), "data")}
	a, err := newAgent(g, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { a.close(0) })
	host, err := a.engines.get(t.Context())
	must(t, err)
	found, err := host.Discover(t.Context())
	must(t, err)
	i, err := pick(found, stack)
	must(t, err)
	i.Mode = core.Control
	must(t, a.store.AddInstance(t.Context(), i, local("instance.adopt", stack)))
	return a, i
}

// volumesOf lists the volumes of a stack, each with when it was made.
func volumesOf(t *testing.T, a *agent, stack string) []string {
	t.Helper()
	host, err := a.engines.get(context.WithoutCancel(t.Context()))
	must(t, err)
	list, err := host.Client().VolumeList(t.Context(), volume.ListOptions{})
	must(t, err)
	var names []string
	for _, v := range list.Volumes {
		if strings.HasPrefix(v.Name, stack+"_") {
			names = append(names, v.Name+" made "+v.CreatedAt)
		}
	}
	slices.Sort(names)
	return names
}

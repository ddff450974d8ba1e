package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/store"
)

// memory opens the state in which doctor remembers how instances were when
// healthy. Without being asked for it uses what is there, and makes nothing.
func (g *global) memory(wanted bool) (*store.Store, error) {
	if _, err := os.Stat(filepath.Join(g.data(), "basewright.db")); err != nil && !wanted && g.database() == "" {
		return nil, nil
	}
	s, err := g.openStore()
	if err != nil && !wanted {
		return nil, nil // a diagnosis needs no state
	}
	return s, err
}

// lookSince is look, and compares the instance with how it was when it was last
// healthy. When it is healthy now, that is remembered instead. Where the state
// fails, the diagnosis is there beside the error.
func (g *global) lookSince(ctx context.Context, in core.Inspector, s *store.Store, books []core.Playbook, opts diagnose.Options) (*core.Diagnosis, error) {
	d, obs, err := diagnose.Look(ctx, in, s.Key(), g.checkers(), worded(opts, books))
	if err != nil {
		return nil, err
	}
	now := diagnose.Features(ctx, core.Target{Observation: obs, Inspector: in, Key: s.Key()})
	d.Since = &core.SinceHealthy{Changes: []core.Drift{}}
	switch was, err := s.Baseline(ctx, d.InstanceID); {
	case err == nil:
		d.Since.Baseline, d.Since.Changes = &was, now.Since(was.Features)
	case core.CodeOf(err) != core.NotFound:
		d.Since = nil
		return d, err
	}
	if d.Status == core.Healthy && d.Mode != core.Quick {
		err = s.SaveBaseline(ctx, d.InstanceID, core.Baseline{Diagnosis: d.ID, At: d.Timestamp, Features: now})
	}
	return d, err
}

// mostChanges is how many changes a report shows of one stack.
const mostChanges = 25

// printSince tells what changed since the stack was last healthy.
func printSince(c *console, d *core.Diagnosis) {
	if d.Since == nil {
		return
	}
	s := style{c.colour}
	b := d.Since.Baseline
	if b == nil {
		fmt.Fprintf(c.out, "\n  %s\n", s.dim("It was not seen healthy yet; from now on that is remembered."))
		return
	}
	fmt.Fprintf(c.out, "\n  %s %s\n", s.bold("since it was healthy"), s.dim("at "+b.At.Format(time.RFC3339)))
	if len(d.Since.Changes) == 0 {
		c.field("Changed", "nothing that was looked at: images, variables, compose files, extensions, roles, disks")
		return
	}
	label := "Changed"
	for i, change := range d.Since.Changes {
		if i == mostChanges {
			c.field(label, s.dim(fmt.Sprintf("… and %d more, which --output json shows", len(d.Since.Changes)-i)))
			return
		}
		c.field(label, printable(driftText(change)))
		label = ""
	}
}

func driftText(d core.Drift) string {
	switch {
	case d.Was == "":
		return fmt.Sprintf("%s %s: new, %s", d.Area, d.Name, d.Now)
	case d.Now == "":
		return fmt.Sprintf("%s %s: gone, was %s", d.Area, d.Name, d.Was)
	}
	return fmt.Sprintf("%s %s: %s, was %s", d.Area, d.Name, d.Now, d.Was)
}

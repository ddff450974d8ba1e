package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/snapshot"
)

type createFlags struct {
	scope, output, reason string
	recipients            []string
	recipientsFile        string
	stop                  bool
}

func snapshotCreate(g *global) *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use: "create INSTANCE", Short: "Take a snapshot of an instance that keeps running",
		Long: `Scopes: config (files, containers, role passwords), database (config, roles and a
dump of each database), volumes (config and every mounted folder with owners, modes,
links and extended attributes; not the data directory of a running database, unless
--stop is given), full (all of them).

It is streamed: memory stays bounded however large the data is. A snapshot that
would not fit on the disk is refused before it is begun.`,
		Example: "  basewright snapshot create shop --scope full\n  basewright snapshot create shop --scope database --recipient age1…",
		Args:    exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := f.parse()
			if err != nil {
				return err
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.takeSnapshot(cmd.Context(), args[0], f, to) })
		},
	}
	cmd.Flags().StringVar(&f.scope, "scope", "full", "what to keep: config, database, volumes or full")
	cmd.Flags().BoolVar(&f.stop, "stop", false, "stop the database while volumes are copied, and keep its data directory, too")
	cmd.Flags().StringVar(&f.reason, "reason", "manual", "why, for the list")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text or json")
	cmd.Flags().StringArrayVar(&f.recipients, "recipient", nil, "encrypt to this age recipient; may be given several times")
	cmd.Flags().StringVar(&f.recipientsFile, "recipients-file", "", "encrypt to the age recipients of this file (default: BASEWRIGHT_AGE_RECIPIENTS)")
	return cmd
}

// parse returns whom the snapshot is encrypted for.
func (f createFlags) parse() ([]age.Recipient, error) {
	switch core.Scope(f.scope) {
	case core.ConfigScope, core.DatabaseScope, core.VolumesScope, core.FullScope:
	default:
		return nil, core.Errorf(core.Invalid, "--scope %q is not one of: config, database, volumes, full", f.scope)
	}
	if err := textOrJSON(f.output); err != nil {
		return nil, err
	}
	text := strings.Join(f.recipients, "\n")
	if name := cmp.Or(f.recipientsFile, os.Getenv("BASEWRIGHT_AGE_RECIPIENTS")); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "the file with the age recipients cannot be read: %v", err)
		}
		text += "\n" + string(data)
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	to, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "what was given is no age recipient (age1…)")
	}
	return to, nil
}

// identities reads the keys that open encrypted snapshots.
func identities(file string) ([]age.Identity, error) {
	name := cmp.Or(file, os.Getenv("BASEWRIGHT_AGE_IDENTITY"))
	if name == "" {
		return nil, nil
	}
	data, err := os.Open(name)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the file with the age identity cannot be read: %v", err)
	}
	defer data.Close()
	keys, err := age.ParseIdentities(data)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "%s holds no age identity (AGE-SECRET-KEY-…)", name) // the cause may quote the key
	}
	return keys, nil
}

func (w *workshop) takeSnapshot(ctx context.Context, name string, f createFlags, to []age.Recipient) error {
	inst, err := find(ctx, w.host, name)
	if err != nil {
		return err
	}
	if inst, err = w.withMode(ctx, inst); err != nil {
		return err
	}
	if err := inst.Controlled(); err != nil {
		return refused(err)
	}
	release, err := w.applier.Hold(inst, "a snapshot being taken")
	if err != nil {
		return refused(err)
	}
	defer release()
	if f.output == "text" {
		w.folder.Progress = progressPrinter(w.console)
	}
	var snap core.Snapshot
	err = w.audited(ctx, "snapshot.create", inst.ID, "scope "+f.scope, func() (string, error) {
		e := w.host.Open(inst)
		obs, err := e.Observe(ctx)
		if err != nil {
			return "", err
		}
		snap, err = w.folder.TakeScope(ctx, e, inst, obs, snapshot.Request{Scope: core.Scope(f.scope), Reason: f.reason, Recipients: to, Stop: f.stop})
		if err != nil {
			return "", err
		}
		w.folder.At("snapshot.save")
		return "snapshot " + snap.ID, w.store.SaveSnapshot(ctx, snap)
	})
	if err != nil {
		return exit{exitFound, err}
	}
	if err := w.retain(ctx, inst.ID); err != nil {
		fmt.Fprintln(w.err, "basewright: remove old snapshots: "+printable(err.Error()))
	}
	if f.output == "json" {
		return w.indented(snap)
	}
	fmt.Fprintf(w.out, "snapshot %s of %s: %s, read back, not yet proven: basewright snapshot verify %s --drill\n",
		snap.ID, printable(inst.ID), bytesText(snap.Size), snap.ID)
	return nil
}

// progressPrinter shows how far a long step is: a line that is drawn anew on a
// terminal; elsewhere a line when a step ends.
func progressPrinter(c *console) func(snapshot.Progress) {
	var began time.Time
	step := ""
	return func(p snapshot.Progress) {
		if p.Step != step {
			step, began = p.Step, time.Now()
		}
		ended := p.Total > 0 && p.Done >= p.Total
		switch {
		case c.tty && !ended:
			io.WriteString(c.out, clearLine+bar(p))
		case ended:
			if c.tty {
				io.WriteString(c.out, clearLine)
			}
			fmt.Fprintf(c.out, "%-40s %10s  %s\n", printable(p.Step), bytesText(p.Done), time.Since(began).Round(10*time.Millisecond))
		}
	}
}

// bar draws a step's progress.
func bar(p snapshot.Progress) string {
	const width = 24
	if p.Total <= 0 {
		return fmt.Sprintf("%-40s %10s", printable(p.Step), bytesText(p.Done))
	}
	full := int(min(p.Done*width/p.Total, width))
	return fmt.Sprintf("%-40s [%s%s] %3d %%", printable(p.Step), strings.Repeat("#", full), strings.Repeat(".", width-full), min(p.Done*100/p.Total, 100))
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	const units = "KMGT"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/snapshot"
)

func snapshotCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Take, try and restore snapshots of an instance's configuration, databases and volumes",
		Long: `A snapshot is a verified copy of an instance at one moment: its configuration, its
databases, its volumes, or all of them. It is read back before it gets its name, and
it counts as proven only after a drill: "snapshot verify ID --drill" restores it into
a throwaway database and looks at what came back.

Exit code: 0 done, 1 refused, damaged or rolled back, 2 could not start.`,
	}
	cmd.AddCommand(snapshotCreate(g), snapshotList(g), snapshotShow(g), snapshotVerify(g), snapshotRestore(g), snapshotDelete(g))
	return cmd
}

func snapshotList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list [INSTANCE]", Short: "List snapshots, newest first, and how far each was tried", Example: "  basewright snapshot list shop", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withState(g, func(w *workshop) error {
				instance := ""
				if len(args) == 1 {
					instance = args[0]
					if err := w.enter(cmd.Context(), instance); err != nil {
						return err
					}
				}
				all, err := w.store.Snapshots(cmd.Context(), instance)
				if err != nil {
					return err
				}
				for i := range all {
					if w.folder.Missing(all[i]) {
						all[i].Proof = core.Proof{Level: core.Damaged, At: all[i].Proof.At, Detail: "its folder is gone"}
					}
				}
				if output == "json" {
					return listJSON(g.console, "snapshots", all)
				}
				return printSnapshots(g.console, all)
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

// enter records snapshots that are on the disk and not in the store: the agent
// was killed between the two, or a folder was brought from elsewhere. What is not
// whole is left alone.
func (w *workshop) enter(ctx context.Context, instance string) error {
	known, err := w.store.Snapshots(ctx, instance)
	if err != nil {
		return err
	}
	if !core.ValidID(instance) {
		return nil
	}
	found, err := w.folder.List(instance)
	if err != nil {
		return err
	}
	for _, s := range found {
		if slices.ContainsFunc(known, func(k core.Snapshot) bool { return k.ID == s.ID }) {
			continue
		}
		if s.Proof, err = w.folder.Check(s, core.Readable); err != nil {
			continue
		}
		if err := w.store.SaveSnapshot(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func printSnapshots(c *console, all []core.Snapshot) error {
	t := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SNAPSHOT\tINSTANCE\tWHEN\tSCOPE\tSIZE\tTRIED\tREASON")
	for _, s := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, printable(s.Instance), s.Created.Local().Format(time.DateTime), s.Scope,
			bytesText(s.Size), tried(s), printable(s.Reason))
	}
	return t.Flush()
}

// tried says how far a snapshot was tried.
func tried(s core.Snapshot) string {
	text := string(s.Proof.Level)
	if text == "" {
		text = string(core.Readable) // before levels were kept, each was read back
	}
	if s.Proof.Level == core.Proven {
		text += fmt.Sprintf(" %s, RTO %s", s.Proof.At.Local().Format(time.DateOnly), s.Proof.RTO.Duration().Round(100*time.Millisecond))
	}
	if s.Encrypted {
		text += ", encrypted"
	}
	return text
}

func snapshotShow(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "show SNAPSHOT", Short: "Show what a snapshot holds, what it left out, and its proof", Example: "  basewright snapshot show ID", Args: exactly(1, "one snapshot"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withState(g, func(w *workshop) error {
				s, err := w.store.Snapshot(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				m, err := w.folder.Manifest(s)
				if err != nil {
					return exit{exitFound, err}
				}
				if output == "json" {
					return g.indented(map[string]any{"snapshot": s, "manifest": m})
				}
				printManifest(g.console, s, m)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func printManifest(c *console, s core.Snapshot, m snapshot.Manifest) {
	st := style{c.colour}
	fmt.Fprintf(c.out, "Snapshot %s of %s\n", st.bold(s.ID), st.bold(printable(s.Instance)))
	c.field("Taken", s.Created.Local().Format(time.DateTime)+", "+printable(s.Reason))
	c.field("Scope", string(s.Scope)+", "+bytesText(s.Size)+" in "+printable(s.Path))
	c.field("Tried", strings.TrimSpace(tried(s)+"  "+printable(s.Proof.Detail)))
	c.field("Config", fmt.Sprintf("%d files, %d role passwords, %s", len(m.Files), m.Roles.Count, bytesText(m.ArchiveSize)))
	if m.Consistency != "" {
		c.field("Data", printable(m.Consistency))
	}
	for _, d := range m.Streams {
		text := fmt.Sprintf("%s %s: %s, %s on the disk", d.Kind, printable(d.Name), bytesText(d.RawSize), bytesText(d.Size))
		if d.Volume != nil {
			text += fmt.Sprintf(", %d entries", d.Volume.Entries)
		}
		c.field("Holds", text)
	}
	for _, k := range m.Skipped {
		c.field("Left out", printable(k.Name)+": "+printable(k.Why))
	}
}

func snapshotDelete(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "delete SNAPSHOT", Short: "Move a snapshot to quarantine; nothing is removed", Example: "  basewright snapshot delete ID", Args: exactly(1, "one snapshot"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withState(g, func(w *workshop) error {
				s, err := w.store.Snapshot(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				needed, err := w.store.NeededSnapshots(cmd.Context(), s.Instance)
				if err != nil {
					return err
				}
				if needed[s.ID] {
					return exit{exitFound, core.Errorf(core.Conflict, "snapshot %s is needed: a change of %s can only be undone with it", s.ID, s.Instance)}
				}
				var to string
				err = w.audited(cmd.Context(), "snapshot.delete", s.Instance, "snapshot "+s.ID, func() (string, error) {
					item, err := w.folder.Quarantine(s, func(a core.Aside) error { return w.store.SaveAside(cmd.Context(), a) })
					if err != nil {
						return "", err
					}
					to = item.In()
					return "now in " + to, w.store.ForgetSnapshots(cmd.Context(), s.ID)
				})
				if err == nil {
					fmt.Fprintf(g.out, "snapshot %s is in quarantine: %s\n", s.ID, printable(to))
				}
				return err
			})
		},
	}
}

// audited does what somebody at the terminal asked for between two entries of
// the audit log.
func (w *workshop) audited(ctx context.Context, action, instance, detail string, do func() (string, error)) error {
	return w.auditedBy(ctx, actor(), action, instance, detail, do)
}

// auditedBy does something between two entries of the audit log. What cannot be
// written down is not done. The text that do returns goes into the second.
func (w *workshop) auditedBy(ctx context.Context, who, action, instance, detail string, do func() (string, error)) error {
	entry := core.AuditEntry{At: time.Now(), Actor: who, Action: action, Instance: instance, Outcome: "intent", Detail: detail}
	if err := w.store.Append(ctx, entry); err != nil {
		return fmt.Errorf("nothing was done, since it could not be written down: %w", err)
	}
	said, err := do()
	entry.At, entry.Outcome = time.Now(), "ok"
	if entry.Detail = strings.TrimSpace(detail + " " + said); err != nil {
		entry.Outcome, entry.Detail = "failed", detail+": "+err.Error()
	}
	if saved := w.store.Append(context.WithoutCancel(ctx), entry); saved != nil && err == nil {
		return saved
	}
	return err
}

// withState opens the state without an engine.
func withState(g *global, do func(*workshop) error) error {
	w, err := openState(g, nil)
	if err != nil {
		return err
	}
	defer w.close()
	return do(w)
}

// textOrJSON refuses any other way to print.
func textOrJSON(output string) error {
	if output != "text" && output != "json" {
		return core.Errorf(core.Invalid, "--output %q is not one of: text, json", output)
	}
	return nil
}

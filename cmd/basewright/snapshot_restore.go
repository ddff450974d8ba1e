package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
)

type restoreFlags struct {
	approval
	only           []string
	onlyFiles      bool
	into, identity string
	intoNew        string
	order          orderFlags // of the new instance
}

func snapshotRestore(g *global) *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use: "restore SNAPSHOT", Short: "Bring a snapshot back: in place as one transaction, into a new instance, or into a new folder",
		Long: `In place: the whole snapshot is read first, and refused when it is damaged, of
another instance or another major version of PostgreSQL. A safety snapshot is taken,
services are stopped with the database last, what is there is put aside by renaming,
the snapshot comes in its place, and the instance is diagnosed. If that is worse than
before, everything goes back. What was put aside stays until a person purges it (quarantine).

With --into-new an instance of that name is made as "instance create" does, and gets
the database and the files of storage as they are in the snapshot. Its identity, its
secrets and the passwords of its roles are its own; what Vault encrypted cannot be
read in it. It is kept when a diagnosis with a sign-up finds nothing critical; else
nothing of it is left. The instance of the snapshot is not touched and may be gone.

With --into the snapshot is unpacked into a new folder and nothing else is touched.`,
		Example: "  basewright snapshot restore ID --plan\n  basewright snapshot restore ID --only database --yes\n  basewright snapshot restore ID --into-new shop-two --yes\n  basewright snapshot restore ID --into /srv/shop-copy",
		Args:    exactly(1, "one snapshot"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(cmd.Flags()); err != nil {
				return err
			}
			if f.intoNew != "" {
				return createInstance(cmd.Context(), g, f.ordered(args[0]))
			}
			if f.into != "" {
				return withState(g, func(w *workshop) error { return w.restoreInto(cmd.Context(), args[0], f) })
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.restoreSnapshot(cmd.Context(), args[0], f) })
		},
	}
	cmd.Flags().StringArrayVar(&f.only, "only", nil, "restore only this part: config, database or volumes; may be given several times")
	cmd.Flags().BoolVar(&f.onlyFiles, "only-files", false, "the same as --only config: files, role passwords and containers")
	cmd.Flags().StringVar(&f.into, "into", "", "unpack into this new folder")
	cmd.Flags().StringVar(&f.intoNew, "into-new", "", "make a new instance of this name with the data of the snapshot; the flags of instance create say the rest")
	f.order.registerOrder(cmd.Flags())
	cmd.Flags().StringVar(&f.identity, "identity-file", "", "file with the age identity that opens it (default: BASEWRIGHT_AGE_IDENTITY)")
	f.register(cmd)
	return cmd
}

func (f *restoreFlags) validate(flags *pflag.FlagSet) error {
	if err := f.validateNew(flags); err != nil {
		return err
	}
	if f.onlyFiles {
		f.only = append(f.only, string(core.ConfigScope))
	}
	if err := knownParts(f.parts()); err != nil {
		return err
	}
	if f.into != "" && (f.plan || len(f.only) > 0) {
		return core.Errorf(core.Invalid, "--into unpacks the whole snapshot and touches no instance; leave --plan and --only out")
	}
	return f.approval.validate()
}

// parts are those that were asked for.
func (f restoreFlags) parts() []core.Scope {
	var parts []core.Scope
	for _, p := range f.only {
		parts = append(parts, core.Scope(p))
	}
	return parts
}

func (w *workshop) restoreInto(ctx context.Context, id string, f restoreFlags) error {
	s, err := w.store.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if w.folder.Identities, err = identities(f.identity); err != nil {
		return err
	}
	dir := absolute(f.into)
	var wrote []string
	err = w.audited(ctx, "snapshot.unpack", s.Instance, "snapshot "+s.ID+" into "+dir, func() (string, error) {
		wrote, err = w.folder.Into(s, dir)
		return fmt.Sprintf("%d files and volumes", len(wrote)), err
	})
	if err != nil {
		return exit{exitFound, err}
	}
	if f.output == "json" {
		return w.indented(map[string]any{"snapshot": s, "into": dir, "wrote": wrote})
	}
	fmt.Fprintf(w.out, "snapshot %s is unpacked in %s, which holds secrets: %d files and volumes\n", s.ID, printable(dir), len(wrote))
	return nil
}

func (w *workshop) restoreSnapshot(ctx context.Context, id string, f restoreFlags) error {
	s, err := w.store.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if w.folder.Identities, err = identities(f.identity); err != nil {
		return err
	}
	inst, err := w.present(ctx, s)
	if err != nil {
		return err
	}
	e := w.host.Open(inst)
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	parts := chosenParts(s, f.parts())
	if err := w.folder.Ready(ctx, e, inst, obs, s, parts); err != nil {
		return exit{exitFound, err}
	}
	if inst.Release, err = w.booked(ctx, inst.ID); err != nil {
		return err
	}
	plan, r, err := planRestore(w.folder, inst, obs, s, parts)
	if err != nil {
		return exit{exitFound, err}
	}
	if ok, err := w.approved(f.approval, plan); !ok {
		return err
	}
	return w.applyRestore(ctx, inst, plan, r, f)
}

// present returns the instance that a snapshot is of, as it is now; where no
// container is left of it, as it was.
func (w *workshop) present(ctx context.Context, s core.Snapshot) (core.Instance, error) {
	instances, err := w.host.Discover(ctx)
	if err != nil {
		return core.Instance{}, err
	}
	for _, i := range instances {
		if i.ID == s.Instance {
			return i, nil
		}
	}
	inst, err := w.folder.Instance(s)
	if err != nil {
		return inst, exit{exitFound, err}
	}
	return inst, nil
}

func (w *workshop) applyRestore(ctx context.Context, inst core.Instance, plan core.Plan, r apply.Restoration, f restoreFlags) error {
	inst, err := w.withMode(ctx, inst)
	if err != nil {
		return err
	}
	c, err := w.applier.Restore(ctx, inst, plan, r, actor(), plan.Hash)
	err = w.receipt(f.output, c, err)
	if c != nil && f.output == "text" {
		w.printAside(ctx, *c)
	}
	return err
}

// printAside tells what of before is still there, under other names.
func (w *workshop) printAside(ctx context.Context, c core.Change) {
	if c.State != core.Committed {
		return
	}
	s, err := w.store.Snapshot(ctx, c.Snapshot)
	if err != nil {
		return
	}
	aside, _ := w.folder.Aside(s)
	for _, a := range aside {
		w.field("Put aside", printable(a))
	}
}

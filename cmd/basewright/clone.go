package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/snapshot"
)

func cloneCommand(g *global) *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "clone INSTANCE NAME", Short: "Make a new instance with another's database and files, and secrets of its own",
		Long: `Takes a snapshot of INSTANCE, which goes on running, makes a new instance as
"instance create" does, and gives it the database and the files of storage: with
--schema-only tables, functions and policies without rows. Identity and secrets are
always new: nobody stays logged in, keys of the one are not valid in the other, and
what Vault encrypted in the one cannot be read in the other. When anything fails
nothing of the clone is left.

Exit code: 0 planned or made, 1 refused or removed again, 2 could not start.`,
		Example: "  basewright instance clone shop shop-test --plan\n  basewright instance clone shop shop-dev --schema-only --yes",
		Args:    exactly(2, "an instance and the name of its clone"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			f.order.Clone.Of, f.order.Name = args[0], args[1]
			return createInstance(cmd.Context(), g, f)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.order.Clone.SchemaOnly, "schema-only", false, "leave the rows and files behind")
	return cmd
}

// graft returns how a new instance gets what another's database and files are, or
// nil for one that gets nothing, and completes the order accordingly.
func (w *workshop) graft(ctx context.Context, f *orderFlags) (func(context.Context, core.Engine) error, error) {
	switch of := f.order.Clone; {
	case of.Snapshot != "":
		return w.fromSnapshot(ctx, f)
	case of.Of != "":
		source, err := w.source(ctx, f)
		return w.transplant(source, of.SchemaOnly), err
	}
	return nil, nil
}

// source finds what is to be cloned and makes the clone's database of the same
// major version.
func (w *workshop) source(ctx context.Context, f *orderFlags) (core.Instance, error) {
	inst, err := find(ctx, w.host, f.order.Clone.Of)
	if err != nil {
		return inst, err
	}
	rows, err := w.host.Open(inst).Query(ctx, "postgres", "show server_version_num")
	if err != nil {
		return inst, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(rows[0][0]))
	if err != nil {
		return inst, err
	}
	if major := n / 10000; f.order.PG != 0 && f.order.PG != major {
		return inst, core.Errorf(core.Invalid, "%s runs PostgreSQL %d; its clone cannot have %d", inst.ID, major, f.order.PG)
	}
	f.order.PG, f.order.Clone.Of = n/10000, inst.ID
	return inst, nil
}

// transplant returns how a clone gets what is the source's: by a snapshot that is
// taken now and kept as others are.
func (w *workshop) transplant(source core.Instance, schemaOnly bool) func(context.Context, core.Engine) error {
	return func(ctx context.Context, clone core.Engine) error {
		release, err := w.applier.Hold(source, "a snapshot being taken")
		if err != nil {
			return err
		}
		defer release()
		e := w.host.Open(source)
		obs, err := e.Observe(ctx)
		if err != nil {
			return err
		}
		scope := core.FullScope
		if schemaOnly {
			scope = core.DatabaseScope
		}
		var snap core.Snapshot
		err = w.audited(ctx, "snapshot.create", source.ID, "scope "+string(scope)+", for a clone", func() (string, error) {
			snap, err = w.folder.TakeScope(ctx, e, source, obs, snapshot.Request{Scope: scope, Reason: "for a clone"})
			if err != nil {
				return "", err
			}
			return "snapshot " + snap.ID, w.store.SaveSnapshot(ctx, snap)
		})
		if err != nil {
			return err
		}
		return w.folder.Transplant(ctx, clone, snap, schemaOnly)
	}
}

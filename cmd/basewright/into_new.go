package main

import (
	"cmp"
	"context"

	"github.com/spf13/pflag"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/snapshot"
)

// validateNew refuses what does not go with, or not without, a new instance.
func (f *restoreFlags) validateNew(flags *pflag.FlagSet) error {
	if f.intoNew != "" {
		if f.into != "" || len(f.only) > 0 || f.onlyFiles {
			return core.Errorf(core.Invalid, "--into-new makes a whole instance; leave --into, --only and --only-files out")
		}
		f.order.output = cmp.Or(f.output, "text")
		return f.order.validate()
	}
	known, stray := pflag.NewFlagSet("", pflag.ContinueOnError), ""
	(&orderFlags{}).registerOrder(known)
	flags.Visit(func(g *pflag.Flag) {
		if known.Lookup(g.Name) != nil {
			stray = g.Name
		}
	})
	if stray != "" {
		return core.Errorf(core.Invalid, "--%s is of a new instance; it goes with --into-new", stray)
	}
	return nil
}

// ordered is the order of a new instance that gets the data of a snapshot.
func (f restoreFlags) ordered(snapshot string) orderFlags {
	o := f.order
	o.order.Name, o.order.Clone.Snapshot = f.intoNew, snapshot
	o.output, o.plan, o.yes, o.identity = f.output, f.plan, f.yes, f.identity
	return o
}

// fromSnapshot returns how a new instance gets the data of a snapshot, all of
// which is read first.
func (w *workshop) fromSnapshot(ctx context.Context, f *orderFlags) (func(context.Context, core.Engine) error, error) {
	var err error
	if w.folder.Identities, err = identities(f.identity); err != nil {
		return nil, err
	}
	s, err := w.fitOrder(ctx, &f.order)
	if err != nil {
		return nil, err
	}
	if _, err := w.folder.Check(s, core.Readable); err != nil {
		return nil, err
	}
	return transplantOf(w.folder, s), nil
}

// fitOrder finds the snapshot that an order names, and orders a database of the
// same major version, since a dump does not go back to an older one.
func (w *workshop) fitOrder(ctx context.Context, o *create.Order) (core.Snapshot, error) {
	s, err := w.store.Snapshot(ctx, o.Clone.Snapshot)
	if err != nil {
		return s, err
	}
	major, err := w.folder.Transplantable(s)
	if err != nil {
		return s, err
	}
	if o.PG != 0 && o.PG != major {
		return s, core.Errorf(core.Invalid, "snapshot %s is of PostgreSQL %d; an instance made of it cannot have %d", s.ID, major, o.PG)
	}
	o.PG, o.Clone.Of = major, s.Instance
	return s, nil
}

func transplantOf(folder *snapshot.Folder, s core.Snapshot) func(context.Context, core.Engine) error {
	return func(ctx context.Context, fresh core.Engine) error { return folder.Transplant(ctx, fresh, s, false) }
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/upgrade"
	"github.com/basewright/basewright/repairs"
)

// upgradeFlags is how a person asks for an upgrade.
type upgradeFlags struct {
	approval
	to       string
	take     []string
	rehearse bool
}

func upgradeCommand(g *global) *cobra.Command {
	var f upgradeFlags
	cmd := &cobra.Command{
		Use: "upgrade INSTANCE", Short: "Bring an instance to a newer release of Supabase, and back when it is worse there",
		Long: `Merges what the release of INSTANCE said, what its files say and what the newer
release says, so that own changes stay: the .env variable by variable, other files
line by line. Where both changed the same, nothing is done until somebody decides with
--take FILE=ours or FILE=theirs (also --take ".env KEY=ours"), or edits the file.

The plan lists images, settings, files and what a person must do beside. It is a change
like any other: everything but the database is stopped, then a full snapshot is taken,
so that nothing that was written is lost; the database is last to stop and first to
start; what somebody had stopped before stays stopped. It is verified by a diagnosis,
and put back when a service does not come up or something is worse; the databases and
files, too, when a service has migrated its schema by then. Nothing answers meanwhile.
--rehearse does it with a clone, which is removed afterwards, and changes nothing of
INSTANCE; its cron jobs and webhooks run in the clone, too. What a rehearsal that is
killed leaves is removed by whatever command comes next. An instance whose compose files
were edited is not rehearsed: its copy could mount the same folders. The major version of
PostgreSQL is never changed.

Exit code: 0 planned, committed or rehearsed well, 1 refused or rolled back, 2 could not start.`,
		Example: "  basewright instance upgrade shop --plan\n  basewright instance upgrade shop --rehearse --yes\n  basewright instance upgrade shop --to 0.8.1 --take docker-compose.yml=ours --yes",
		Args:    exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			order, err := f.order()
			if err != nil {
				return err
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.upgrade(cmd.Context(), f, args[0], order) })
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.to, "to", "", "release to bring it to (default: the newest that is known)")
	cmd.Flags().StringArrayVar(&f.take, "take", nil, "who wins where both changed the same: FILE=ours or FILE=theirs; may be given again")
	cmd.Flags().BoolVar(&f.rehearse, "rehearse", false, "do it with a clone, look at that, remove it, and leave the instance as it is")
	return cmd
}

// order reads what is asked for.
func (f upgradeFlags) order() (upgrade.Order, error) {
	o := upgrade.Order{To: f.to, Take: map[string]upgrade.Side{}}
	for _, pair := range f.take {
		at := strings.LastIndexByte(pair, '=')
		if at <= 0 {
			return o, core.Errorf(core.Invalid, "--take %s is not of the form FILE=ours or FILE=theirs", printable(pair))
		}
		o.Take[pair[:at]] = upgrade.Side(pair[at+1:])
	}
	return o, f.validate()
}

func (w *workshop) upgrade(ctx context.Context, f upgradeFlags, name string, o upgrade.Order) error {
	inst, err := w.known(ctx, name)
	if err != nil {
		return err
	}
	made, err := w.planUpgrade(ctx, w.host, inst, o)
	if refusal, ok := errors.AsType[*upgrade.Refusal](err); ok {
		return w.undecided(f.output, refusal)
	}
	if err != nil {
		return refused(err)
	}
	if f.rehearse {
		return w.rehearse(ctx, f, inst, o, made.Plan)
	}
	return w.carry(f.approval, made.Plan, func() (*core.Change, error) {
		return w.applyUpgrade(ctx, *w.applier, w.host, inst, made, actor())
	})
}

// planUpgrade plans an upgrade and seals the plan. Images that cannot be had are
// all in one error.
func (w *workshop) planUpgrade(ctx context.Context, host *docker.Host, inst core.Instance, o upgrade.Order) (upgrade.Made, error) {
	e := host.Open(inst)
	obs, err := e.Observe(ctx)
	if err == nil {
		err = e.Alone(ctx)
	}
	if err != nil {
		return upgrade.Made{}, err
	}
	release, err := w.booked(ctx, inst.ID)
	if err != nil {
		return upgrade.Made{}, err
	}
	made, err := upgrade.Plan(ctx, e, obs, o, release, w.store.Key())
	if err != nil {
		return made, err
	}
	var missing []string
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(made.Images))) {
		if err := host.Obtainable(ctx, ref); err != nil {
			missing = append(missing, fmt.Sprintf("image %s: %v", ref, err))
		}
	}
	if len(missing) > 0 {
		return made, core.Errorf(core.Conflict, "%s cannot be upgraded to %s: %s", inst.ID, made.To, strings.Join(missing, "; "))
	}
	made.Plan.Basis = repairs.Basis(obs, nil, w.store.Key())
	return made, made.Plan.Seal()
}

// booked returns the release that an instance is of by Basewright's own books, ""
// when they do not tell.
func (w *workshop) booked(ctx context.Context, id string) (string, error) {
	kept, err := w.store.Instance(ctx, id)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return "", err
	}
	return kept.Release, nil
}

// applyUpgrade carries out the plan of an upgrade.
func (w *workshop) applyUpgrade(ctx context.Context, by apply.Applier, host *docker.Host, inst core.Instance, made upgrade.Made, who string) (*core.Change, error) {
	by.Settle = 2 * time.Minute // all services start at once
	return by.Upgrade(ctx, inst, made.Plan, who, made.Plan.Hash, made.Given, func(ctx context.Context) error { return host.Fetch(ctx, inst.Project, made.Images) })
}

// undecided prints every conflict of an upgrade.
func (w *workshop) undecided(output string, r *upgrade.Refusal) error {
	if output == "json" {
		return errors.Join(w.indented(map[string]any{"conflicts": r.Conflicts}), exit{code: exitFound})
	}
	for _, c := range r.Conflicts {
		fmt.Fprintf(w.err, "conflict in %s, %s\n", printable(c.File), printable(c.Where))
		for _, side := range []struct{ name, text string }{{"before", c.Base}, {"yours", c.Ours}, {"release", c.Theirs}} {
			for line := range strings.Lines(side.text + "\n") {
				if line = strings.TrimRight(line, "\n"); line != "" {
					fmt.Fprintf(w.err, "  %-8s %s\n", side.name, printable(line))
				}
			}
		}
	}
	return exit{exitFound, core.Errorf(core.Conflict, "%d places were changed by you and by release %s; decide with --take FILE=ours or FILE=theirs, or edit them; nothing was done", len(r.Conflicts), r.To)}
}

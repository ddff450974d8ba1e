package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

// sourceHash tells one text of a playbook from another.
func sourceHash(b core.Playbook) string {
	sum := sha256.Sum256([]byte(b.Source))
	return hex.EncodeToString(sum[:])
}

// permit marks the playbooks that may run commands.
func (w *workshop) permit(ctx context.Context) error {
	for i, b := range w.books {
		may, err := w.store.MayExec(ctx, b.ID, sourceHash(b))
		if err != nil {
			return err
		}
		w.books[i].MayExec = may
	}
	return nil
}

// mayExec answers for the playbook of a plan, by its text as it was loaded.
func (w *workshop) mayExec(_ context.Context, p core.Plan) bool {
	return slices.ContainsFunc(w.books, func(b core.Playbook) bool { return b.ID == p.Playbook && b.MayExec })
}

// permitted returns a playbook as it is now, marked when it may run commands.
func (a *agent) permitted(ctx context.Context, id string) (core.Playbook, error) {
	b, err := a.collection.Find(ctx, id)
	if err != nil {
		return b, err
	}
	b.MayExec, err = a.store.MayExec(ctx, b.ID, sourceHash(b))
	return b, err
}

// mayExec answers for the playbook of a plan, by its text as it is now.
func (a *agent) mayExec(ctx context.Context, p core.Plan) bool {
	b, err := a.permitted(ctx, p.Playbook)
	return err == nil && b.MayExec
}

func playbookAllowExec(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "allow-exec PLAYBOOK", Short: "Let a playbook run commands in services, as its text is now",
		Long:    "The permission is for the playbook's text as it is now: a playbook that is edited asks again.",
		Example: "  basewright playbook allow-exec vacuum-storage", Args: exactly(1, "one playbook"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return setExec(cmd.Context(), g, args[0], true)
		},
	}
}

func playbookForbidExec(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "forbid-exec PLAYBOOK", Short: "Take back the permission to run commands",
		Example: "  basewright playbook forbid-exec vacuum-storage", Args: exactly(1, "one playbook"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return setExec(cmd.Context(), g, args[0], false)
		},
	}
}

func setExec(ctx context.Context, g *global, name string, allow bool) error {
	w, err := openState(g, nil)
	if err != nil {
		return err
	}
	defer w.close()
	if w.books, err = g.playbooks(ctx); err != nil {
		return err
	}
	i := slices.IndexFunc(w.books, func(b core.Playbook) bool { return b.ID == name })
	hash := ""
	switch {
	case i < 0 && allow:
		return core.Errorf(core.NotFound, "there is no playbook %s; `basewright playbook list` names them", printable(name))
	case allow && !slices.Contains(w.books[i].Needs, core.OpExec):
		return core.Errorf(core.Invalid, "the playbook %s runs no commands; it needs no permission", name)
	case allow:
		hash = sourceHash(w.books[i])
	}
	if err := w.store.AllowExec(ctx, name, hash, actor()); err != nil {
		return err
	}
	if allow {
		fmt.Fprintf(g.out, "%s may run commands, as long as its text stays as it is (sha256 %s…)\n", printable(name), hash[:12])
		return nil
	}
	fmt.Fprintf(g.out, "%s may not run commands\n", printable(name))
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/configure"
	"github.com/basewright/basewright/core/supabase"
	"github.com/basewright/basewright/repairs"
)

type configFlags struct {
	approval
	stdin bool
	from  string
}

func configCommand(g *global) *cobra.Command {
	var f configFlags
	cmd := &cobra.Command{
		Use:   "config INSTANCE [get [KEY…] | set KEY=VALUE… | unset KEY… | edit FILE | diff]",
		Short: "Show and change an instance's settings",
		Long: `Shows the settings in the .env of an instance, secrets masked. A change is planned,
backed up, applied, verified by a diagnosis, and taken back when the instance is
worse afterwards: the .env is edited in place, with its comments and order, and only
the services that use a setting are recreated. diff shows what containers run with
that the .env no longer says.

edit gives a whole file that the stack is made of the text of --from: its .env, a
compose file, or what they mount, such as volumes/api/kong.yml. The text is read as
its readers would first, and refused with every reason; then it is a change as above.

A secret is better given with --stdin, as KEY=VALUE lines, than in the command line.

Exit code: 0 shown, planned or committed, 1 refused, rolled back or (diff) different,
2 could not start.`,
		Example: "  basewright config shop\n  basewright config shop get SITE_URL\n  basewright config shop set DISABLE_SIGNUP=true --plan\n  basewright config shop set --stdin --yes < new-password.env",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return core.Errorf(core.Invalid, "basewright config takes an instance; see `basewright config --help`")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			return config(cmd.Context(), g, f, args)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.stdin, "stdin", false, "read more KEY=VALUE lines from the standard input")
	cmd.Flags().StringVar(&f.from, "from", "", "file with the new text, for edit; - is the standard input")
	return cmd
}

func config(ctx context.Context, g *global, f configFlags, args []string) error {
	verb, rest := "get", args[1:]
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	switch verb {
	case "get", "diff":
		return showConfig(ctx, g, f, args[0], verb, rest)
	case "set", "unset":
		edit, err := f.edit(g, verb, rest)
		if err != nil {
			return err
		}
		return changeConfig(ctx, g, f, args[0], func(w *workshop, _ core.Inspector, obs *core.Observation) (core.Plan, map[string]core.Secret, error) {
			return configure.Plan(obs, edit, w.store.Key())
		})
	case "edit":
		text, err := f.text(g, rest)
		if err != nil {
			return err
		}
		return changeConfig(ctx, g, f, args[0], func(w *workshop, in core.Inspector, obs *core.Observation) (core.Plan, map[string]core.Secret, error) {
			return configure.EditFile(ctx, in, obs, filepath.ToSlash(filepath.Clean(rest[0])), text, w.store.Key())
		})
	}
	return core.Errorf(core.Invalid, "config knows get, set, unset, edit and diff, not %s", printable(verb))
}

// maxText bounds the text of a file of a stack.
const maxText = 4 << 20

// text reads what a file is to hold.
func (f configFlags) text(g *global, rest []string) ([]byte, error) {
	if len(rest) != 1 || f.from == "" {
		return nil, core.Errorf(core.Invalid, "edit needs one file of the stack, and --from with its new text; see `basewright config --help`")
	}
	in := g.in
	if f.from != "-" {
		file, err := os.Open(f.from)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "--from: %v", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err == nil && len(text) > maxText {
		err = core.Errorf(core.Invalid, "--from holds more than %d MiB", maxText>>20)
	}
	return text, err
}

// edit reads what is to be set or unset.
func (f configFlags) edit(g *global, verb string, args []string) (configure.Edit, error) {
	e := configure.Edit{Set: map[string]core.Secret{}}
	if verb == "unset" {
		e.Unset = args
		return e, nil
	}
	for _, pair := range args {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return e, core.Errorf(core.Invalid, "%s is not of the form KEY=VALUE", printable(key))
		}
		e.Set[key] = core.Secret(value)
	}
	if !f.stdin {
		return e, nil
	}
	data, err := io.ReadAll(io.LimitReader(g.in, 1<<20))
	if err != nil {
		return e, fmt.Errorf("read the standard input: %w", err)
	}
	vars, err := supabase.ParseEnv(data)
	for _, v := range vars {
		e.Set[v.Key] = v.Value
	}
	return e, err
}

// changeConfig plans an edit, shows it and applies it.
func changeConfig(ctx context.Context, g *global, f configFlags, name string,
	edit func(*workshop, core.Inspector, *core.Observation) (core.Plan, map[string]core.Secret, error)) error {
	w, err := openWorkshop(ctx, g)
	if err != nil {
		return err
	}
	defer w.close()
	instance, err := find(ctx, w.host, name)
	if err != nil {
		return err
	}
	e := w.host.Open(instance)
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	plan, given, err := edit(w, e, obs)
	if err != nil {
		return refused(err)
	}
	w.given = given
	plan.Basis = repairs.Basis(obs, nil, w.store.Key())
	if err := plan.Seal(); err != nil {
		return err
	}
	if err := w.applier.Check(plan, obs); err != nil {
		return refused(err)
	}
	if ok, err := w.approved(f.approval, plan); !ok {
		return err
	}
	return w.apply(ctx, instance, plan, nil, f.output)
}

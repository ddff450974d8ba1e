package main

import (
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

// approval is how a person says to a command that makes a plan what becomes of it.
type approval struct {
	plan, yes bool
	output    string
}

func (a *approval) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.plan, "plan", false, "show the plan and change nothing")
	cmd.Flags().BoolVar(&a.yes, "yes", false, "apply the plan without asking")
	cmd.Flags().StringVar(&a.output, "output", "text", "how to print: text or json")
}

func (a approval) validate() error {
	if a.plan && a.yes {
		return core.Errorf(core.Invalid, "--plan and --yes exclude each other; --plan changes nothing")
	}
	return textOrJSON(a.output)
}

// approved shows a plan and has it approved. It is false where the plan was only to
// be seen; then nothing is left to say. An objection refuses what was shown.
func (w *workshop) approved(a approval, plan core.Plan, objections ...error) (bool, error) {
	if a.output == "text" {
		printPlan(w.console, plan)
	}
	for _, err := range objections {
		if err != nil {
			return false, refused(err)
		}
	}
	if a.plan {
		return false, w.printJSON(a.output, plan)
	}
	if !a.yes {
		if err := w.confirm(plan); err != nil {
			return false, err
		}
	}
	if a.output == "text" {
		w.applier.Progress, w.folder.Progress = stepPrinter(w.console), progressPrinter(w.console)
	}
	return true, nil
}

// carry has a plan approved, applies it, and prints what became of it.
func (w *workshop) carry(a approval, plan core.Plan, do func() (*core.Change, error)) error {
	if ok, err := w.approved(a, plan); !ok {
		return err
	}
	c, err := do()
	return w.receipt(a.output, c, err)
}

// receipt prints what became of a change, or returns why it was not begun.
func (w *workshop) receipt(output string, c *core.Change, err error) error {
	if c == nil {
		return refused(err)
	}
	if output == "text" {
		printReceipt(w.console, *c)
	} else if err := w.indented(c); err != nil {
		return err
	}
	if c.State != core.Committed {
		return exit{code: exitFound}
	}
	return nil
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/repairs"
)

type repairFlags struct {
	finding string
	params  []string
	hash    string
	confirm string
	approval
}

func repairCommand(g *global) *cobra.Command {
	var f repairFlags
	cmd := &cobra.Command{
		Use:   "repair INSTANCE [PLAYBOOK]",
		Short: "Repair an instance with a playbook: planned, backed up, verified, rolled back when it did not help",
		Long: `Makes the playbook's plan from the facts of the instance as it is now and shows
exactly what would change. With --yes the plan is applied as one transaction:
snapshot, journal, actions, re-diagnosis. It is kept only if the finding it claims
to mend is gone and nothing critical is new; otherwise everything is put back.

PLAYBOOK is a name of "basewright playbook list", or a .lua file.

Exit code: 0 planned or committed, 1 refused or rolled back, 2 could not start.`,
		Example: "  basewright repair shop align-database-passwords --plan\n  basewright repair shop align-database-passwords --yes\n  basewright repair shop --finding PG-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(args); err != nil {
				return err
			}
			return repair(cmd.Context(), g, f, args)
		},
	}
	cmd.Flags().StringVar(&f.finding, "finding", "", "mend this finding; the playbook may then be left out")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "a parameter of the playbook, as name=value")
	cmd.Flags().StringVar(&f.hash, "hash", "", "apply only if the plan is still the one with this hash")
	f.register(cmd)
	cmd.Flags().StringVar(&f.confirm, "confirm", "", "the instance's name, typed; a guided plan wants it beside --yes")
	return cmd
}

func (f repairFlags) validate(args []string) error {
	switch {
	case len(args) == 0:
		return core.Errorf(core.Invalid, "repair needs an instance and a playbook; see `basewright repair --help`")
	case len(args) > 2:
		return core.Errorf(core.Invalid, "repair takes one instance and one playbook, not %d arguments", len(args))
	case len(args) == 1 && f.finding == "":
		return core.Errorf(core.Invalid, "repair %s needs a playbook or --finding CODE; `basewright doctor %s` names them", printable(args[0]), printable(args[0]))
	}
	return f.approval.validate()
}

func repair(ctx context.Context, g *global, f repairFlags, args []string) error {
	w, err := openWorkshop(ctx, g)
	if err != nil {
		return err
	}
	defer w.close()
	instance, err := find(ctx, w.host, args[0])
	if err != nil {
		return err
	}
	plan, finding, err := w.plan(ctx, instance, f, args[1:])
	if err != nil {
		return refused(err)
	}
	if ok, err := w.approved(f.approval, plan, f.objection(plan)); !ok {
		return err
	}
	return w.apply(ctx, instance, plan, finding, f.output)
}

// objection is what speaks against a plan, whoever approves it.
func (f repairFlags) objection(plan core.Plan) error {
	switch {
	case f.hash != "" && f.hash != plan.Hash:
		return core.Errorf(core.Conflict, "the plan is no longer the one with hash %s; the instance or the playbook changed since", printable(f.hash))
	case f.yes && plan.Guided && f.confirm != plan.Instance:
		return core.Errorf(core.Forbidden, "this plan prepares what may lose data; type the instance's name beside --yes: --confirm %s", plan.Instance)
	}
	return nil
}

// refused marks an error as an answer about the instance, not a failure to look.
func refused(err error) error {
	if code := core.CodeOf(err); code == core.Conflict || code == core.Forbidden {
		return exit{exitFound, err}
	}
	return err
}

// plan diagnoses the instance and has the playbook make its plan.
func (w *workshop) plan(ctx context.Context, instance core.Instance, f repairFlags, names []string) (core.Plan, *core.Finding, error) {
	engine := w.host.Open(instance)
	obs, err := engine.Observe(ctx)
	if err != nil {
		return core.Plan{}, nil, err
	}
	target := core.Target{Observation: obs, Inspector: engine, Key: w.store.Key()}
	d := w.check(ctx, target, w.books, diagnose.Options{Trigger: core.ByCLI})
	book, finding, err := w.choose(ctx, d, f, names)
	if err != nil {
		return core.Plan{}, nil, err
	}
	params, err := parseParams(f.params)
	if err != nil {
		return core.Plan{}, nil, err
	}
	plan, err := repairs.Plan(ctx, book, target, d, finding, params)
	if err != nil {
		return core.Plan{}, nil, err
	}
	return plan, finding, w.applier.Check(plan, obs)
}

// choose returns the playbook to use, by its name or file, and the finding it is
// to mend.
func (w *workshop) choose(ctx context.Context, d *core.Diagnosis, f repairFlags, names []string) (core.Playbook, *core.Finding, error) {
	lookUp := func(name string) (core.Playbook, error) { return w.playbook(ctx, name) }
	var named core.Playbook
	if len(names) == 1 {
		var err error
		if named, err = lookUp(names[0]); err != nil {
			return named, nil, err
		}
	}
	return chooseBook(d, f.finding, named, lookUp)
}

// chooseBook returns the playbook to use and the finding it is to mend, which is
// nil when a playbook was named and none of its findings is there. Without a
// named one, the only one that mends the finding code is taken.
func chooseBook(d *core.Diagnosis, code string, named core.Playbook, lookUp func(id string) (core.Playbook, error)) (core.Playbook, *core.Finding, error) {
	code = strings.ToUpper(code)
	i := slices.IndexFunc(d.Findings, func(o core.Finding) bool {
		return code != "" && o.Code == code || code == "" && slices.Contains(named.Fixes, o.Code)
	})
	switch {
	case i < 0 && code != "":
		return named, nil, core.Errorf(core.NotFound, "%s has no finding %s now; `basewright doctor %s` shows what it has", d.InstanceID, printable(clipped(code, 40)), d.Project)
	case i < 0:
		return named, nil, nil
	case named.ID != "":
		return named, &d.Findings[i], nil
	}
	finding := &d.Findings[i]
	switch len(finding.Remedies) {
	case 0:
		return named, nil, core.Errorf(core.NotFound, "no playbook mends %s; `basewright explain %s` says what a person can do", code, code)
	case 1:
		book, err := lookUp(finding.Remedies[0].Playbook)
		return book, finding, err
	}
	var ids []string
	for _, r := range finding.Remedies {
		ids = append(ids, r.Playbook)
	}
	return named, nil, core.Errorf(core.Invalid, "several playbooks mend %s: %s; name one", code, strings.Join(ids, ", "))
}

func parseParams(pairs []string) (map[string]string, error) {
	params := map[string]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, core.Errorf(core.Invalid, "--param %q is not of the form name=value", p)
		}
		params[name] = value
	}
	return params, nil
}

// confirm asks whoever sits at the terminal. High risk wants the instance's
// name typed.
func (w *workshop) confirm(plan core.Plan) error {
	in, ok := w.in.(*os.File)
	if !ok || !isTerminal(in) || !w.tty {
		return core.Errorf(core.Invalid, "nobody is at the terminal to approve the plan; look at it with --plan, then apply it with --yes")
	}
	want, question := "yes", "Apply this plan? Type yes: "
	if plan.Risk == core.HighRisk {
		want, question = plan.Instance, fmt.Sprintf("This plan may change data. Type the instance's name, %s, to apply it: ", plan.Instance)
	}
	fmt.Fprint(w.out, question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		return exit{exitFound, errors.New("not applied; nothing was changed")}
	}
	return nil
}

// withMode gives an instance the mode in which Basewright keeps it. Of one that
// it does not keep, whoever may run this command on the host decides by
// approving the plan.
func (w *workshop) withMode(ctx context.Context, i core.Instance) (core.Instance, error) {
	i.Mode = core.Control
	kept, err := w.store.Instances(ctx)
	if err != nil {
		return i, err
	}
	for _, k := range kept {
		if k.Project == i.Project {
			i.Mode = k.Mode
		}
	}
	return i, nil
}

// apply carries the plan out and prints each step and the receipt.
func (w *workshop) apply(ctx context.Context, instance core.Instance, plan core.Plan, finding *core.Finding, output string) error {
	instance, err := w.withMode(ctx, instance)
	if err != nil {
		return err
	}
	w.applier.Basis = func(o *core.Observation, _ core.Plan) map[string]string {
		return repairs.Basis(o, finding, w.store.Key())
	}
	c, err := w.applier.ApplyGiven(ctx, instance, plan, actor(), plan.Hash, w.given)
	return w.receipt(output, c, err)
}

// printJSON prints v where the output is JSON, and nothing else.
func (w *workshop) printJSON(output string, v any) error {
	if output != "json" {
		return nil
	}
	return w.indented(v)
}

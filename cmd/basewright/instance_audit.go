package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/ui"
)

// concerns are what an audit of several stacks asks, and the codes that answer it.
var concerns = []ui.Concern{
	{ID: "secrets", Title: "Secrets that stacks share, or that everybody knows", Codes: []string{"SEC-16", "SEC-01", "SEC-02"}},
	{ID: "ports", Title: "Ports that two want", Codes: []string{"DK-03"}},
	{ID: "names", Title: "Names, projects, networks and volumes that two have", Codes: []string{"DK-01", "DK-02", "DK-22"}},
	{ID: "configuration", Title: "Configuration that is half written", Codes: []string{"CFG-01", "CFG-02", "DK-05", "DK-06", "DK-08", "DK-09", "DK-27", "DK-30", "UPG-06", "UPG-07"}},
}

func instanceAudit(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "audit [DIR]", Short: "What stacks share or have half written: secrets, ports, names, configuration",
		Long: `Looks at all stacks of this Docker Engine together, or at all stacks of a folder as
older generators wrote them (docker-compose-ID.yml, .env-ID, volumes-ID), and says
which share secrets, ports or names, and which hold half-written configuration. It
reads and changes nothing.

Exit code: 0 nothing was found, 1 something was, 2 could not look.`,
		Example: "  basewright instance audit\n  basewright instance audit /srv/old-stacks --output json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return g.auditStacks(cmd.Context(), strings.Join(args, ""), output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func (g *global) auditStacks(ctx context.Context, dir, output string) error {
	diagnoses, err := g.auditable(ctx, dir)
	if err != nil {
		return err
	}
	report, found := audit(diagnoses)
	if output == "json" {
		err = g.indented(report)
	} else {
		printAudit(g.console, report)
	}
	if err == nil && found {
		return exit{code: exitFound}
	}
	return err
}

// auditable diagnoses the stacks of a folder or, without one, of the engine by
// what their files and containers say.
func (g *global) auditable(ctx context.Context, dir string) ([]*core.Diagnosis, error) {
	if dir != "" {
		return g.lintAll(ctx, dir, nil, "")
	}
	host, err := g.engine(ctx)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	return together(ctx, host, g.fingerprintKey(), core.ByCLI)
}

// together diagnoses every stack of an engine by the checks that an audit needs.
func together(ctx context.Context, host *docker.Host, key core.FingerprintKey, t core.Trigger) ([]*core.Diagnosis, error) {
	instances, err := host.Discover(ctx)
	if err != nil {
		return nil, err
	}
	only := slices.DeleteFunc(checks.All(), func(c core.Checker) bool {
		return !slices.ContainsFunc(c.Finds, func(e core.Explanation) bool { return concernOf(e.Code) >= 0 })
	})
	var diagnoses []*core.Diagnosis
	for _, i := range instances {
		d, _, err := diagnose.Look(ctx, host.Open(i), key, only, diagnose.Options{Trigger: t})
		if err != nil {
			return nil, err
		}
		diagnoses = append(diagnoses, d)
	}
	return diagnoses, nil
}

// auditStacks audits the stacks of the engine over the API.
func (a *agent) auditStacks(ctx context.Context) (ui.StackAudit, error) {
	host, err := a.engines.get(ctx)
	if err != nil {
		return ui.StackAudit{}, err
	}
	diagnoses, err := together(ctx, host, a.store.Key(), core.ByHand)
	report, _ := audit(diagnoses)
	return report, err
}

func concernOf(code string) int {
	return slices.IndexFunc(concerns, func(c ui.Concern) bool { return slices.Contains(c.Codes, code) })
}

// audit sorts what was found by concern.
func audit(diagnoses []*core.Diagnosis) (report ui.StackAudit, found bool) {
	report.Stacks = len(diagnoses)
	for _, c := range concerns {
		c.Findings = []ui.StackFinding{}
		report.Concerns = append(report.Concerns, c)
	}
	for _, d := range diagnoses {
		for _, f := range d.Findings {
			if n := concernOf(f.Code); n >= 0 {
				found = true
				list := &report.Concerns[n].Findings
				*list = append(*list, ui.StackFinding{Stack: d.Project, Finding: f})
			}
		}
	}
	return report, found
}

// maxAuditProof is how much evidence is shown of one finding.
const maxAuditProof = 6

func printAudit(c *console, report ui.StackAudit) {
	s := style{c.colour}
	fmt.Fprintf(c.out, "%d stacks looked at together\n", report.Stacks)
	for _, a := range report.Concerns {
		fmt.Fprintf(c.out, "\n%s\n", s.bold(a.Title))
		if len(a.Findings) == 0 {
			fmt.Fprintln(c.out, "    nothing")
		}
		for _, f := range a.Findings {
			fmt.Fprintf(c.out, "  %s  %s  %s\n", s.bold(printable(f.Stack)), f.Code, printable(f.Title))
			for _, e := range f.Evidence[:min(len(f.Evidence), maxAuditProof)] {
				c.field("", printable(e.Source+": "+e.Text))
			}
			if more := len(f.Evidence) - maxAuditProof; more > 0 {
				c.field("", fmt.Sprintf("and %d more", more))
			}
		}
	}
}

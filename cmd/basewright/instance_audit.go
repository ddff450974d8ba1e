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
)

// concern is what an audit of several stacks asks, and the codes that answer it.
type concern struct {
	ID    string   `json:"concern"`
	Title string   `json:"title"`
	Codes []string `json:"codes"`
}

var concerns = []concern{
	{"secrets", "Secrets that stacks share, or that everybody knows", []string{"SEC-16", "SEC-01", "SEC-02"}},
	{"ports", "Ports that two want", []string{"DK-03"}},
	{"names", "Names, projects, networks and volumes that two have", []string{"DK-01", "DK-02", "DK-22"}},
	{"configuration", "Configuration that is half written", []string{"CFG-01", "CFG-02", "DK-05", "DK-06", "DK-08", "DK-09", "DK-27", "DK-30", "UPG-06", "UPG-07"}},
}

// audited is what an audit found of one concern.
type audited struct {
	concern
	Findings []auditFinding `json:"findings"`
}

type auditFinding struct {
	Stack string `json:"stack"`
	core.Finding
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
		err = g.indented(map[string]any{"stacks": len(diagnoses), "concerns": report})
	} else {
		printAudit(g.console, len(diagnoses), report)
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
	instances, err := host.Discover(ctx)
	if err != nil {
		return nil, err
	}
	only := slices.DeleteFunc(checks.All(), func(c core.Checker) bool {
		return !slices.ContainsFunc(c.Finds, func(e core.Explanation) bool { return concernOf(e.Code) >= 0 })
	})
	var diagnoses []*core.Diagnosis
	for _, i := range instances {
		d, _, err := diagnose.Look(ctx, host.Open(i), g.fingerprintKey(), only, diagnose.Options{Trigger: core.ByCLI})
		if err != nil {
			return nil, err
		}
		diagnoses = append(diagnoses, d)
	}
	return diagnoses, nil
}

func concernOf(code string) int {
	return slices.IndexFunc(concerns, func(c concern) bool { return slices.Contains(c.Codes, code) })
}

// audit sorts what was found by concern.
func audit(diagnoses []*core.Diagnosis) (report []audited, found bool) {
	for _, c := range concerns {
		report = append(report, audited{c, []auditFinding{}})
	}
	for _, d := range diagnoses {
		for _, f := range d.Findings {
			if n := concernOf(f.Code); n >= 0 {
				found = true
				report[n].Findings = append(report[n].Findings, auditFinding{d.Project, f})
			}
		}
	}
	return report, found
}

// maxAuditProof is how much evidence is shown of one finding.
const maxAuditProof = 6

func printAudit(c *console, stacks int, report []audited) {
	s := style{c.colour}
	fmt.Fprintf(c.out, "%d stacks looked at together\n", stacks)
	for _, a := range report {
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

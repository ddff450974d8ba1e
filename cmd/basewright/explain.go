package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/repairs"
)

func explainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "explain CODE",
		Short:   "Say what a finding means, what it breaks and what to do",
		Example: "  basewright explain PG-01",
		Args:    exactly(1, "one code, such as PG-01"),
		RunE: func(cmd *cobra.Command, args []string) error {
			code := strings.ToUpper(args[0])
			books, err := g.playbooks(cmd.Context())
			if err != nil {
				return err
			}
			codes, why, ok := checks.ToldAs(code)
			if !ok {
				codes = []string{code}
			} else {
				fmt.Fprintf(g.out, "%s is told as %s: %s.\n\n", code, strings.Join(codes, " or "), why)
			}
			for i, c := range codes {
				e, checker, ok := core.Explained(g.checkers(), c)
				if !ok {
					return unknownCode(g.checkers(), code, args[0])
				}
				if i > 0 {
					fmt.Fprintln(g.out)
				}
				explain(g, e, checker, books)
			}
			return nil
		},
	}
}

// explain prints the page of one code.
func explain(g *global, e core.Explanation, checker string, books []core.Playbook) {
	var mends []string
	for _, r := range repairs.Remedies(books, e.Code) {
		mends = append(mends, fmt.Sprintf("%s (%s risk)", printable(r.Playbook), r.Risk))
	}
	person, _ := repairs.ByPerson(e.Code)
	if len(mends) > 0 {
		person = "" // a playbook of the user's
	}
	s := style{g.colour}
	fmt.Fprintf(g.out, "%s  %s  %s\n\n", s.bold(e.Code), s.bold(e.Title), s.dim(string(e.Severity)))
	for _, p := range []struct{ label, text string }{
		{"What", e.What}, {"How", checks.How(checker)}, {"Breaks", e.Breaks}, {"Do", e.Do}, {"Playbook", strings.Join(mends, ", ")}, {"By hand", person}, {"Data", e.Data}, {"Found by", checker}, {"Sources", e.Sources},
	} {
		if p.text != "" {
			g.field(p.label, p.text)
		}
	}
}

// unknownCode says that there is no such code, and which may have been meant.
func unknownCode(all []core.Checker, code, asked string) error {
	var near []string
	for _, e := range nearCodes(all, code) {
		near = append(near, e.Code+" ("+e.Title+")")
	}
	if len(near) == 0 {
		return core.Errorf(core.NotFound, "there is no code %q; `basewright check list` shows them all", printable(asked))
	}
	return core.Errorf(core.NotFound, "there is no code %q; did you mean %s? `basewright check list` shows them all", printable(asked), strings.Join(near, ", "))
}

func checkCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "The checks and the codes that they find"}
	cmd.AddCommand(checkList(g))
	return cmd
}

// codeRow is a code in the list of them.
type codeRow struct {
	Code     string        `json:"code"`
	Severity core.Severity `json:"severity"`
	Category core.Category `json:"category"`
	Check    string        `json:"check"`
	Title    string        `json:"title"`
}

func checkList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List every code with its check", Example: "  basewright check list", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			var rows []codeRow
			for _, c := range g.checkers() {
				for _, e := range c.Finds {
					rows = append(rows, codeRow{e.Code, e.Severity, c.Category, c.ID, e.Title})
				}
			}
			if output == "json" {
				return listJSON(g.console, "codes", rows)
			}
			w := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "CODE\tSEVERITY\tCATEGORY\tCHECK\tTITLE")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Code, r.Severity, r.Category, r.Check, r.Title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

// exactly refuses any other number of arguments in one sentence.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return core.Errorf(core.Invalid, "%s takes %s; see `%s --help`", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/report"
)

// printable makes text that came from outside harmless on a terminal.
func printable(s string) string { return clipped(core.Printable(s), mostPrinted) }

// mostPrinted is how many characters are shown of one text from outside.
const mostPrinted = 4000

// style colours text on a terminal and leaves it alone elsewhere.
type style struct{ on bool }

func (s style) paint(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(t string) string { return s.paint("1", t) }
func (s style) dim(t string) string  { return s.paint("2", t) }

var statusColour = map[core.Status]string{core.Healthy: "32", core.Degraded: "33", core.Unhealthy: "31", core.Unknown: "35"}

var severityMark = map[core.Severity]struct{ mark, colour string }{
	core.Critical: {"✗", "31"}, core.Warning: {"!", "33"}, core.Info: {"i", "36"},
}

// mostProof is how many lines of proof a report shows of one finding.
const mostProof = 5

// printReport writes diagnoses for people: the cause first, its proof, its
// symptoms folded, and the command that mends it.
func printReport(c *console, diagnoses []*core.Diagnosis) {
	s := style{c.colour}
	host := report.OfHost(diagnoses, meaning)
	printHost(c, s, host)
	for i, d := range diagnoses {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "%s  %s  %s\n", s.bold(printable(d.Project)),
			s.paint(statusColour[d.Status]+";1", string(d.Status)), s.dim(fmt.Sprintf("%s diagnosis in %d ms", printable(string(d.Mode)), d.DurationMS)))
		stack := report.Arrange(d, meaning)
		stack.Refer(host)
		for _, cause := range append(stack.Causes, stack.Remarks...) {
			printCause(c, d, cause)
		}
		printUnknowns(c.out, s, d)
		printSince(c, d)
	}
}

// printHost tells once what is wrong with the machine that several stacks are on.
func printHost(c *console, s style, host []report.HostCause) {
	for i, h := range host {
		if i == 0 {
			fmt.Fprintln(c.out, s.bold("this host"))
		}
		printCause(c, &core.Diagnosis{}, h.Cause)
		c.field("Stacks", printable(strings.Join(h.Instances, ", ")))
	}
	if len(host) > 0 {
		fmt.Fprintln(c.out)
	}
}

func printCause(c *console, d *core.Diagnosis, f report.Cause) {
	s, m := style{c.colour}, severityMark[f.Severity]
	fmt.Fprintf(c.out, "\n  %s %s  %s  %s\n", s.paint(m.colour, m.mark), s.bold(printable(f.Code)), s.bold(printable(f.Title)),
		s.dim(printable(fmt.Sprintf("%s · %s", f.Severity, f.Service))))
	c.fieldIf("What", f.Meaning.What)
	c.fieldIf("Breaks", f.Meaning.Breaks)
	for i, ev := range f.Evidence {
		label := ""
		if i == 0 {
			label = "Proof"
		}
		if i == mostProof && len(f.Evidence) > mostProof+1 {
			c.field(label, s.dim(fmt.Sprintf("… and %d more, which --output json and html show", len(f.Evidence)-i)))
			break
		}
		c.field(label, s.dim(printable(ev.Source)+":")+" "+printable(ev.Text))
	}
	c.fieldIf("Do", f.Meaning.Do)
	for _, r := range f.Remedies {
		c.field("Mend", s.paint("36", printable(f.Command(d, r)))+s.dim("  risk "+printable(string(r.Risk))))
	}
	c.fieldIf("Data", f.Meaning.Data)
	label := "Symptoms"
	for _, x := range f.Symptoms {
		c.field(label, s.bold(printable(x.Code))+" "+printable(x.Title)+s.dim(": "+printable(strings.Join(x.Services, ", "))))
		label = ""
	}
}

// fieldIf writes a paragraph, if there is one.
func (c *console) fieldIf(label, text string) {
	if text != "" {
		c.field(label, printable(text))
	}
}

func printUnknowns(w io.Writer, s style, d *core.Diagnosis) {
	for _, u := range d.Unknowns {
		fmt.Fprintf(w, "\n  %s %s  %s\n", s.paint("35", "?"), s.bold("could not look"), printable(u.Check+": "+u.Reason))
	}
}

// printNagios writes one line with performance data and returns that protocol's
// exit code.
func printNagios(w io.Writer, diagnoses []*core.Diagnosis) int {
	code, words := 0, []string{}
	counts := map[core.Severity]int{}
	for _, d := range diagnoses {
		level := map[core.Status]int{core.Healthy: 0, core.Degraded: 1, core.Unhealthy: 2, core.Unknown: 3}[d.Status]
		code = worseNagios(code, level)
		word := printable(d.Project) + " " + string(d.Status)
		if len(d.RootCauses) > 0 {
			word += " (" + printable(strings.Join(d.RootCauses, ", ")) + ")"
		}
		words = append(words, word)
		for _, f := range d.Findings {
			counts[f.Severity]++
		}
	}
	state := [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[code]
	fmt.Fprintf(w, "SUPABASE %s - %s | instances=%d critical=%d warning=%d\n", state,
		strings.ReplaceAll(strings.Join(words, "; "), "|", "/"), len(diagnoses), counts[core.Critical], counts[core.Warning])
	return code
}

// worseNagios orders that protocol's codes: critical outranks unknown.
func worseNagios(a, b int) int {
	rank := [...]int{0, 1, 3, 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
)

// printable makes text that came from outside harmless on a terminal.
func printable(s string) string { return core.Printable(s) }

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

// printReport writes diagnoses for people: the cause first, its proof, its
// symptoms folded, and the command that mends it.
func printReport(c *console, diagnoses []*core.Diagnosis) {
	s := style{c.tty}
	for i, d := range diagnoses {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "%s  %s  %s\n", s.bold(printable(d.Project)),
			s.paint(statusColour[d.Status]+";1", string(d.Status)), s.dim(fmt.Sprintf("%s diagnosis in %d ms", d.Mode, d.DurationMS)))
		for _, f := range d.Findings {
			if f.CausedBy == nil {
				printFinding(c.out, s, d, f)
			}
		}
		printUnknowns(c.out, s, d)
	}
}

func printFinding(w io.Writer, s style, d *core.Diagnosis, f core.Finding) {
	m := severityMark[f.Severity]
	fmt.Fprintf(w, "\n  %s %s  %s  %s\n", s.paint(m.colour, m.mark), s.bold(f.Code), s.bold(printable(f.Title)), s.dim(fmt.Sprintf("%s · %s", f.Severity, f.Service)))
	e, _, known := checks.Explain(f.Code)
	if known {
		field(w, s, "What", e.What)
		field(w, s, "Breaks", e.Breaks)
	}
	for i, ev := range f.Evidence {
		label := ""
		if i == 0 {
			label = "Proof"
		}
		field(w, s, label, s.dim(printable(ev.Source)+":")+" "+printable(ev.Text))
	}
	if known {
		field(w, s, "Do", e.Do)
	}
	for _, r := range f.Remedies {
		field(w, s, "Mend", s.paint("36", fmt.Sprintf("basewright repair %s %s --plan", d.InstanceID, r.Playbook))+s.dim("  risk "+string(r.Risk)))
	}
	if known {
		field(w, s, "Data", e.Data)
	}
	printSymptoms(w, s, d, f)
}

// field writes one labelled paragraph, wrapped to a width that reads well.
func field(w io.Writer, s style, label, text string) {
	const indent, width = 15, 100
	line, length := strings.Builder{}, 0
	for _, word := range strings.Fields(text) {
		if length > 0 && length+1+len([]rune(word)) > width {
			line.WriteString("\n" + strings.Repeat(" ", indent))
			length = 0
		} else if length > 0 {
			line.WriteByte(' ')
			length++
		}
		line.WriteString(word)
		length += len([]rune(word))
	}
	fmt.Fprintf(w, "    %s %s\n", s.dim(fmt.Sprintf("%-10s", label)), line.String())
}

// printSymptoms folds what a cause explains: a line for each code, with the
// services that show it.
func printSymptoms(w io.Writer, s style, d *core.Diagnosis, cause core.Finding) {
	if !isFirstOf(d, cause) {
		return
	}
	var codes []string
	services := map[string][]string{}
	for _, f := range d.Findings {
		if f.CausedBy == nil || *f.CausedBy != cause.Code {
			continue
		}
		if !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
		if !slices.Contains(services[f.Code], string(f.Service)) {
			services[f.Code] = append(services[f.Code], string(f.Service))
		}
	}
	label := "Symptoms"
	for _, code := range codes {
		e, _, _ := checks.Explain(code)
		field(w, s, label, s.bold(code)+" "+e.Title+s.dim(": "+strings.Join(services[code], ", ")))
		label = ""
	}
}

// isFirstOf keeps the symptoms of a code that was found twice under the first.
func isFirstOf(d *core.Diagnosis, cause core.Finding) bool {
	i := slices.IndexFunc(d.Findings, func(f core.Finding) bool { return f.Code == cause.Code && f.CausedBy == nil })
	return d.Findings[i].Service == cause.Service && d.Findings[i].Title == cause.Title
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
			word += " (" + strings.Join(d.RootCauses, ", ") + ")"
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

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// hostileTexts are what attackers put into names, labels, values and log lines. FORGED
// begins what would be a line of its own.
var hostileTexts = map[string]string{
	"markup":            `</p></title><script>alert(1)</script><img src=x onerror=alert(1)>`,
	"an attribute":      `" onmouseover="alert(1)" hx-get="/x" hx-on:click="y`,
	"a template":        `{{.}}{{printf "%s" .}}<?php ?>${jndi:ldap://x}`,
	"a command":         "'; DROP TABLE x; -- $(id) `id` ;reboot %s%n",
	"a path":            `../../etc/passwd%2e%2e/`,
	"colours, a title":  "\x1b[31mred\x1b[2J\x1b]0;title\x07",
	"the clipboard":     "\x1b]52;c;ZXZpbA==\x1b\\",
	"C1 controls":       "a\u009b31mb\u0085c\u008d",
	"lines":             "a\nFORGED line\r\nFORGED \u2028FORGED \u2029FORGED\vFORGED\fFORGED",
	"a carriage return": "true\rFORGED",
	"NUL":               "a\x00b\x7f",
	"a turned line":     "\u202egnp.exe\u2066\u200f\u061c",
	"hidden letters":    "a\u200bb\ufeff\U000e0041",
	"no UTF-8":          "\xff\xfe\xc3\x28\x9b31m",
	"a formula":         `=cmd|'/c calc'!A1`,
	"pipes and tabs":    "a|critical=99 b\tc;d=1",
	"a prototype":       `__proto__`,
	"a long text":       strings.Repeat("A b", 1<<17),
	"a long row of ESC": strings.Repeat("\x1b", 1<<18),
}

// evil puts a text wherever a diagnosis holds one from outside.
func evil(text string) *core.Diagnosis {
	d := sickShop()
	d.Project, d.InstanceID, d.Mode = text, text, core.Depth(text)
	d.RootCauses = []string{text}
	d.Results = map[core.Category]core.CategoryResult{core.ContainerStatus: {Status: text, Issues: []string{text}}}
	d.Unknowns = []core.Unknowable{{Check: text, Reason: text}}
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Title, f.Explanation, f.Service = text, text, core.Service(text)
		f.Evidence = []core.Evidence{{Source: text, Text: text}}
		f.Remedies = []core.Remedy{{Playbook: text, Risk: core.Risk(text), DataLoss: text}}
		f.Details = map[string]string{text: text}
	}
	d.Findings = append(d.Findings, core.Finding{Code: text, Severity: core.Warning, Title: text})
	return d
}

// evilChange puts it wherever a change holds one.
func evilChange(text string) core.Change {
	o := core.Outlook{Status: core.Status(text), RootCauses: []string{text}, Critical: []string{text}}
	return core.Change{
		ID: text, Instance: text, Actor: text, State: core.ChangeState(text), Snapshot: text, Reason: text, Before: o, After: o,
		Plan: core.Plan{
			Instance: text, Playbook: text, Title: text, Finding: text, Risk: core.Risk(text), Scope: core.Scope(text), Claims: []string{text}, Hash: text,
			Actions: []core.Action{{Op: core.Op(text), Service: core.Service(text), Args: map[string]any{text: text, "secret": map[string]any{"secret": text}}, Why: text}},
			Diff:    []core.Diff{{Target: text, Before: text, After: text}},
		},
	}
}

// outputs are all ways in which text from outside is shown.
var outputs = map[string]func(c *console, text string){
	"text":   func(c *console, text string) { printReport(c, []*core.Diagnosis{evil(text)}) },
	"nagios": func(c *console, text string) { printNagios(c.out, []*core.Diagnosis{evil(text)}) },
	"json": func(c *console, text string) {
		show(&global{console: c}, doctorFlags{output: "json"}, []*core.Diagnosis{evil(text)})
	},
	"html": func(c *console, text string) {
		show(&global{console: c}, doctorFlags{output: "html"}, []*core.Diagnosis{evil(text)})
	},
	"logs": func(c *console, text string) {
		for _, line := range []string{text, `{"level":"` + text + `","msg":"` + text + `","path":"x` + text + `"}`, "21:34:57.830 project=" + text + " [error] " + text} {
			(&global{console: c}).printText(logs.Parse(core.Service(text), core.LogLine{Text: line}))
		}
	},
	"logs as json": func(c *console, text string) {
		(&global{console: c}).printJSON(logs.Parse(core.Service(text), core.LogLine{Text: `{"msg":"` + text + `"}`}))
	},
	"plan":    func(c *console, text string) { printPlan(c, evilChange(text).Plan) },
	"receipt": func(c *console, text string) { printReceipt(c, evilChange(text)) },
	"changes": func(c *console, text string) { printChanges(c, []core.Change{evilChange(text)}) },
	"journal": func(c *console, text string) { printJournal(c, []core.JournalEntry{{Step: text, Outcome: text}}) },
	"steps": func(c *console, text string) {
		say := stepPrinter(c)
		say(core.Event{State: core.ChangeState(text), At: time.Now()})
		say(core.Event{Step: text})
		say(core.Event{Step: text, Outcome: text})
	},
	"progress": func(c *console, text string) {
		p := (&console{err: c.out, live: false}).newProgress([]string{printable(text)})
		p.end()
	},
	"explain": func(c *console, text string) { run(context.Background(), []string{"explain", text}, *c) },
	"error":   func(c *console, text string) { run(context.Background(), []string{"doctor", "--output", text}, *c) },
	"command": func(c *console, text string) { run(context.Background(), []string{text}, *c) },
}

// TestHostileText shows hostile text in every output and wants text: nothing that a
// terminal or a browser obeys, and no line that another one could be taken for.
func TestHostileText(t *testing.T) {
	for kind, text := range hostileTexts {
		for output, print := range outputs {
			t.Run(output+"/"+kind, func(t *testing.T) {
				var out, harmless bytes.Buffer
				print(&console{out: &out, err: &out, in: strings.NewReader("")}, text)
				print(&console{out: &harmless, err: &harmless, in: strings.NewReader("")}, "harmless")
				got := out.String()
				if i := strings.IndexFunc(got, obeyed); i >= 0 || !utf8.ValidString(got) {
					t.Errorf("it prints %q", got[max(0, i-20):min(len(got), i+20)])
				}
				for line := range strings.Lines(got) {
					if strings.HasPrefix(line, "FORGED") {
						t.Errorf("a line begins with %q", line)
					}
				}
				if wrapped := []string{"text", "html", "plan", "receipt"}; !slices.Contains(wrapped, output) && strings.Count(got, "\n") > strings.Count(harmless.String(), "\n") {
					t.Errorf("%d lines where %d would do: %.300q", strings.Count(got, "\n"), strings.Count(harmless.String(), "\n"), got)
				}
				switch output {
				case "html":
					if strings.Contains(got, "<script") || strings.Contains(got, "<img") || strings.Contains(got, `" onmouse`) || strings.Contains(got, `"/x"`) {
						t.Error("it holds markup")
					}
				case "json", "logs as json":
					var v any
					if err := json.Unmarshal(out.Bytes(), &v); err != nil {
						t.Errorf("it is no JSON: %v", err)
					}
				case "nagios":
					if strings.Count(got, "|") != 1 {
						t.Errorf("it forges performance data: %.300q", got)
					}
				}
				if output != "json" && output != "logs as json" && len(got) > 150_000 {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
	}
}

// obeyed reports whether a terminal or an editor would obey r rather than show it.
func obeyed(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
}

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
)

// printPlan shows exactly what a plan would do.
func printPlan(c *console, p core.Plan) {
	s := style{c.colour}
	fmt.Fprintf(c.out, "Plan for %s: %s\n", s.bold(printable(p.Instance)), s.bold(printable(p.Title)))
	c.field("Playbook", printable(p.Playbook))
	if p.Finding != "" {
		c.field("Mends", printable(p.Finding)+s.dim("  kept only if gone afterwards: ")+printable(strings.Join(p.Claims, ", ")))
	}
	c.field("Risk", printable(string(p.Risk)))
	if p.Scope != "" {
		when := "before the first action"
		if slices.ContainsFunc(p.Actions, func(a core.Action) bool { return a.Op == core.OpSnapshot }) {
			when = "when nothing but the database runs"
		}
		c.field("Snapshot", printable(string(p.Scope))+", "+when)
	}
	if p.Downtime > 0 {
		c.field("Downtime", "about "+p.Downtime.Duration().Round(time.Second).String())
	}
	for i, a := range p.Actions {
		label := ""
		if i == 0 {
			label = "Actions"
		}
		why := ""
		if a.Why != "" {
			why = s.dim("  — " + printable(a.Why))
		}
		c.field(label, fmt.Sprintf("%d. %s%s", i+1, printable(a.String()), why))
	}
	for i, d := range p.Diff {
		label := ""
		if i == 0 {
			label = "Changes"
		}
		c.field(label, s.bold(printable(d.Target))+": "+printable(strings.TrimPrefix(d.Before+" → "+d.After, " → ")))
	}
	c.field("Hash", printable(p.Hash))
}

// stepPrinter prints each step of a change as it happens.
func stepPrinter(c *console) func(core.Event) {
	s := style{c.colour}
	line := func(e core.Event, text string) {
		if c.tty {
			io.WriteString(c.out, clearLine)
		}
		fmt.Fprintf(c.out, "%s %s\n", s.dim(e.At.Local().Format(time.TimeOnly)), text)
	}
	return func(e core.Event) {
		switch {
		case e.Step == "":
			line(e, s.bold(printable(string(e.State))))
		case e.Outcome == "" && c.tty:
			io.WriteString(c.out, clearLine+clipped(stepBar(e), max(c.width-2, 24)))
		case e.Outcome == "", e.Outcome == "ok" && c.tty:
			line(e, "  "+printable(e.Step))
		case e.Outcome != "ok":
			line(e, "  "+s.paint("31", printable(e.Outcome)))
		}
	}
}

// clearLine empties the line of a terminal that is drawn anew.
const clearLine = "\r\x1b[K"

// stepBar draws how many actions of a plan are done, and the step under way.
func stepBar(e core.Event) string {
	const width = 16
	full := 0
	if e.Total > 0 {
		full = min(e.Done*width/e.Total, width)
	}
	return fmt.Sprintf("[%s%s] %d/%d %s", strings.Repeat("#", full), strings.Repeat(".", width-full), e.Done, e.Total, printable(e.Step))
}

// printReceipt says how a change ended, with its proof.
func printReceipt(c *console, ch core.Change) {
	s := style{c.colour}
	colour := map[core.ChangeState]string{core.Committed: "32", core.RolledBack: "33", core.RollbackFailed: "31"}[ch.State]
	fmt.Fprintf(c.out, "\nReceipt %s  %s\n", s.bold(printable(ch.ID)), s.paint(colour+";1", printable(string(ch.State))))
	c.field("What", printable(ch.Plan.Title+" ("+ch.Plan.Playbook+") on "+ch.Instance))
	c.field("Who, when", printable(ch.Actor)+", "+ch.Created.Local().Format(time.DateTime)+fmt.Sprintf(", took %s", ch.Finished.Sub(ch.Created).Round(100*time.Millisecond)))
	if ch.Plan.Finding != "" {
		c.field("Finding", printable(ch.Plan.Finding))
	}
	for i, e := range ch.Before.Evidence {
		c.field(map[bool]string{true: "Evidence"}[i == 0], printable(e.Source+": "+e.Text))
	}
	for i, d := range ch.Plan.Diff {
		c.field(map[bool]string{true: "Changes"}[i == 0], printable(d.Target)+": "+printable(strings.TrimPrefix(d.Before+" → "+d.After, " → ")))
	}
	if ch.Reason != "" {
		c.field("Why", printable(ch.Reason))
	}
	c.field("Before", outlook(ch.Before))
	c.field("After", outlook(ch.After))
	if ch.Snapshot != "" {
		c.field("Snapshot", printable(ch.Snapshot))
	}
	if ch.Data != "" {
		c.field("Data snapshot", printable(ch.Data))
	}
	if ch.Plan.Guided && ch.State == core.Committed {
		for _, a := range ch.Plan.Actions {
			if a.Op == core.OpNote {
				c.field("By hand", printable(a.Text("text")))
			}
		}
	}
	if apply.CanUndo(ch) {
		c.field("Undo", "basewright change undo "+printable(ch.ID))
	}
}

func outlook(o core.Outlook) string {
	if o.Status == "" {
		return "not looked at"
	}
	if len(o.RootCauses) == 0 {
		return printable(string(o.Status))
	}
	return printable(string(o.Status) + ": " + strings.Join(o.RootCauses, ", "))
}

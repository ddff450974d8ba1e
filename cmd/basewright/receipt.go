package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
)

// printPlan shows exactly what a plan would do.
func printPlan(c *console, p core.Plan) {
	s := style{c.tty}
	fmt.Fprintf(c.out, "Plan for %s: %s\n", s.bold(printable(p.Instance)), s.bold(printable(p.Title)))
	field(c.out, s, "Playbook", printable(p.Playbook))
	if p.Finding != "" {
		field(c.out, s, "Mends", p.Finding+s.dim("  kept only if gone afterwards: ")+strings.Join(p.Claims, ", "))
	}
	field(c.out, s, "Risk", string(p.Risk))
	if p.Scope != "" {
		field(c.out, s, "Snapshot", string(p.Scope)+", before the first action")
	}
	if p.Downtime > 0 {
		field(c.out, s, "Downtime", "about "+p.Downtime.Round(time.Second).String())
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
		field(c.out, s, label, fmt.Sprintf("%d. %s%s", i+1, printable(a.String()), why))
	}
	for i, d := range p.Diff {
		label := ""
		if i == 0 {
			label = "Changes"
		}
		field(c.out, s, label, s.bold(printable(d.Target))+": "+printable(strings.TrimPrefix(d.Before+" → "+d.After, " → ")))
	}
	field(c.out, s, "Hash", p.Hash)
}

// stepPrinter prints each step of a change as it happens.
func stepPrinter(c *console) func(core.Event) {
	s := style{c.tty}
	return func(e core.Event) {
		switch {
		case e.Step == "":
			fmt.Fprintf(c.out, "%s %s\n", s.dim(e.At.Local().Format(time.TimeOnly)), s.bold(string(e.State)))
		case e.Outcome == "":
			fmt.Fprintf(c.out, "%s   %s\n", s.dim(e.At.Local().Format(time.TimeOnly)), printable(e.Step))
		case e.Outcome != "ok":
			fmt.Fprintf(c.out, "%s   %s\n", s.dim(e.At.Local().Format(time.TimeOnly)), s.paint("31", printable(e.Outcome)))
		}
	}
}

// printReceipt says how a change ended, with its proof.
func printReceipt(c *console, ch core.Change) {
	s := style{c.tty}
	colour := map[core.ChangeState]string{core.Committed: "32", core.RolledBack: "33", core.RollbackFailed: "31"}[ch.State]
	fmt.Fprintf(c.out, "\nReceipt %s  %s\n", s.bold(ch.ID), s.paint(colour+";1", string(ch.State)))
	field(c.out, s, "What", printable(ch.Plan.Title+" ("+ch.Plan.Playbook+") on "+ch.Instance))
	field(c.out, s, "Who, when", printable(ch.Actor)+", "+ch.Created.Local().Format(time.DateTime)+fmt.Sprintf(", took %s", ch.Finished.Sub(ch.Created).Round(100*time.Millisecond)))
	if ch.Reason != "" {
		field(c.out, s, "Why", printable(ch.Reason))
	}
	field(c.out, s, "Before", outlook(ch.Before))
	field(c.out, s, "After", outlook(ch.After))
	if ch.Snapshot != "" {
		field(c.out, s, "Snapshot", ch.Snapshot)
	}
	if apply.CanUndo(ch) {
		field(c.out, s, "Undo", "basewright change undo "+ch.ID)
	}
}

func outlook(o core.Outlook) string {
	if o.Status == "" {
		return "not looked at"
	}
	if len(o.RootCauses) == 0 {
		return string(o.Status)
	}
	return string(o.Status) + ": " + strings.Join(o.RootCauses, ", ")
}

package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
)

// sickShop is a diagnosis with a cause and its symptoms.
func sickShop() *core.Diagnosis {
	cause := "PG-01"
	d := &core.Diagnosis{
		InstanceID: "shop", Project: "shop", Mode: core.Full, Status: core.Unhealthy, Timestamp: time.Now(), RootCauses: []string{cause},
		Findings: []core.Finding{
			{Code: "REST-01", Severity: core.Critical, Service: core.Rest, Title: "rest fails", CausedBy: &cause},
			{Code: "PG-01", Severity: core.Critical, Service: core.DB, Title: "The database does not accept the password",
				Remedies: []core.Remedy{{Playbook: "align-database-passwords", Risk: core.MediumRisk}}},
		},
	}
	for range 9 {
		d.Findings[1].Evidence = append(d.Findings[1].Evidence, core.Evidence{Source: "login:authenticator", Text: strings.Repeat("password authentication failed ", 5) + "日本語日本語"})
	}
	return d
}

// TestReportFits wants no line wider than the terminal, the cause before its
// symptoms, long proof folded, and colour only where it is wanted.
func TestReportFits(t *testing.T) {
	for _, width := range []int{0, 30, 59, 60, 80, 200} {
		var out bytes.Buffer
		printReport(&console{out: &out, tty: width > 0, width: width}, []*core.Diagnosis{sickShop()})
		text := out.String()
		for line := range strings.Lines(text) {
			most := min(width, readable)
			if width == 0 {
				most = readable
			}
			first := strings.HasPrefix(line, "  ✗") || strings.HasPrefix(line, "shop")
			if n := columns(strings.TrimSpace(line)) + len(line) - len(strings.TrimLeft(line, " ")); n > most && !first && strings.Count(strings.TrimSpace(line), " ") > 0 {
				t.Errorf("of %d columns, a line has %d: %q", width, n, line)
			}
		}
		if i, j := strings.Index(text, "PG-01"), strings.Index(text, "REST-01"); i < 0 || j < i {
			t.Errorf("the cause does not come first:\n%s", text)
		}
		if strings.Count(text, "login:authenticator") != mostProof || !strings.Contains(text, "align-database-passwords") {
			t.Errorf("proof or the command is missing:\n%s", text)
		}
		if strings.Contains(text, "\x1b") {
			t.Error("there is colour")
		}
	}
	var out bytes.Buffer
	printReport(&console{out: &out, colour: true}, []*core.Diagnosis{sickShop()})
	if !strings.Contains(out.String(), "\x1b[31m") {
		t.Error("there is no colour")
	}
}

// TestNoColour wants the variable heeded that people set who want none.
func TestNoColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	if c := thisConsole(); c.colour {
		t.Error("there is colour")
	}
}

// TestProgress wants a line that tells who is looked at, and that goes away.
func TestProgress(t *testing.T) {
	var err bytes.Buffer
	c := &console{err: &err, live: true, width: 24}
	p := c.newProgress([]string{"shop", "a-name-that-is-too-long"})
	p.done("shop")
	p.end()
	if want := "\r\x1b[Klooking at shop, a-nam…\r\x1b[Klooking at a-name-that…\r\x1b[K"; err.String() != want {
		t.Errorf("got %q, want %q", err.String(), want)
	}
	err.Reset()
	c.live = false
	c.newProgress([]string{"shop"}).end()
	if err.Len() > 0 {
		t.Errorf("where nobody looks it prints %q", err.String())
	}
}

// TestNearCodes wants the codes offered that may have been meant.
func TestNearCodes(t *testing.T) {
	for asked, want := range map[string]string{"PG-1": "PG-01", "PG01": "PG-01", "AUTH-O1": "AUTH-01", "PASSWORD": "PG-01", "XYZ-77-A": "", "A\x1b[31m": ""} {
		found := ""
		for _, e := range nearCodes(checks.All(), asked) {
			found += e.Code + " "
		}
		if !strings.Contains(found, want) || want == "" && found != "" {
			t.Errorf("%q: %q, want %q", asked, found, want)
		}
	}
}

// TestStepsOfAChange: a terminal shows a bar that is drawn anew and keeps a line for
// each step that ended; a pipe gets a line for each step, and nothing else.
func TestStepsOfAChange(t *testing.T) {
	events := []core.Event{
		{State: core.Approved}, {Step: "action 1: restart auth", Done: 1, Total: 4}, {Step: "action 1: restart auth", Outcome: "ok", Done: 1, Total: 4},
		{Step: "verify", Done: 4, Total: 4}, {Step: "verify", Outcome: "PG-01 is still there", Done: 4, Total: 4},
	}
	say := func(c console) string {
		var b bytes.Buffer
		c.out = &b
		print := stepPrinter(&c)
		for _, e := range events {
			print(e)
		}
		return regexp.MustCompile(`\d\d:\d\d:\d\d `).ReplaceAllString(b.String(), "")
	}
	const pipe = "approved\n  action 1: restart auth\n  verify\n  PG-01 is still there\n"
	if got := say(console{}); got != pipe {
		t.Errorf("a pipe gets %q", got)
	}
	const terminal = clearLine + "approved\n" + clearLine + "[####............] 1/4 action 1: restart auth" + clearLine + "  action 1: restart auth\n" +
		clearLine + "[################] 4/4 verify" + clearLine + "  PG-01 is still there\n"
	if got := say(console{tty: true, width: 80}); got != terminal {
		t.Errorf("a terminal gets %q", got)
	}
}

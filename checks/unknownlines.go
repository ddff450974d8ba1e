package checks

import (
	"context"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

func init() {
	register(core.Checker{
		ID: "logs.unknown", Title: "No service that runs logs a fatal error that nobody knows", Category: core.ServiceHealth,
		Check: unknownLines,
		Finds: []core.Explanation{{
			Code: "LOG-00", Title: "A service logs a fatal error that is not in the catalogue", Severity: core.Warning, Level: core.Consequence,
			What:   "A service that runs has lately logged a line of its worst level, and no signature of Basewright knows it.",
			Breaks: "What the line says. The service has survived it so far.",
			Do:     "Read the lines in the proof, and what stands around them: basewright logs INSTANCE --service NAME --range 15m.",
			Data:   "It depends on the line; take a snapshot before you change anything.",
		}},
	})
}

var (
	// quotedFatal is what the database said to one connection: checks of the
	// database know it, and a retry may have mended it.
	quotedFatal = compile(`FATAL:?\s+([0-9A-Z]{5}\b|[a-z])`)
	serverPanic = compile(`\bPANIC:\s`)
)

// mostUnknownLines are quoted of one service.
const mostUnknownLines = 3

// unknownLines finds fatal lines of services that run. Of one that does not run,
// or dies again and again, containers.state quotes the last words.
func unknownLines(_ context.Context, t core.Target) ([]core.Finding, error) {
	var found []core.Finding
	for _, c := range t.Containers {
		if c.Service == "" || !well(t, c) {
			continue
		}
		f := core.Finding{Code: "LOG-00", Service: c.Service, Affects: nothing}
		for _, l := range c.Logs {
			if !l.At.Before(c.StartedAt) && t.At.Sub(l.At) < recentRequest && fatal(c.Service, l) && !knownLine(c.Service, l.Text) {
				f.Evidence = append(f.Evidence, logEvidence(c.Service, l))
			}
		}
		if n := len(f.Evidence); n > 0 {
			f.Evidence = f.Evidence[max(0, n-mostUnknownLines):]
			found = append(found, f)
		}
	}
	return found, nil
}

func fatal(s core.Service, l core.LogLine) bool {
	if s == core.DB {
		return serverPanic.MatchString(l.Text) // its FATAL ends one connection
	}
	return logs.Parse(s, l).Level == logs.Fatal && !quotedFatal.MatchString(l.Text)
}

// knownLine reports whether a signature tells what the line means.
func knownLine(s core.Service, text string) bool {
	for _, list := range [][]signature{signatures, rarerSignatures} {
		for _, k := range list {
			if k.service == s && k.pattern.MatchString(text) {
				return true
			}
		}
	}
	return false
}

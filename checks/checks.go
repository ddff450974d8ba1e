// Package checks holds the built-in checkers, one file per family. A file
// registers its checkers from init and is the only one that knows of them, so a
// new family is a new file.
package checks

import (
	"cmp"
	"slices"

	"github.com/basewright/basewright/core"
)

var all []core.Checker

func register(c core.Checker) { all = append(all, c) }

// All returns the built-in checkers ordered by ID.
func All() []core.Checker {
	return slices.SortedFunc(slices.Values(all), func(a, b core.Checker) int { return cmp.Compare(a.ID, b.ID) })
}

// Explain returns what a built-in check's code means and the ID of that check.
func Explain(code string) (e core.Explanation, checker string, ok bool) {
	return core.Explained(all, code)
}

// essential are the services without which no client request succeeds; trouble
// in any other leaves an instance degraded.
var essential = []core.Service{core.DB, core.Auth, core.Rest, core.Gateway}

// severity of a service that does not work: critical when it is essential.
func severity(s core.Service) core.Severity {
	if slices.Contains(essential, s) {
		return core.Critical
	}
	return core.Warning
}

// evidence makes a piece of evidence without a time.
func evidence(source, text string) core.Evidence { return core.Evidence{Source: source, Text: text} }

// logEvidence quotes a log line.
func logEvidence(s core.Service, l core.LogLine) core.Evidence {
	at := l.At
	return core.Evidence{Source: "log:" + string(s), Text: clip(Mask(l.Text)), At: &at}
}

// clip bounds a quoted line.
func clip(s string) string {
	const most = 600
	if len(s) > most {
		return s[:most] + " …"
	}
	return s
}

package plugins

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// answer is what a plugin says. As JSON it may name the service that it is about,
// else it is about the host, and say what to do.
type answer struct {
	Status  string       `json:"status"` // ok, warning, critical or unknown
	Text    string       `json:"text"`
	Service core.Service `json:"service"`
	Do      string       `json:"do"`
	more    string       // the lines after the first one, and performance data
}

// statuses are in the order of the exit codes.
var statuses = []string{"ok", "warning", "critical", "unknown"}

// most is how much of a plugin's text is told, in bytes.
const most = 600

// read makes an answer of what a plugin printed. An error says why it is none.
func read(code int, out, errs string) (answer, error) {
	var a answer
	if out = strings.TrimSpace(strings.ToValidUTF8(out, "\uFFFD")); strings.HasPrefix(out, "{") {
		strict := json.NewDecoder(bytes.NewReader([]byte(out)))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&a); err != nil {
			return a, fmt.Errorf("printed JSON that is no answer: %w", err)
		}
	} else {
		if code < 0 || code >= len(statuses) {
			return a, fmt.Errorf("ended with code %d, which means nothing: %s", code, clip(firstOf(out, errs)))
		}
		a.Status = statuses[code]
		first, more, _ := strings.Cut(out, "\n")
		text, figures, _ := strings.Cut(first, "|")
		a.Text, a.more = strings.TrimSpace(text), strings.TrimSpace(strings.TrimSpace(figures)+"\n"+more)
	}
	if !slices.Contains(statuses, a.Status) {
		return a, fmt.Errorf(`has the status %q, which is none of %s`, clip(a.Status), strings.Join(statuses, ", "))
	}
	if a.Service != "" && a.Service != core.Host && !slices.Contains(core.Services, a.Service) {
		return a, fmt.Errorf("names the service %q, which there is not", clip(string(a.Service)))
	}
	if a.Status == "unknown" {
		return a, fmt.Errorf("cannot tell: %s", clip(firstOf(a.Text, errs, "it did not say why")))
	}
	return a, nil
}

// firstOf returns the first text that says something.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

// findings are none when all is well.
func (a answer) findings(name string) []core.Finding {
	if a.Status == "ok" {
		return nil
	}
	said := firstOf(a.Text, "it says "+a.Status+", and not why")
	f := core.Finding{
		Code: Code(name), Severity: core.Severity(a.Status), Service: cmp.Or(a.Service, core.Host), Title: clip(name + ": " + said),
		Explanation: firstOf(a.Do, "Somebody installed the plugin "+name+" as a check, and it says so."),
		Evidence:    []core.Evidence{{Source: "plugin:" + name, Text: clip(said)}},
		Affects:     []core.Service{"none"}, // nobody proved that it is why anything else fails
	}
	if a.more != "" {
		f.Evidence = append(f.Evidence, core.Evidence{Source: "plugin:" + name, Text: clip(a.more)})
	}
	return []core.Finding{f}
}

func clip(s string) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}

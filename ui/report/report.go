// Package report arranges diagnoses for people, the cause first and its
// symptoms folded under it, and writes them as one HTML page that needs nothing
// else: no script, no network, no other file.
package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
)

// Explain returns what a code means, if it is known.
type Explain func(code string) (core.Explanation, bool)

// Stack is a diagnosis arranged for reading.
type Stack struct {
	*core.Diagnosis
	Causes  []Cause // critical ones and warnings, the worst first
	Remarks []Cause // what is worth knowing and harms nobody now
}

// Cause is a finding that stands by itself, with what it explains.
type Cause struct {
	core.Finding
	Meaning  core.Explanation // empty for a code that is not in the catalogue
	Symptoms []Symptom
}

// OfHost arranges what several diagnoses say of the machine, with the instances
// that are on it.
func OfHost(diagnoses []*core.Diagnosis, explain Explain) []HostCause {
	var list []HostCause
	for _, h := range diagnose.OfHost(diagnoses, explain) {
		c := HostCause{Cause: Cause{Finding: h.Finding}, Instances: h.Instances}
		c.Meaning, _ = explain(h.Code)
		c.Remedies = nil // they are of one instance
		list = append(list, c)
	}
	return list
}

// HostCause is a cause that the machine is, for several instances.
type HostCause struct {
	Cause
	Instances []string // by ID
}

// Refer leaves of the causes that host tells no more than what they come to in
// this instance.
func (s *Stack) Refer(host []HostCause) {
	for _, list := range [][]Cause{s.Causes, s.Remarks} {
		for i := range list {
			c := &list[i]
			if slices.ContainsFunc(host, func(h HostCause) bool { return diagnose.SameOfHost(h.Finding, c.Finding) }) {
				c.Meaning, c.Explanation, c.Remedies = core.Explanation{}, "", nil
				c.Evidence = []core.Evidence{{Source: "this host", Text: "see above"}}
			}
		}
	}
}

// Symptom is a code that a cause explains, with the services that show it.
type Symptom struct {
	Code, Title string
	Severity    core.Severity
	Services    []string
	Evidence    []core.Evidence
}

// Arrange puts the findings of d in the order of reading.
func Arrange(d *core.Diagnosis, explain Explain) Stack {
	s := Stack{Diagnosis: d}
	told := map[string]bool{}
	for _, f := range d.Findings {
		if f.CausedBy != nil {
			continue
		}
		c := Cause{Finding: f}
		c.Meaning, _ = explain(f.Code)
		if !told[f.Code] { // the symptoms of a code that was found twice go under the first
			c.Symptoms = symptomsOf(d, f.Code, explain)
			told[f.Code] = true
		}
		if f.Severity.AtLeast(core.Warning) {
			s.Causes = append(s.Causes, c)
		} else {
			s.Remarks = append(s.Remarks, c)
		}
	}
	slices.SortStableFunc(s.Causes, func(a, b Cause) int {
		switch {
		case a.Severity == b.Severity:
			return 0
		case a.Severity.AtLeast(b.Severity):
			return -1
		}
		return 1
	})
	return s
}

// symptomsOf folds what a cause explains: an entry for each code.
func symptomsOf(d *core.Diagnosis, cause string, explain Explain) []Symptom {
	var list []Symptom
	for _, f := range d.Findings {
		if f.CausedBy == nil || *f.CausedBy != cause {
			continue
		}
		i := slices.IndexFunc(list, func(s Symptom) bool { return s.Code == f.Code })
		if i < 0 {
			s := Symptom{Code: f.Code, Title: f.Title, Severity: f.Severity}
			if e, ok := explain(f.Code); ok {
				s.Title = e.Title
			}
			i, list = len(list), append(list, s)
		}
		if s := &list[i]; !slices.Contains(s.Services, string(f.Service)) {
			s.Services = append(s.Services, string(f.Service))
		}
		list[i].Evidence = append(list[i].Evidence, f.Evidence...)
	}
	return list
}

// Command is what a person types to see what a remedy would do.
func (c Cause) Command(d *core.Diagnosis, r core.Remedy) string {
	return "basewright repair " + d.InstanceID + " " + r.Playbook + " --plan"
}

// Summary says in a sentence what was found.
func (s Stack) Summary() string {
	symptoms := 0
	counts := map[core.Severity]int{}
	for _, c := range s.Causes {
		counts[c.Severity]++
		for _, x := range c.Symptoms {
			symptoms += len(x.Services)
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		one  string
		more string
	}{
		{counts[core.Critical], "critical cause", "critical causes"}, {counts[core.Warning], "warning", "warnings"},
		{len(s.Remarks), "remark", "remarks"}, {len(s.Unknowns), "part that could not be looked at", "parts that could not be looked at"},
	} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.one, p.more))
		}
	}
	if len(parts) == 0 {
		return "Nothing is wrong that can be seen from outside."
	}
	text := strings.Join(parts, ", ")
	if symptoms > 0 {
		text += "; " + plural(symptoms, "symptom goes", "symptoms go") + " away with " + map[bool]string{true: "it", false: "them"}[len(s.Causes) == 1]
	}
	return text + "."
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

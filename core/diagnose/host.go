package diagnose

import (
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// HostFinding is a finding about the machine, which every instance on it has.
type HostFinding struct {
	core.Finding
	Instances []string `json:"instances"` // by ID
}

// OfHost returns what several diagnoses say of the machine, each fact once. An
// instance's own diagnosis keeps it, with the symptoms that it has there.
func OfHost(diagnoses []*core.Diagnosis, meaning func(code string) (core.Explanation, bool)) []HostFinding {
	found := []HostFinding{}
	for _, d := range diagnoses {
		for _, f := range d.Findings {
			e, ok := meaning(f.Code)
			if !ok || !e.OnHost || f.CausedBy != nil || len(f.Evidence) == 0 {
				continue
			}
			i := slices.IndexFunc(found, func(h HostFinding) bool { return SameOfHost(h.Finding, f) })
			if i < 0 {
				i, found = len(found), append(found, HostFinding{Finding: f})
			}
			if f.Severity.AtLeast(found[i].Severity) {
				found[i].Severity = f.Severity
			}
			found[i].Instances = append(found[i].Instances, d.InstanceID)
		}
	}
	return slices.DeleteFunc(found, func(h HostFinding) bool { return len(h.Instances) < 2 })
}

// SameOfHost reports whether two findings about the machine tell one fact: the
// same code, of the same disk or file. Figures change while one looks, and which
// service's log shows it is chance.
func SameOfHost(a, b core.Finding) bool {
	if a.Code != b.Code || len(a.Evidence) == 0 || len(b.Evidence) == 0 {
		return false
	}
	from, to := a.Evidence[0].Source, b.Evidence[0].Source
	return from == to || strings.HasPrefix(from, "log:") && strings.HasPrefix(to, "log:")
}

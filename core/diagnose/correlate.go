package diagnose

import (
	"cmp"
	"maps"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// edges returns what each service depends on: what Supabase needs in general
// and what this stack's compose files make it wait for.
func edges(o *core.Observation) map[core.Service][]core.Service {
	graph := maps.Clone(supabase.Upstream)
	if o == nil {
		return graph
	}
	role := map[string]core.Service{}
	for _, s := range o.Compose.Services {
		role[s.Name] = s.Service
	}
	for _, s := range o.Compose.Services {
		for name := range s.DependsOn {
			if on := role[name]; s.Service != "" && on != "" && !reaches(graph, on, s.Service) {
				graph[s.Service] = append(slices.Clone(graph[s.Service]), on)
			}
		}
	}
	return graph
}

func reaches(graph map[core.Service][]core.Service, from, to core.Service) bool {
	return distance(graph, from, to) >= 0
}

// distance counts the edges from s up to target; 0 when they are the same and
// -1 when s does not depend on target.
func distance(graph map[core.Service][]core.Service, s, target core.Service) int {
	seen := map[core.Service]bool{s: true}
	for at, n := []core.Service{s}, 0; len(at) > 0; n++ {
		var next []core.Service
		for _, here := range at {
			if here == target {
				return n
			}
			for _, up := range graph[here] {
				if !seen[up] {
					seen[up] = true
					next = append(next, up)
				}
			}
		}
		at = next
	}
	return -1
}

// correlate puts every symptom under its cause and returns the codes of the
// findings that nothing else explains, worst first.
//
// A cause explains a symptom when it affects the symptom's service or one that
// this depends on, is at least as severe, and is nearer to the root: of a lower
// level, or of the same level further up the graph. Of several the nearest is
// chosen, and then followed to its own cause. So two independent faults keep
// their symptoms apart.
func correlate(findings []core.Finding, codes map[string]core.Explanation, graph map[core.Service][]core.Service) []string {
	parent := make([]int, len(findings))
	for i := range findings {
		parent[i] = nearestCause(i, findings, codes, graph)
	}
	for i := range findings {
		root := i
		for steps := 0; parent[root] >= 0 && steps < len(findings); steps++ {
			root = parent[root]
		}
		if root != i {
			code := findings[root].Code
			findings[i].CausedBy = &code
		}
	}
	order(findings, codes, graph)
	var roots []string
	for _, f := range findings {
		if f.CausedBy == nil && f.Severity.AtLeast(core.Warning) && !slices.Contains(roots, f.Code) {
			roots = append(roots, f.Code)
		}
	}
	if roots == nil {
		roots = []string{}
	}
	return roots
}

// nearestCause returns the index of the finding that explains findings[i], or -1.
func nearestCause(i int, findings []core.Finding, codes map[string]core.Explanation, graph map[core.Service][]core.Service) int {
	symptom, best, bestDistance := findings[i], -1, 0
	for j, cause := range findings {
		if j == i {
			continue
		}
		d := explains(cause, symptom, codes, graph)
		if d < 0 {
			continue
		}
		closer := d < bestDistance
		deeper := d == bestDistance && codes[cause.Code].Level < codes[findings[max(best, 0)].Code].Level
		if best < 0 || closer || deeper {
			best, bestDistance = j, d
		}
	}
	return best
}

// farAway is more than any path of the graph is long.
const farAway = 100

// explains returns how far up the graph cause sits from symptom, or -1 when it
// does not explain it.
func explains(cause, symptom core.Finding, codes map[string]core.Explanation, graph map[core.Service][]core.Service) int {
	if !cause.Severity.AtLeast(symptom.Severity) {
		return -1
	}
	from, to := codes[cause.Code], codes[symptom.Code]
	d := -1
	for _, s := range cause.Affects {
		if n := distance(graph, symptom.Service, s); n >= 0 && (d < 0 || n < d) {
			d = n
		}
	}
	if d < 0 && to.Level == core.Consequence && symptom.Category == core.APIEndpoints && slices.Contains(cause.Affects, core.Gateway) {
		d = farAway // it was seen through the gateway, which is ill itself
	}
	linked := slices.Contains(to.SymptomOf, cause.Code)
	if d < 0 && linked {
		d = distance(graph, symptom.Service, cause.Service) // the catalogue says so, whatever else it affects
	}
	if d < 0 {
		return -1
	}
	switch {
	case linked:
		return d
	case to.Level == core.Cause:
		return -1
	case from.Level < to.Level:
		return d
	case from.Level == to.Level:
		// Only strictly upstream of each other, so that no two can explain one
		// another and a chain always has a root.
		if n := distance(graph, symptom.Service, cause.Service); n > 0 {
			return n
		}
	}
	return -1
}

// order sorts findings the way people read them: causes before symptoms, worst
// first, then by how deep in the graph they sit.
func order(findings []core.Finding, codes map[string]core.Explanation, graph map[core.Service][]core.Service) {
	severity := map[core.Severity]int{core.Critical: 0, core.Warning: 1, core.Info: 2}
	depth := func(f core.Finding) int { return max(distance(graph, f.Service, core.Host), 0) }
	slices.SortStableFunc(findings, func(a, b core.Finding) int {
		return cmp.Or(
			compareBool(a.CausedBy != nil, b.CausedBy != nil),
			cmp.Compare(severity[a.Severity], severity[b.Severity]),
			cmp.Compare(codes[a.Code].Level, codes[b.Code].Level),
			cmp.Compare(depth(a), depth(b)),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Service, b.Service),
		)
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

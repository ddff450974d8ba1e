package checks

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/basewright/basewright/core"
)

func init() {
	family("configuration.refused", "Docker takes every value that the compose files hold", core.Configuration, []rule{
		{core.Explanation{
			Code: "CFG-02", Title: "Docker refuses a value in the compose files", Severity: core.Warning,
			What:   "Compose can read the files, and the Docker Engine refuses what they say: a restart policy that there is not, or a name that no container can have.",
			Breaks: "What runs goes on; at the next `up` the service is not created, nor is what waits for it.",
			Do:     "Correct the value at the line that the proof names. Restart policies are no, always, unless-stopped and on-failure[:times].",
			Data:   "No data is at risk.", Sources: "Docker docs, start containers automatically; container names",
		}, refused},
		{core.Explanation{Code: "DK-03"}, twicePublished},
	})
}

var (
	restartPolicy = regexp.MustCompile(`^(no|always|unless-stopped|on-failure(:\d+)?)?$`)
	nameOfAny     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
)

// refused looks at services that are meant to run. A name with a hole where a
// variable is not set is told by that variable.
func refused(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, s := range t.Compose.Services {
		if s.Optional {
			continue
		}
		var proof []core.Evidence
		if !restartPolicy.MatchString(s.Restart) {
			proof = append(proof, evidence(t.Compose.Place(s.Name, "restart"), fmt.Sprintf("restart of %s is %q", s.Name, clip(s.Restart))))
		}
		if s.ContainerName != "" && !nameOfAny.MatchString(s.ContainerName) && len(t.Compose.Structure) == 0 {
			proof = append(proof, evidence(t.Compose.Place(s.Name, "container_name"), fmt.Sprintf("container_name of %s is %q", s.Name, clip(s.ContainerName))))
		}
		found = append(found, advice(cmp.Or(s.Service, core.Host), proof...)...)
	}
	return found
}

// twicePublished finds a port of the host that two services of the stack, or two
// entries of one, want on the same address.
func twicePublished(_ context.Context, t core.Target) []core.Finding {
	type holder struct {
		service, address string
		inside           int
	}
	taken := map[string][]holder{}
	var found []core.Finding
	for _, s := range t.Compose.Services {
		if s.Optional || s.Job || len(t.Containers) > 0 {
			continue
		}
		for _, p := range s.Ports {
			key := fmt.Sprintf("%d/%s", p.HostPort, cmp.Or(p.Proto, "tcp"))
			address := cmp.Or(p.HostIP, "0.0.0.0")
			i := slices.IndexFunc(taken[key], func(h holder) bool {
				return h.address == address && (h.service != s.Name || h.inside != p.ContainerPort)
			})
			if p.HostPort != 0 && i >= 0 {
				first := taken[key][i]
				proof := []core.Evidence{
					evidence(t.Compose.Place(first.service, "ports", fmt.Sprint(first.inside)), fmt.Sprintf("%s publishes %s", first.service, key)),
					evidence(t.Compose.Place(s.Name, "ports", fmt.Sprint(p.ContainerPort)), fmt.Sprintf("%s publishes %s", s.Name, key)),
				}
				f := advice(cmp.Or(s.Service, core.Host), proof...)
				f[0].Severity, f[0].Title = core.Warning, "Two services publish the same port of the host"
				found = append(found, f...)
			}
			taken[key] = append(taken[key], holder{s.Name, address, p.ContainerPort})
		}
	}
	return found
}

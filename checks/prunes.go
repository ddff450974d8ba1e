package checks

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "host.prunes", Title: "Nothing on the host removes volumes by the clock", Category: core.Configuration, Depth: core.Quick, Check: scheduledPrune,
		Finds: []core.Explanation{{
			Code: "HOST-03", Title: "The host removes unused volumes by the clock", Severity: core.Warning, OnHost: true,
			What:   "Cron or a timer of systemd runs a Docker prune that takes volumes, and this stack keeps something in volumes.",
			Breaks: "Nothing while the containers are there. Whoever stops the stack, or takes it down for an upgrade, finds its volumes empty the next morning.",
			Do:     "Take --volumes out of the command, or keep it to volumes with a label of their own: --filter label=disposable.",
			Data:   "What is in the volumes is lost at the first run after the stack was stopped or taken down.", Sources: "Docker docs, prune unused objects; coollabsio/coolify#5164",
		}},
	})
}

// sparesNamed is the first Docker Engine whose prunes leave volumes with a name
// alone unless they are told to take them. Source: Docker Engine 23.0 release notes.
const sparesNamed = 23

// nameless matches the name that Docker gives a volume that has none.
var nameless = regexp.MustCompile(`^[0-9a-f]{64}$`)

// scheduledPrune names each prune that the host runs by the clock with the volumes
// of the stack that it would take.
func scheduledPrune(_ context.Context, t core.Target) ([]core.Finding, error) {
	var proof []core.Evidence
	for _, p := range t.Host.Prunes {
		if kept := taken(t, p); len(kept) > 0 {
			when := "once the stack is taken down"
			if p.Stopped {
				when = "once the stack is stopped"
			}
			proof = append(proof, evidence(fmt.Sprintf("file:%s:%d", p.File, p.Line), fmt.Sprintf("%s takes, %s, %s", p.Command, when, strings.Join(kept, ", "))))
		}
	}
	if len(proof) == 0 {
		return nil, nil
	}
	return []core.Finding{{Code: "HOST-03", Service: core.Host, Evidence: proof}}, nil
}

// taken lists the volumes of the stack that a prune does not spare. What edge
// functions load again is none.
func taken(t core.Target, p core.Prune) []string {
	version, _, _ := strings.Cut(t.Host.EngineVersion, ".")
	major, err := strconv.Atoi(version)
	all := p.Named || err == nil && major < sparesNamed
	var volumes []string
	for _, c := range t.Containers {
		for _, m := range c.Mounts {
			if m.Type != "volume" || strings.HasSuffix(m.Target, "/.cache/deno") || !all && !nameless.MatchString(m.Name) {
				continue
			}
			volumes = append(volumes, fmt.Sprintf("%s of %s in volume %.24s", m.Target, c.Name, m.Name))
		}
	}
	return volumes
}

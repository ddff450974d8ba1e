package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	family("isolation.peers", "The stack shares no secret, name, port, network name or volume with another on this host", core.Isolation, []rule{
		{core.Explanation{
			Code: "SEC-16", Title: "Two stacks share secrets", Severity: core.Warning,
			What:   "Another stack on this host holds the same secrets: its .env was copied.",
			Breaks: "Nothing; a key or session of one stack is valid in the other, and whoever gets into one is in both.",
			Do:     "Give one of them secrets of its own (playbook rotate-jwt-secret for keys, align-database-passwords after a new POSTGRES_PASSWORD).",
			Data:   "Data may be read or changed with the other stack's keys. Sessions end when the JWT secret changes.",
		}, sharedSecrets},
		{core.Explanation{Code: "DK-01"}, takenNames},
		{core.Explanation{Code: "DK-03"}, takenPorts},
		{core.Explanation{Code: "DK-22"}, ambiguousNames},
		{core.Explanation{Code: "DK-02"}, sharedVolumes},
	})
}

// ownSecrets are the variables of .env that no two stacks may have in common.
var ownSecrets = []string{
	"JWT_SECRET", "POSTGRES_PASSWORD", "ANON_KEY", "SERVICE_ROLE_KEY", "JWT_KEYS", "SUPABASE_SECRET_KEY", "SECRET_KEY_BASE",
	"VAULT_ENC_KEY", "PG_META_CRYPTO_KEY", "DASHBOARD_PASSWORD", "S3_PROTOCOL_ACCESS_KEY_SECRET", "LOGFLARE_PRIVATE_ACCESS_TOKEN",
}

// sharedSecrets leaves values that upstream publishes to SEC-01: of those every
// stack must have its own.
func sharedSecrets(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, key := range ownSecrets {
		mine, ok := t.Env.Lookup(key)
		if _, example := isPublished(mine); !ok || mine == "" || example {
			continue
		}
		if _, demo := isDemo(t, mine); demo {
			continue
		}
		for _, p := range t.Peers {
			if theirs, ok := p.Env.Lookup(key); ok && theirs == mine {
				proof = append(proof, evidence(fromEnv(t, key), fmt.Sprintf("%s is the same as in %s (%s)", key, clip(p.Instance.Project), fingerprint(t, mine))))
			}
		}
	}
	return advice(core.Host, proof...)
}

// takenNames tells of a service that cannot be created, since a container of
// another stack has its name.
func takenNames(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, s := range t.Compose.Services {
		if s.ContainerName == "" || s.Service == "" || slices.ContainsFunc(t.Containers, func(c core.Container) bool { return c.ComposeService == s.Name }) {
			continue
		}
		for _, p := range t.Peers {
			i := slices.IndexFunc(p.Containers, func(c core.Container) bool { return c.Name == s.ContainerName })
			if i < 0 {
				continue
			}
			f := fault(s.Service, evidence(t.Compose.Place(s.Name, "container_name"), fmt.Sprintf("%s is to be called %s", s.Name, clip(s.ContainerName))),
				evidence(witness(p, p.Containers[i]), "so is "+p.Containers[i].ComposeService+" of "+clip(p.Instance.Project)))
			f[0].Severity, f[0].Title = severity(s.Service), fmt.Sprintf("The container name of %s is taken by another stack", s.Service)
			found = append(found, f...)
		}
	}
	return found
}

// witness names a service of another stack as the source of evidence: its
// container, or the files that declare it.
func witness(p core.Peer, c core.Container) string {
	if c.ID == "" {
		return "compose:" + clip(p.Instance.Project)
	}
	return "inspect:" + c.Name
}

// takenPorts tells of a service that does not run and whose host port another
// stack holds.
func takenPorts(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, s := range t.Compose.Services {
		if s.Service == "" || slices.ContainsFunc(t.Containers, func(c core.Container) bool { return c.ComposeService == s.Name && c.State == "running" }) {
			continue
		}
		for _, want := range s.Ports {
			for _, p := range t.Peers {
				if c, ok := holder(p, want); ok {
					f := fault(s.Service, evidence(t.Compose.Place(s.Name, "ports", fmt.Sprint(want.ContainerPort)), fmt.Sprintf("%s is to have port %d of the host", s.Name, want.HostPort)),
						evidence(witness(p, c), fmt.Sprintf("port %d is for %s of %s", want.HostPort, c.ComposeService, clip(p.Instance.Project))))
					f[0].Severity, f[0].Title = severity(s.Service), fmt.Sprintf("A host port of %s is taken", s.Service)
					found = append(found, f...)
				}
			}
		}
	}
	return found
}

// holder returns the service of a peer that publishes the port, running or, when
// there are files only, declared.
func holder(p core.Peer, want core.Port) (core.Container, bool) {
	for _, c := range p.Containers {
		for _, have := range c.Ports {
			same := have.HostPort == want.HostPort && want.HostPort != 0 && (have.Proto == want.Proto || want.Proto == "")
			if same && (c.State == "running" || c.ID == "") && (everywhere(have) || everywhere(want) || have.HostIP == want.HostIP) {
				return c, true
			}
		}
	}
	return core.Container{}, false
}

// ambiguousNames tells of services of two stacks that answer to one name on one
// network. Which of them is reached is a matter of chance.
func ambiguousNames(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, c := range t.Containers {
		if c.Service == "" {
			continue
		}
		var proof []core.Evidence
		for _, mine := range c.Networks {
			for _, p := range t.Peers {
				proof = append(proof, sameName(c, mine, p)...)
			}
		}
		if f := advice(c.Service, proof...); f != nil {
			f[0].Title = fmt.Sprintf("%s has the same name as another stack's service on a shared network", c.Service)
			found = append(found, f...)
		}
	}
	return found
}

func sameName(c core.Container, mine core.Endpoint, p core.Peer) []core.Evidence {
	if mine.Network == "host" || mine.Network == "none" || mine.Network == "bridge" { // the default bridge has no names
		return nil
	}
	var proof []core.Evidence
	for _, other := range p.Containers {
		on := slices.ContainsFunc(other.Networks, func(e core.Endpoint) bool { return e.Network == mine.Network })
		if on && other.ID != c.ID && other.ComposeService != "" && slices.Contains(mine.Aliases, other.ComposeService) {
			proof = append(proof, evidence("inspect:"+other.Name, fmt.Sprintf("on network %s it is called %s too, for %s", clip(mine.Network), clip(other.ComposeService), clip(p.Instance.Project))))
		}
	}
	return proof
}

// sharedVolumes tells of data that two stacks write to: one database's folder
// under two servers is lost.
func sharedVolumes(_ context.Context, t core.Target) []core.Finding {
	var found []core.Finding
	for _, own := range parts(t) {
		var proof []core.Evidence
		for _, m := range own.mounts {
			if own.files != nil && m.Type == "volume" {
				continue // Compose puts the project's name before that of the files
			}
			for _, p := range t.Peers {
				for _, other := range p.Containers {
					if !slices.ContainsFunc(other.Mounts, func(o core.Mount) bool { return sameData(m, o) }) {
						continue
					}
					if own.files != nil {
						proof = append(proof, evidence(own.at("volumes", m.Target), own.service+" writes to "+clip(dataOf(m))))
					}
					proof = append(proof, evidence(witness(p, other), fmt.Sprintf("%s writes to %s too, for %s", other.ComposeService, clip(dataOf(m)), clip(p.Instance.Project))))
				}
			}
		}
		if f := advice(own.role, proof...); f != nil {
			f[0].Title = fmt.Sprintf("%s writes to data of another stack", own.role)
			if own.role == core.DB {
				f[0].Severity = core.Critical
			}
			found = append(found, f...)
		}
	}
	return found
}

// sameData reports whether two mounts are of the same thing and both may write.
// A socket is no data.
func sameData(a, b core.Mount) bool {
	if a.ReadOnly || b.ReadOnly || a.Type != b.Type || strings.HasSuffix(a.Source, ".sock") {
		return false
	}
	return a.Type == "volume" && a.Name != "" && a.Name == b.Name || a.Type == "bind" && a.Source != "" && a.Source == b.Source
}

func dataOf(m core.Mount) string {
	if m.Name != "" {
		return "the volume " + m.Name
	}
	return m.Source
}

package repairs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// Basis is the fingerprints of the facts that a plan rests on: on which engine
// it is, which containers there are and of what image, the .env, the compose project as its files render
// it, and the finding. When one differs, the world has changed.
func Basis(o *core.Observation, finding *core.Finding, key core.FingerprintKey) map[string]string {
	basis := map[string]string{
		"env":     key.Of(core.Secret(envText(o.Env))),
		"compose": key.Of(core.Secret(composeText(o.Compose))),
		"engine":  o.Host.EngineID,
	}
	for _, c := range o.Containers {
		k := "container:" + c.ComposeService
		basis[k] = strings.TrimSpace(basis[k] + " " + shortID(c.ID) + "@" + shortID(c.ImageID))
	}
	if finding != nil {
		basis["finding"] = key.Of(core.Secret(findingText(*finding)))
	}
	return basis
}

func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

func envText(e core.EnvFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v %v\n", e.Path, e.Mode, e.Err)
	for _, v := range e.Vars {
		fmt.Fprintf(&b, "%d %q=%q\n", v.Line, v.Key, v.Value.Reveal())
	}
	return b.String()
}

func composeText(c core.Compose) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v\n", c.Unset, c.Err)
	for _, s := range c.Services {
		fmt.Fprintf(&b, "%q %q %q %q %v %v %q\n", s.Name, s.Image, s.ContainerName, s.Restart, s.Ports, s.Mounts, s.DependsOn)
		for _, k := range slices.Sorted(maps.Keys(s.Env)) {
			fmt.Fprintf(&b, "%q=%q\n", k, s.Env[k].Reveal())
		}
	}
	return b.String()
}

func findingText(f core.Finding) string {
	return fmt.Sprintf("%q %q %q", f.Code, f.Service, f.Details) // a map prints in the order of its keys
}

package repairs

import (
	"maps"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// Facts is all that a playbook may know of an instance, as plain data. It holds
// no secret: where one would stand there is its handle, with a fingerprint.
func Facts(o *core.Observation, finding *core.Finding, findings []core.Finding, wanted Wanted, key core.FingerprintKey) map[string]any {
	f := factMaker{Observation: o, key: key, secrets: core.NewMask(o)}
	facts := map[string]any{
		"instance": map[string]any{
			"id": o.Instance.ID, "name": f.clean(o.Instance.Name), "project": o.Instance.Project,
			"mode": string(o.Instance.Mode), "origin": string(o.Instance.Origin), "release": o.Instance.Release,
		},
		"services": f.services(),
		"env":      f.env(),
		"findings": f.findings(findings),
		"compose":  map[string]any{"unset": texts(f.Compose.Unset), "readable": f.Compose.Err == nil},
		"ports":    map[string]any{"used": f.usedPorts()},
		"host":     f.host(),
	}
	if finding != nil {
		facts["finding"] = f.finding(*finding)
	}
	wanted.addTo(facts, f.secrets)
	return facts
}

type factMaker struct {
	*core.Observation
	key     core.FingerprintKey
	secrets *core.Mask
}

func (f factMaker) clean(s string) string { return f.secrets.Text(s) }

// setting is a value that may be shown, or the handle of one that may not.
func (f factMaker) setting(h core.Handle, v core.Secret) any {
	if isOpen(h.Key, v) {
		return f.clean(v.Reveal())
	}
	return map[string]any{"secret": h.String(), "fingerprint": f.key.Of(v)}
}

func (f factMaker) env() map[string]any {
	env := map[string]any{}
	for _, v := range f.Env.Vars {
		s := f.setting(core.Handle{From: core.FromEnv, Key: v.Key}, v.Value) // of equal keys the last one counts
		if handle, ok := s.(map[string]any); ok && v.Written != "" {
			handle["written"] = f.setting(core.Handle{From: core.FromWritten, Key: v.Key}, v.Written)
		}
		env[v.Key] = s
	}
	return env
}

// services maps each service by its role, or by its compose name when it has
// none, to what is known of it: those with a container and those declared.
func (f factMaker) services() map[string]any {
	services := map[string]any{}
	for _, d := range f.Compose.Services {
		services[serviceKey(d.Service, d.Name)] = map[string]any{
			"role": string(d.Service), "compose_service": d.Name, "image": d.Image,
			"state": "missing", "health": "", "missing": true, "exit_code": 0.0, "restarts": 0.0, "oom_killed": false, "memory_limit": 0.0,
			"error": "", "ports": f.ports(d.Ports), "env": map[string]any{}, "stale": []any{},
			"container_name": d.ContainerName, "mounts": f.mounts(d.Mounts), "log_driver": "", "log_max_size": "",
			"aliases": []any{},
		}
	}
	for _, c := range f.Containers {
		k := serviceKey(c.Service, c.ComposeService)
		if first, ok := f.Container(c.Service); c.Service != "" && ok && first.ID != c.ID {
			continue
		}
		services[k] = f.service(k, c)
	}
	return services
}

func serviceKey(role core.Service, composeService string) string {
	if role != "" {
		return string(role)
	}
	return composeService
}

func (f factMaker) service(key string, c core.Container) map[string]any {
	env := map[string]any{}
	for name, v := range c.Env {
		env[name] = f.setting(core.Handle{From: core.FromService, Service: core.Service(key), Key: name}, v)
	}
	return map[string]any{
		"role": string(c.Service), "compose_service": c.ComposeService, "image": c.Image,
		"state": c.State, "health": c.Health, "missing": false,
		"exit_code": float64(c.ExitCode), "restarts": float64(c.Restarts), "oom_killed": c.OOMKilled, "memory_limit": float64(c.MemoryLimit),
		"error": f.clean(c.Error), "ports": f.ports(c.Ports), "env": env, "stale": f.stale(c),
		"container_name": strings.TrimPrefix(c.Name, "/"), "mounts": f.mounts(c.Mounts), "log_driver": c.LogDriver, "log_max_size": c.LogMaxSize,
		"aliases": aliases(c),
	}
}

// stale lists the variables whose value in the container is not what its
// compose files would give it now.
func (f factMaker) stale(c core.Container) []any {
	list := []any{}
	i := slices.IndexFunc(f.Compose.Services, func(d core.ComposeService) bool { return d.Name == c.ComposeService })
	if i < 0 || f.Compose.Err != nil {
		return list
	}
	declared := f.Compose.Services[i].Env
	for _, k := range slices.Sorted(maps.Keys(declared)) {
		if now, ok := c.Env[k]; !ok || now != declared[k] {
			list = append(list, k)
		}
	}
	return list
}

func (f factMaker) ports(ports []core.Port) []any {
	list := []any{}
	for _, p := range ports {
		list = append(list, map[string]any{
			"host_ip": p.HostIP, "host_port": float64(p.HostPort), "container_port": float64(p.ContainerPort), "proto": p.Proto,
		})
	}
	return list
}

// mounts names what lies in the instance folder by its name there; of the rest a
// playbook sees only where it is in the container.
func (f factMaker) mounts(mounts []core.Mount) []any {
	list := []any{}
	for _, m := range mounts {
		source, _ := insideName(f.Instance, m.Source)
		list = append(list, map[string]any{"source": source, "target": m.Target, "type": m.Type, "read_only": m.ReadOnly})
	}
	return list
}

// aliases are the names that a container has on its networks.
func aliases(c core.Container) []any {
	var names []string
	for _, e := range c.Networks {
		names = append(names, e.Aliases...)
	}
	slices.Sort(names)
	return texts(slices.Compact(names))
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

func (f factMaker) usedPorts() []any {
	var used []int
	for _, c := range f.Containers {
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				used = append(used, p.HostPort)
			}
		}
	}
	slices.Sort(used)
	list := []any{}
	for _, p := range slices.Compact(used) {
		list = append(list, float64(p))
	}
	return list
}

func (f factMaker) finding(x core.Finding) map[string]any {
	details := map[string]any{}
	for k, v := range x.Details {
		details[k] = f.clean(v)
	}
	evidence := []any{}
	for _, e := range x.Evidence {
		evidence = append(evidence, map[string]any{"source": e.Source, "text": f.clean(e.Text)})
	}
	return map[string]any{
		"code": x.Code, "service": string(x.Service), "severity": string(x.Severity), "title": f.clean(x.Title),
		"details": details, "evidence": evidence,
	}
}

func (f factMaker) findings(findings []core.Finding) []any {
	list := []any{}
	for _, x := range findings {
		list = append(list, f.finding(x))
	}
	return list
}

func (f factMaker) host() map[string]any {
	h := f.Host
	disks := []any{}
	for _, d := range h.Disks {
		disks = append(disks, map[string]any{"holds": d.Holds, "path": d.Path, "total": float64(d.Total), "free": float64(d.Free)})
	}
	return map[string]any{
		"engine_version": h.EngineVersion, "api_version": h.APIVersion, "os": h.OS, "arch": h.Arch, "local": h.Local,
		"disks": disks, "memory_total": float64(h.MemoryTotal), "memory_available": float64(h.MemoryAvailable),
		"projects": float64(h.Projects),
	}
}

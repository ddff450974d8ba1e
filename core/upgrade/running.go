package upgrade

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/basewright/basewright/core"
)

// An upgrade takes every container down and brings up what the merged compose files
// say. What is here sees to it that what runs afterwards is what ran before, with
// the data that it had.

// fills reports whether a container is the one of a compose service, which the
// newer release may call something else.
func fills(c core.Container, s core.ComposeService) bool {
	return c.ComposeService == s.Name || c.Service != "" && c.Service == s.Service
}

// down stops what runs but for the database, saves everything while nothing writes
// any more, and stops the database.
func (m *merging) down() []core.Action {
	var out []core.Action
	stop := func(s core.Service) { out = append(out, core.Action{Op: core.OpStop, Service: s}) }
	for _, c := range m.obs.Containers { // own services use Supabase's, so they go first
		if name := core.Service(c.ComposeService); c.Service == "" && c.Runs() && !slices.ContainsFunc(out, func(a core.Action) bool { return a.Service == name }) {
			stop(name)
		}
	}
	for _, s := range slices.Backward(core.Services) {
		if c, ok := m.obs.Container(s); ok && c.Runs() && s != core.DB {
			stop(s)
		}
	}
	out = append(out, core.Action{Op: core.OpSnapshot, Why: "nothing writes any more, so that nothing is lost when it is put back"})
	stop(core.DB)
	return append(out, core.Action{Op: core.OpRemove, Why: "containers and networks, which are made anew; no volume"})
}

// left names the compose services whose containers are there and do not run:
// somebody stopped them, and they stay so.
func (m *merging) left(after core.Compose) []string {
	var out []string
	for _, s := range after.Services {
		found, running := false, false
		for _, c := range m.obs.Containers {
			if fills(c, s) {
				found, running = true, running || c.Runs()
			}
		}
		if found && !running && !s.Job && !s.Optional {
			out = append(out, s.Name)
		}
	}
	return out
}

// comeBack refuses an upgrade after which a container would be missing, or would
// be without what it keeps.
func (m *merging) comeBack(after core.Compose) error {
	id := m.obs.Instance.ID
	if db, ok := m.obs.Container(core.DB); !ok || db.State != "running" {
		return &core.Error{Code: core.Conflict, Message: "the database of " + id + " does not run, and an upgrade saves its data first", Hint: "start it: basewright instance start " + id}
	}
	for _, c := range m.obs.Containers {
		if c.ComposeService == "" {
			return core.Errorf(core.Conflict, "container %s carries the labels of %s and was not made from its folder; Compose would take it for its own, so remove it first", c.Name, id)
		}
		i := slices.IndexFunc(after.Services, func(s core.ComposeService) bool { return fills(c, s) && !s.Optional })
		if i < 0 && c.Service == "" && c.Runs() {
			return core.Errorf(core.Conflict, "container %s runs, and the compose files would not bring it up again: put its service into them and its profile into COMPOSE_PROFILES, or stop it first", c.Name)
		}
		if i < 0 {
			continue
		}
		if err := m.keepsVolumes(c, after.Services[i]); err != nil {
			return err
		}
	}
	return nil
}

// keepsVolumes refuses a service with a volume that has no name: a container that
// is made anew gets a new one, which is empty. Those of the release's own services
// hold nothing, unless a person put them there.
func (m *merging) keepsVolumes(c core.Container, is core.ComposeService) error {
	was := slices.IndexFunc(m.obs.Compose.Services, func(s core.ComposeService) bool { return s.Name == c.ComposeService })
	for _, v := range c.Mounts {
		at := func(w core.Mount) bool { return w.Target == v.Target }
		unnamed := func(w core.Mount) bool { return at(w) && w.Type == "volume" && w.Name == "" }
		asked := was >= 0 && slices.ContainsFunc(m.obs.Compose.Services[was].Mounts, unnamed)
		kept := slices.ContainsFunc(is.Mounts, func(w core.Mount) bool { return at(w) && !unnamed(w) })
		if v.Type != "volume" || kept || c.Service != "" && !asked {
			continue
		}
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("service %s keeps data at %s in a volume without a name, and would come up without it", c.ComposeService, v.Target),
			Hint:    fmt.Sprintf("give it a name in %s, with which it is found again: under volumes `%s-data: {external: true, name: %s}`, in the service `%s-data:%s`", composeName, c.ComposeService, cmp.Or(v.Name, "…"), c.ComposeService, v.Target),
		}
	}
	return nil
}

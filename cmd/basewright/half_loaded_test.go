package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// mustTakeHalfALoadBackAlone kills the agent when the first database is loaded and
// the second is not, and again when its next start has taken that back: until then
// nothing but the database ran, even when somebody removed its container meanwhile.
func (p *person) mustTakeHalfALoadBackAlone(w *world, stack string, removed bool) {
	p.t.Helper()
	identity := w.identity(p.t, stack)
	p.kill("restore.database-1", "repair", stack, dangerous(p.t, loses, fails), "--yes")
	host, err := docker.Connect(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	defer host.Close()
	api := host.Client()
	running := func() (services []string) {
		list, err := api.ContainerList(p.t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+stack))})
		must(p.t, err)
		for _, c := range list {
			services = append(services, c.Labels["com.docker.compose.service"])
			if removed && services[len(services)-1] == "db" {
				must(p.t, api.ContainerRemove(p.t.Context(), c.ID, container.RemoveOptions{Force: true}))
			}
		}
		return services
	}
	if got := running(); !slices.Equal(got, []string{"db"}) {
		p.t.Errorf("the load ran beside %q", got)
	}
	removed = false
	started := w.starts(p.t, host, stack)
	p.kill("restore.unloaded", "change", "recover")
	for _, s := range started() {
		if s != "db" {
			p.t.Errorf("%s was started on half of the data", s)
		}
	}
	if got := running(); !slices.Equal(got, []string{"db"}) {
		p.t.Errorf("beside the database that was taken back run %q", got)
	}
	if d := difference(identity, w.identity(p.t, stack)); d != "" {
		p.t.Errorf("half of a load was not taken back: %s", d)
	}
	p.recovered(stack)
}

// starts watches the engine, and then returns the services of a stack whose containers
// it started meanwhile. An exec of its own tells that it heard of all before.
func (w *world) starts(t *testing.T, host *docker.Host, stack string) func() []string {
	t.Helper()
	const last = "that-was-the-last"
	ctx, cancel := context.WithCancel(t.Context())
	said, broke := host.Client().Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "container"),
		filters.Arg("event", "start"), filters.Arg("event", "exec_start"), filters.Arg("label", "com.docker.compose.project="+stack))})
	all, ended := []string{}, make(chan error, 1)
	go func() {
		for {
			select {
			case e := <-said:
				if strings.Contains(string(e.Action), last) {
					ended <- nil
					return
				}
				if e.Action == events.ActionStart {
					all = append(all, e.Actor.Attributes["com.docker.compose.service"])
				}
			case err := <-broke:
				ended <- err
				return
			}
		}
	}()
	return func() []string {
		t.Helper()
		defer cancel()
		if _, err := host.Open(core.Instance{ID: stack, Project: stack}).Exec(ctx, core.DB, core.Command{Args: []string{"true", last}}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return all
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-connections/nat"

	"github.com/basewright/basewright/core/docker"
)

// passing are the keys of `docker inspect` in which two equal containers differ: ids,
// times, addresses and how often and by which process they run.
var passing = strings.Fields(`Id ID Created CreatedAt StartedAt FinishedAt Pid ExecIDs Health RestartCount ExitCode Hostname HostnamePath HostsPath ResolvConfPath
	LogPath GraphDriver Storage EndpointID SandboxID SandboxKey NetworkID MacAddress IPAddress GlobalIPv6Address Gateway IPv6Gateway IPPrefixLen GlobalIPv6PrefixLen Containers`)

// anonymous is the name of a volume that the engine drew.
var anonymous = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// inspected is everything that the engine says of a stack's containers, networks and
// volumes, as text, but for what passes.
func (w *world) inspected(t *testing.T, stack string) string {
	t.Helper()
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	api, of := host.Client(), filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+stack))
	var lines []string
	tell := func(name string, what any) {
		text, err := json.Marshal(what)
		must(t, err)
		var tree any
		must(t, json.Unmarshal(text, &tree))
		text, err = json.Marshal(lasting(tree))
		must(t, err)
		lines = append(lines, name+" "+anonymous.ReplaceAllString(string(text), "ID"))
	}
	boxes, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: of})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		c, err := api.ContainerInspect(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(c.HostConfig.Binds) // Compose hands them over in any order
		slices.SortFunc(c.Mounts, func(a, b container.MountPoint) int { return strings.Compare(a.Destination, b.Destination) })
		for _, n := range c.NetworkSettings.Networks {
			for _, names := range []*[]string{&n.Aliases, &n.DNSNames} {
				slices.Sort(*names)
				*names = slices.DeleteFunc(*names, func(a string) bool { return strings.HasPrefix(c.ID, a) })
			}
		}
		betweenRuns(&c)
		tell("container "+c.Name, c)
	}
	nets, err := api.NetworkList(t.Context(), network.ListOptions{Filters: of})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nets {
		tell("network "+n.Name, n)
	}
	disks, err := api.VolumeList(t.Context(), volume.ListOptions{Filters: of})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range disks.Volumes {
		tell("volume "+v.Name, v)
		lines = append(lines, fmt.Sprintf("volume %s holds %s", v.Name, entries(t, v.Mountpoint)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// betweenRuns has a container that fails and is started again and again look the same
// in the pauses and while it runs: in which of them it is found is chance. What it
// publishes the engine lists only while it runs, and is what it was told to publish.
func betweenRuns(c *container.InspectResponse) {
	if c.State.Restarting {
		c.State.Restarting, c.State.Status = false, "running"
		c.NetworkSettings.Ports = c.HostConfig.PortBindings
	}
	maps.DeleteFunc(c.NetworkSettings.Ports, func(_ nat.Port, bound []nat.PortBinding) bool { return len(bound) == 0 })
}

// lasting removes what passes from a tree of JSON. Of how a container ran, only that
// it ran counts.
func lasting(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		for key := range v {
			if slices.Contains(passing, key) {
				delete(v, key)
				continue
			}
			v[key] = lasting(v[key])
		}
	case []any:
		for i := range v {
			v[i] = lasting(v[i])
		}
	}
	return tree
}

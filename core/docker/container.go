package docker

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"github.com/basewright/basewright/core"
)

// describe turns what the engine says of a container into core's words. Every
// part of the answer may be missing.
func describe(in container.InspectResponse) core.Container {
	c := core.Container{}
	if in.ContainerJSONBase != nil {
		c.ID, c.Name, c.ImageID = in.ID, trimName(in.Name), in.Image
		c.Restarts, c.CreatedAt = in.RestartCount, instant(in.Created)
		c.Command = append([]string{in.Path}, in.Args...)
		describeState(&c, in.State)
		describeHost(&c, in.HostConfig)
	}
	if in.Config != nil {
		describeConfig(&c, in.Config)
	}
	describeNetwork(&c, in.NetworkSettings)
	for _, m := range in.Mounts {
		c.Mounts = append(c.Mounts, core.Mount{Type: string(m.Type), Name: m.Name, Source: m.Source,
			Target: m.Destination, ReadOnly: !m.RW})
	}
	slices.SortFunc(c.Mounts, func(a, b core.Mount) int { return cmp.Compare(a.Target, b.Target) })
	return c
}

func describeState(c *core.Container, s *container.State) {
	if s == nil {
		return
	}
	c.State, c.ExitCode, c.OOMKilled, c.Error, c.PID = s.Status, s.ExitCode, s.OOMKilled, s.Error, s.Pid
	c.StartedAt, c.FinishedAt = instant(s.StartedAt), instant(s.FinishedAt)
	if s.Health == nil || s.Health.Status == container.NoHealthcheck {
		return
	}
	c.Health = s.Health.Status
	if n := len(s.Health.Log); n > 0 && s.Health.Log[n-1] != nil {
		c.HealthOutput = clean([]byte(s.Health.Log[n-1].Output), maxLine)
	}
}

func describeHost(c *core.Container, hc *container.HostConfig) {
	if hc == nil {
		return
	}
	c.RestartPolicy = string(hc.RestartPolicy.Name)
	c.LogDriver, c.LogMaxSize = hc.LogConfig.Type, hc.LogConfig.Config["max-size"]
	c.MemoryLimit = hc.Memory
}

func describeConfig(c *core.Container, config *container.Config) {
	c.Image, c.Labels = config.Image, config.Labels
	c.Service = roleOf(config.Labels, config.Image)
	c.ComposeService = config.Labels[serviceLabel]
	c.Env = make(map[string]core.Secret, len(config.Env))
	for _, line := range config.Env {
		key, value, _ := strings.Cut(line, "=")
		c.Env[key] = core.Secret(value)
	}
	if config.StopTimeout != nil {
		c.StopTimeout = time.Duration(*config.StopTimeout) * time.Second
	}
	if config.Healthcheck != nil {
		c.Healthcheck = config.Healthcheck.Test
	}
}

func describeNetwork(c *core.Container, ns *container.NetworkSettings) {
	if ns == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(ns.Networks)) {
		if n := ns.Networks[name]; n != nil {
			c.Networks = append(c.Networks, core.Endpoint{Network: name, IP: n.IPAddress, Aliases: n.Aliases})
		}
	}
	for port, bindings := range ns.Ports {
		c.Ports = append(c.Ports, ports(port, bindings)...)
	}
	slices.SortFunc(c.Ports, func(a, b core.Port) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.HostIP, b.HostIP))
	})
}

func ports(port nat.Port, bindings []nat.PortBinding) []core.Port {
	p := core.Port{ContainerPort: port.Int(), Proto: port.Proto()}
	if len(bindings) == 0 {
		return []core.Port{p}
	}
	var out []core.Port
	for _, b := range bindings {
		p.HostIP = b.HostIP
		p.HostPort, _ = strconv.Atoi(b.HostPort)
		out = append(out, p)
	}
	return out
}

// instant reads a time of the engine, whose zero means never.
func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

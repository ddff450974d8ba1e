package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// box is the container of a compose service.
func (u *upgrading) box(service string) core.Container {
	u.t.Helper()
	obs, err := u.engine().Observe(u.t.Context())
	if err != nil {
		u.t.Fatal(err)
	}
	i := slices.IndexFunc(obs.Containers, func(c core.Container) bool { return c.ComposeService == service })
	if i < 0 {
		u.t.Fatalf("there is no container of %s", service)
	}
	return obs.Containers[i]
}

// kept is the volume that the worker keeps its data in.
func (u *upgrading) kept() core.Mount {
	u.t.Helper()
	all := u.box("worker").Mounts
	i := slices.IndexFunc(all, func(m core.Mount) bool { return m.Target == "/kept" })
	if i < 0 {
		u.t.Fatalf("the worker has %+v", all)
	}
	return all[i]
}

// refusesLoss gives the stack services of its own, a stranger on its network and a
// service that somebody stopped. What would be lost is refused while all still runs.
func (u *upgrading) refusesLoss() {
	u.t.Helper()
	ctx := u.t.Context()
	image := u.mirror.prefix + "/worker:1"
	u.mirror.tag(u.mirror.from+"/postgres:15.8.1.060", image)
	own := "\n  worker:\n    <<: *service\n    image: " + image + "\n    entrypoint: [sleep, infinity]\n    tmpfs: [/var/lib/postgresql/data]\n    volumes: [/kept]\n" +
		"  spare:\n    <<: *service\n    image: " + image + "\n    entrypoint: [sleep, infinity]\n    tmpfs: [/var/lib/postgresql/data]\n"
	compose := strings.Replace(u.read("docker-compose.yml"), "\n  kong:\n", own+"\n  kong:\n", 1)
	u.write("docker-compose.yml", compose)
	must := func(err error) {
		u.t.Helper()
		if err != nil {
			u.t.Fatal(err)
		}
	}
	must(u.engine().Up(ctx, core.UpRequest{}))
	for _, s := range []core.Service{"spare", core.Meta} {
		must(u.engine().Stop(ctx, s))
	}
	u.own = u.kept().Name
	u.refuses("worker keeps data at /kept in a volume without a name", "name: "+u.own)
	compose = strings.Replace(compose, "[/kept]", `["worker-data:/kept"]`, 1)
	u.write("docker-compose.yml", strings.Replace(compose, "\nvolumes:\n", "\nvolumes:\n  worker-data: {external: true, name: "+u.own+"}\n", 1))
	made, err := u.mirror.api.ContainerCreate(ctx, &container.Config{Image: image, Entrypoint: []string{"sleep", "infinity"}}, &container.HostConfig{AutoRemove: true},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{u.name + "_default": {}}}, nil, u.name+"-stranger")
	must(err)
	gone := sync.OnceFunc(func() {
		must(u.mirror.api.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	u.t.Cleanup(gone)
	must(u.mirror.api.ContainerStart(ctx, made.ID, container.StartOptions{}))
	u.refuses(u.name+"-stranger, which is none of "+u.name+", is on its network", "docker network disconnect")
	gone()
}

// refuses wants an upgrade refused, and everything as it was.
func (u *upgrading) refuses(want ...string) {
	u.t.Helper()
	before := u.box("auth")
	out := u.basewright(1, "instance", "upgrade", u.name, "--yes")
	for _, w := range want {
		if !strings.Contains(out, w) {
			u.t.Errorf("the refusal does not say %q:\n%s", w, out)
		}
	}
	if after := u.box("auth"); after.ID != before.ID || after.State != "running" || !after.StartedAt.Equal(before.StartedAt) {
		u.t.Errorf("auth was touched: %+v", after)
	}
}

func (u *upgrading) write(name, text string) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

// keepsWhatRan wants what was stopped before the upgrade stopped after it, and own
// services with the data that they had.
func (u *upgrading) keepsWhatRan(volume string) {
	u.t.Helper()
	for service, want := range map[string]string{"worker": "running", "spare": "created", "meta": "created", "auth": "running"} {
		if got := u.box(service).State; got != want {
			u.t.Errorf("%s is %s, want %s", service, got, want)
		}
	}
	if got := u.kept().Name; got != volume {
		u.t.Errorf("the worker keeps its data in %s, want the volume %s", got, volume)
	}
	u.startsMeta()
}

// startsMeta starts what somebody stopped before the upgrade, and waits until it is
// well: on a busy machine its first checks may fail.
func (u *upgrading) startsMeta() {
	u.t.Helper()
	must(u.t, u.engine().Start(u.t.Context(), core.Meta))
	for u.box("meta").Health != "healthy" {
		select {
		case <-u.t.Context().Done():
			u.t.Fatal("meta does not get well")
		case <-time.After(time.Second): // the engine tells who asks
		}
	}
}

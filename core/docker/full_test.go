package docker

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

// fullStack uses most of what a compose file can say of a container.
const fullStack = `
services:
  db:
    image: ${IMAGE}
    LABELS
    container_name: PROJECT-database
    environment: {PORT: "5432", SECRET: "${POSTGRES_PASSWORD}"}
    volumes: ["/data", "kept:/kept", "./conf:/conf:ro", {type: tmpfs, target: /scratch, tmpfs: {size: 1048576}}]
    networks: {back: {ipv4_address: 10.231.77.10, aliases: [postgres, "pg"]}, front: {}}
    restart: unless-stopped
    stop_grace_period: 5s
    healthcheck: {test: ["CMD", "/stub", "healthy"], interval: 1s}
    logging: {driver: json-file, options: {max-size: 1m}}
    mem_limit: 64m
    cap_drop: [NET_RAW]
    extra_hosts: ["elsewhere:10.1.2.3"]
    ulimits: {nofile: 1000}
    shm_size: 1m
  auth:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "9999"}
    command: ["serve"]
    networks: [back]
    ports: ["127.0.0.1:0:9999"]
    hostname: login
    user: "1000:1000"
    read_only: true
    depends_on: [db]
  sidecar:
    image: ${IMAGE}
    LABELS
    network_mode: service:auth
    depends_on: [auth]
networks:
  front: {LABELS}
  back: {LABELS, ipam: {config: [{subnet: 10.231.77.0/24}]}}
volumes:
  kept: {LABELS}
`

func openFull(t *testing.T) (*Host, *Engine) {
	h := engine(t)
	before := anonymous(t, h)
	t.Cleanup(func() { // volumes without a name have no label to find them by
		for _, name := range slices.Collect(maps.Keys(anonymous(t, h))) {
			if !before[name] {
				h.api.VolumeRemove(context.Background(), name, false)
			}
		}
	})
	e := open(t, h, strings.ReplaceAll(fullStack, "PROJECT-", "${COMPOSE_PROJECT_NAME}-"), map[string]string{"conf/x": "x"})
	return h, e
}

// anonymous lists the volumes that no container uses and that have no label.
func anonymous(t *testing.T, h *Host) map[string]bool {
	vs, err := h.api.VolumeList(context.Background(), volume.ListOptions{Filters: filters.NewArgs(filters.Arg("dangling", "true"))})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, v := range vs.Volumes {
		if len(v.Name) == 64 && len(v.Labels) == 0 {
			names[v.Name] = true
		}
	}
	return names
}

// inspected returns what the engine says of all containers, less what two equal
// ones differ in: IDs, times, addresses, and paths with an ID in them.
func inspected(t *testing.T, e *Engine) map[string]any {
	t.Helper()
	now, err := e.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, c := range now.Containers {
		slices.SortFunc(c.Mounts, func(a, b container.MountPoint) int { return strings.Compare(a.Destination, b.Destination) })
		c.HostConfig = shapeOf(c).Host // anonymous volumes by name
		for _, n := range c.NetworkSettings.Networks {
			slices.Sort(n.Aliases)
			n.Aliases = slices.DeleteFunc(n.Aliases, func(a string) bool { return a == shortID(c.ID) })
		}
		data, _ := json.Marshal(c)
		text := string(data)
		for _, other := range now.Containers {
			text = strings.ReplaceAll(text, other.ID, "ID-OF"+other.Name)
			text = strings.ReplaceAll(text, shortID(other.ID), "ID-OF"+other.Name)
		}
		var tree map[string]any
		json.Unmarshal([]byte(text), &tree)
		forget(tree)
		all[c.Name] = tree
	}
	return all
}

func forget(tree map[string]any) {
	for key, v := range tree {
		switch key {
		case "Created", "StartedAt", "FinishedAt", "Pid", "EndpointID", "SandboxID", "SandboxKey", "MacAddress", "IPAddress",
			"GraphDriver", "Health", "LogPath", "ExecIDs", "NetworkID", "HostPort", "Gateway", "Storage":
			delete(tree, key)
		}
		switch v := v.(type) {
		case map[string]any:
			forget(v)
		case []any:
			for _, child := range v {
				if m, ok := child.(map[string]any); ok {
					forget(m)
				}
			}
		}
	}
}

func ids(t *testing.T, e *Engine) []string {
	t.Helper()
	listed, err := e.listed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range listed {
		if e.owns(c.Labels) {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func removeAllContainers(t *testing.T, h *Host, e *Engine) {
	for _, id := range ids(t, e) {
		if err := h.api.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// differ names where two trees are not equal.
func differ(t *testing.T, path string, a, b any) {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if !aok || !bok {
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s was %v and is %v", path, a, b)
		}
		return
	}
	for key := range am {
		differ(t, path+"/"+key, am[key], bm[key])
	}
	for key := range bm {
		if _, ok := am[key]; !ok {
			t.Errorf("%s/%s is new: %v", path, key, bm[key])
		}
	}
}

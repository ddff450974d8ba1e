package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// state is everything of a stack that a rollback must bring back, as text: the
// bytes, modes and owners of its files, the password verifiers of its database
// roles, and its containers less their ids, times, addresses and health.
func (w *world) state(t *testing.T, stack string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{".env", "docker-compose.yml", "volumes/api/kong.yml", "volumes/functions/main/index.ts"} {
		path := filepath.Join(w.folder(stack), name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(&b, "%s is not there\n", name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d:%d %q\n", name, info.Mode(), owner.Uid, owner.Gid, data)
	}
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	b.WriteString(verifiers(t, host, stack))
	b.WriteString(containers(t, host, stack))
	return b.String()
}

// difference returns the first line in which two states differ, or "".
func difference(before, now string) string {
	a, b := strings.Split(before, "\n"), strings.Split(now, "\n")
	for i := range max(len(a), len(b)) {
		was, is := "", ""
		if i < len(a) {
			was = a[i]
		}
		if i < len(b) {
			is = b[i]
		}
		if was == is {
			continue
		}
		at := 0
		for at < min(len(was), len(is)) && was[at] == is[at] {
			at++
		}
		from := max(0, at-80)
		return fmt.Sprintf("line %d was …%.200q and is …%.200q", i+1, was[min(from, len(was)):], is[min(from, len(is)):])
	}
	return ""
}

func verifiers(t *testing.T, host *docker.Host, stack string) string {
	t.Helper()
	engine := host.Open(core.Instance{ID: stack, Project: stack})
	out, err := engine.Exec(context.Background(), core.DB, core.Command{
		Args:  []string{"psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "postgres"},
		Stdin: []byte("select rolname, rolcanlogin, rolpassword from pg_authid order by 1;"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func containers(t *testing.T, host *docker.Host, stack string) string {
	t.Helper()
	api := host.Client()
	list, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+stack))})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range list {
		c, err := api.ContainerInspect(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.Config.Hostname = ""          // the container's own id
		slices.Sort(c.HostConfig.Binds) // Compose hands them over in any order
		kept := map[string]any{
			"name": c.Name, "image": c.Image, "config": c.Config, "host": c.HostConfig,
			"runs": c.State.Running || c.State.Restarting, "networks": aliases(c),
		}
		line, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// aliases are the names of a container on its networks less its own id.
func aliases(c container.InspectResponse) map[string][]string {
	names := map[string][]string{}
	for network, e := range c.NetworkSettings.Networks {
		own := slices.DeleteFunc(slices.Clone(e.Aliases), func(a string) bool { return strings.HasPrefix(c.ID, a) })
		slices.Sort(own)
		names[network] = own
	}
	return names
}

// countLabelled counts the containers whose label begins with a text.
func countLabelled(t *testing.T, host *docker.Host, label, begins string) (n int) {
	t.Helper()
	list, err := host.Client().ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if strings.HasPrefix(c.Labels[label], begins) {
			n++
		}
	}
	return n
}

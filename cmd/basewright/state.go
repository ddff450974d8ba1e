package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/plugins"
)

// defaultDataDir is where Basewright's own state lives unless told otherwise.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/basewright"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "basewright")
	}
	return "data"
}

func (g *global) data() string {
	return cmp.Or(g.dataDir, os.Getenv("BASEWRIGHT_DATA"), defaultDataDir())
}

// database returns the address of the PostgreSQL database that holds the state,
// "" when it is a file in the data folder.
func (g *global) database() string { return cmp.Or(g.databaseURL, os.Getenv("BASEWRIGHT_DATABASE")) }

// openStore opens the state where the flags and the environment say it is.
func (g *global) openStore() (*store.Store, error) {
	return store.OpenAt(filepath.Join(g.data(), "basewright.db"), g.database())
}

// checkers are the built-in checks and the plugins of the data folder, which may
// change while the agent runs.
func (g *global) checkers() []core.Checker {
	return append(checks.All(), plugins.Checkers(filepath.Join(g.data(), "plugins"))...)
}

// fingerprintKey returns the key of this installation, or a fresh one when there
// is no installation: doctor needs no set-up and leaves nothing behind.
func (g *global) fingerprintKey() core.FingerprintKey {
	if key, err := os.ReadFile(filepath.Join(g.data(), "key")); err == nil && len(key) >= 32 {
		return key
	}
	return core.FingerprintKey(rand.Text())
}

// engine connects to the Docker Engine that the flags name.
func (g *global) engine(ctx context.Context) (*docker.Host, error) {
	return docker.Connect(ctx, g.dockerHost)
}

// find returns the one instance of an engine that name stands for.
func find(ctx context.Context, host *docker.Host, name string) (core.Instance, error) {
	instances, err := host.Discover(ctx)
	if err != nil {
		return core.Instance{}, err
	}
	return pick(instances, name)
}

// choose returns the instances that names stand for, all when there are none.
// A name is a compose project, an instance ID, or the folder of a stack.
func choose(instances []core.Instance, names []string) ([]core.Instance, error) {
	if len(names) == 0 {
		return instances, nil
	}
	var chosen []core.Instance
	for _, name := range names {
		i, err := pick(instances, name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(o core.Instance) bool { return o.Project == i.Project }) {
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}

// pick returns the one instance that name stands for. An exact project name
// wins over an ID, and an ID over a folder.
func pick(instances []core.Instance, name string) (core.Instance, error) {
	for _, is := range []func(core.Instance) bool{
		func(i core.Instance) bool { return i.Project == name },
		func(i core.Instance) bool { return i.ID == name },
		func(i core.Instance) bool {
			return i.Dir != "" && (i.Dir == absolute(name) || filepath.Base(i.Dir) == name)
		},
	} {
		matches := slices.DeleteFunc(slices.Clone(instances), func(i core.Instance) bool { return !is(i) })
		if len(matches) == 1 {
			return matches[0], nil
		}
		if len(matches) > 1 {
			return core.Instance{}, core.Errorf(core.Invalid, "%q matches %d projects: %s; name one of them by its project name", name, len(matches), listOf(matches))
		}
	}
	if len(instances) == 0 {
		return core.Instance{}, core.Errorf(core.NotFound, "there is no project %q: this Docker Engine has no Supabase project at all", name)
	}
	return core.Instance{}, core.Errorf(core.NotFound, "there is no Supabase project %q on this Docker Engine; there are: %s", name, listOf(instances))
}

func absolute(name string) string {
	if p, err := filepath.Abs(name); err == nil {
		return p
	}
	return name
}

func listOf(instances []core.Instance) string {
	var names []string
	for _, i := range instances {
		names = append(names, i.Project)
	}
	return strings.Join(names, ", ")
}

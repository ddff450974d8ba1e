package snapshot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// containerState is what of a container must be the same after a restore. IDs
// and times are not.
type containerState struct {
	Name     string   `json:"name"`
	Service  string   `json:"service"`
	Image    string   `json:"image"`
	Up       bool     `json:"up"`
	Env      string   `json:"env"` // hash
	Mounts   []string `json:"mounts"`
	Networks []string `json:"networks"`
	Restart  string   `json:"restart"`
}

func statesOf(obs *core.Observation) []containerState {
	states := []containerState{}
	for _, c := range obs.Containers {
		s := containerState{
			Name: c.Name, Service: c.ComposeService, Image: cmp.Or(c.ImageID, c.Image), Restart: c.RestartPolicy,
			Up: c.Runs() || c.State == "paused",
		}
		h := sha256.New()
		for _, k := range slices.Sorted(maps.Keys(c.Env)) {
			fmt.Fprintf(h, "%q=%q\n", k, c.Env[k].Reveal())
		}
		s.Env = hex.EncodeToString(h.Sum(nil))
		for _, m := range c.Mounts {
			s.Mounts = append(s.Mounts, strings.Join([]string{m.Type, m.Name, m.Source, m.Target, fmt.Sprint(m.ReadOnly)}, " "))
		}
		for _, n := range c.Networks {
			s.Networks = append(s.Networks, n.Network)
		}
		slices.Sort(s.Mounts)
		slices.Sort(s.Networks)
		states = append(states, s)
	}
	return states
}

// digests maps each thing that a snapshot keeps to the hash of its content.
type digests map[string]string

func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of strings and numbers
	}
	return hashOf(b)
}

func digestsOf(files []core.File, roles []Role, states []containerState) digests {
	d := digests{}
	for _, f := range files {
		d["file "+f.Name] = "absent"
		if !f.Absent {
			d["file "+f.Name] = digest(Entry{Name: f.Name, SHA256: hashOf(f.Data), Mode: uint32(f.Mode.Perm()), UID: f.UID, GID: f.GID})
		}
	}
	for _, r := range roles {
		d["password of role "+r.Name] = digest(r)
	}
	for _, s := range states {
		d["container "+s.Name] = digest(s)
	}
	return d
}

// present returns the digests of the instance as it is now, of the things that
// the snapshot c keeps.
func present(ctx context.Context, e core.Engine, c *Contents) (digests, error) {
	var files []core.File
	for _, f := range c.Files {
		now, err := e.ReadFile(ctx, f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist), err != nil && f.Absent:
			now = core.File{Absent: true}
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
		now.Name = f.Name
		files = append(files, now)
	}
	obs, err := e.Observe(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the containers: %w", err)
	}
	var roles []Role
	db, there := obs.Container(core.DB)
	if c.Manifest.Roles.Kept && there && db.State == "running" { // a stopped one is told by its container
		all, err := readRoles(ctx, e)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			// Roles that came later are not the snapshot's to judge.
			if slices.ContainsFunc(c.Roles, func(k Role) bool { return k.Name == r.Name }) {
				roles = append(roles, r)
			}
		}
	}
	return digestsOf(files, roles, statesOf(obs)), nil
}

// differences names what is not the same, in order.
func differences(a, b digests) []string {
	var names []string
	for name, sum := range a {
		if b[name] != sum {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Same returns nil when the instance is what the snapshot saw: files byte for
// byte with mode and owner, role passwords, containers, but for those of the
// compose services in leave. Containers get some time to settle.
func (f *Folder) Same(ctx context.Context, e core.Engine, inst core.Instance, snap core.Snapshot, leave ...string) error {
	c, err := f.open(snap, inst.ID)
	if err != nil {
		return err
	}
	if err := f.sameData(ctx, e, filepath.Join(f.Dir, snap.Instance, snap.ID)); err != nil {
		return err
	}
	want := digestsOf(c.Files, c.Roles, c.State)
	return whenItAnswers(ctx, cmp.Or(f.Patience, patience), func() error {
		now, err := present(ctx, e, c)
		if err != nil {
			return fmt.Errorf("compare %s with snapshot %s: %w", inst.ID, snap.ID, err)
		}
		names := slices.DeleteFunc(differences(want, now), func(name string) bool {
			return slices.ContainsFunc(c.State, func(s containerState) bool {
				return slices.Contains(leave, s.Service) && name == "container "+s.Name
			})
		})
		if len(names) > 0 {
			return core.Errorf(core.Conflict, "not as before: %s", strings.Join(names, ", "))
		}
		return nil
	})
}

// Mark records, beside the snapshot, how a change that is about to be committed
// leaves the instance, so that Drift can tell whether it was touched later.
func (f *Folder) Mark(ctx context.Context, e core.Engine, inst core.Instance, snap core.Snapshot) error {
	c, err := f.open(snap, inst.ID)
	if err != nil {
		return err
	}
	now, err := present(ctx, e, c)
	if err != nil {
		return fmt.Errorf("record how %s was left: %w", inst.ID, err)
	}
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, leftName+"."+core.NewID())
	err = f.writeFile(temp, func(w io.Writer) error { return json.NewEncoder(w).Encode(now) })
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, leftName))
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("record how %s was left: %w", inst.ID, err)
	}
	return durable.SyncDir(dir)
}

// Drift returns nil when the instance is still as Mark recorded it; otherwise
// the error is a core.Conflict that names what changed.
func (f *Folder) Drift(ctx context.Context, e core.Engine, inst core.Instance, snap core.Snapshot) error {
	c, err := f.open(snap, inst.ID)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(f.Dir, snap.Instance, snap.ID, leftName))
	if err != nil {
		return fmt.Errorf("read how %s was left: %w", inst.ID, err)
	}
	var left digests
	if err := json.Unmarshal(b, &left); err != nil {
		return core.Errorf(core.Conflict, "the record of how %s was left is damaged", inst.ID)
	}
	now, err := present(ctx, e, c)
	if err != nil {
		return err
	}
	if names := differences(left, now); len(names) > 0 {
		return core.Errorf(core.Conflict, "%s", strings.Join(names, ", "))
	}
	return nil
}

// Containers returns what a snapshot knows of the containers as they were: name,
// compose service, restart policy, and whether they ran.
func (f *Folder) Containers(snap core.Snapshot) ([]core.Container, error) {
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return nil, err
	}
	var list []core.Container
	for _, s := range c.State {
		state := "exited"
		if s.Up {
			state = "running"
		}
		list = append(list, core.Container{Name: s.Name, ComposeService: s.Service, RestartPolicy: s.Restart, State: state})
	}
	return list, nil
}

package upgrade

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/supabase"
)

// bare is a host on which nothing is taken and every image is.
type bare struct{}

func (bare) Survey(context.Context) (core.Survey, error)   { return core.Survey{}, nil }
func (bare) Obtainable(context.Context, string) error      { return nil }
func (bare) Release(context.Context, string) error         { return nil }
func (bare) none(context.Context) ([]core.Instance, error) { return nil, nil }
func (bare) Reserve(_ context.Context, _ string, choose func([]core.Reservation) ([]core.Reservation, error)) error {
	_, err := choose(nil)
	return err
}

// stack is an instance in a folder of its own, with a database that answers.
type stack struct {
	core.Inspector
	t     *testing.T
	inst  core.Instance
	major string
	ran   string // the answer to what has migrated
	boxes []core.Container
}

// older makes a stack of release 0.6.0.
func older(t *testing.T, o create.Order) *stack {
	t.Helper()
	o.Release, o.Name = "0.6.0", "Shop"
	p := &create.Place{Host: bare{}, Kept: bare{}, Root: t.TempDir(), Known: bare{}.none}
	job, _, err := p.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Make(t.Context(), "change"); err != nil {
		t.Fatal(err)
	}
	return &stack{t: t, inst: job.Instance, major: "17", ran: "70", boxes: coretest.Running(core.DB, core.Auth, core.Gateway)}
}

func (s *stack) ReadFile(_ context.Context, name string) (core.File, error) {
	data, err := os.ReadFile(filepath.Join(s.inst.Dir, name))
	return core.File{Name: name, Data: data}, err
}

func (s *stack) Query(_ context.Context, _, sql string) ([][]string, error) {
	switch {
	case strings.Contains(sql, "server_version_num"):
		return [][]string{{s.major}}, nil
	case strings.Contains(sql, "pg_database"):
		return [][]string{{"postgres"}}, nil
	case strings.Contains(sql, "relkind"):
		return [][]string{{"auth.schema_migrations"}}, nil
	}
	return [][]string{{s.ran, "digest"}}, nil
}

// edit changes a file as a person would.
func (s *stack) edit(name string, pairs ...string) {
	s.t.Helper()
	path := filepath.Join(s.inst.Dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	text := strings.NewReplacer(pairs...).Replace(string(data))
	if text == string(data) {
		s.t.Fatalf("%s does not hold what is to be changed", name)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.inst.Dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

// seen is what a look at the folder shows now.
func (s *stack) seen() *core.Observation {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.inst.Dir, ".env"))
	if err != nil {
		s.t.Fatal(err)
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		s.t.Fatal(err)
	}
	obs := &core.Observation{
		Instance: s.inst, Env: core.EnvFile{Path: filepath.Join(s.inst.Dir, ".env"), Vars: vars}, Containers: s.boxes,
		Compose: supabase.Render(s.t.Context(), supabase.Source{Dir: s.inst.Dir, Compose: s.inst.Files, Project: s.inst.Project}),
	}
	if obs.Compose.Err != nil {
		s.t.Fatal(obs.Compose.Err)
	}
	return obs
}

// plan plans an upgrade of what is in the folder now.
func (s *stack) plan(o Order) (Made, error) {
	s.t.Helper()
	made, err := Plan(s.t.Context(), s, s.seen(), o, "", core.FingerprintKey("a key of the test"))
	if left, _ := filepath.Glob(filepath.Join(s.inst.Dir, ".basewright-upgrade-*")); len(left) > 0 {
		s.t.Errorf("%q is left in the folder", left)
	}
	return made, err
}

// written is what the plan writes into a file, or "".
func (m Made) written(name string) string {
	for _, a := range m.Plan.Actions {
		if a.Op == core.OpWriteFile && a.Text("path") == name {
			return m.Given[strings.TrimPrefix(a.SecretHandle("content"), "given:")].Reveal()
		}
	}
	return ""
}

// lines are the actions of the plan but for its notes, one a line.
func (m Made) lines() string {
	var out strings.Builder
	for _, a := range m.Plan.Actions {
		if a.Op != core.OpNote {
			out.WriteString(a.String() + "\n")
		}
	}
	return out.String()
}

func newest() string { all := configs.Releases(); return all[len(all)-1] }

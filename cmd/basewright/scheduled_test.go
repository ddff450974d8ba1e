package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/store"
)

// workbench is a fake whose database can be dumped, and that makes throwaway ones
// which take what they are given.
type workbench struct {
	*coretest.Engine
	up, poured int
}

const somebodysRole = `{"rolname":"anon","rolpassword":null,"rolcanlogin":false}` + "\n"

func newWorkbench(i core.Instance) *workbench {
	return &workbench{Engine: &coretest.Engine{
		Instance: i, Containers: coretest.Running(core.DB),
		Files: map[string]core.File{".env": {Data: []byte("A=b\n"), Mode: 0o600}, "docker-compose.yml": {Data: []byte("services: {}\n"), Mode: 0o644}},
		Commands: func(_ core.Service, c core.Command) (string, error) {
			switch sql := string(c.Stdin); {
			case strings.HasPrefix(sql, "show server_version_num"):
				return "150008\n", nil
			case strings.Contains(sql, "from pg_database"):
				return `{"name":"postgres","oid":5,"size":4096}` + "\n", nil
			}
			return somebodysRole, nil
		},
	}}
}

func (w *workbench) Stream(_ context.Context, _ core.Service, c core.Command, _ io.Reader, out io.Writer) error {
	text := "PGDMP and little else"
	if c.Args[0] == "pg_dumpall" {
		text = "CREATE ROLE anon;\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func (w *workbench) Throwaway(context.Context, string, []byte) (core.Throwaway, error) {
	w.up++
	return throwaway{w}, nil
}

func (w *workbench) SweepThrowaways(context.Context, func(string) bool) error { return nil }

type throwaway struct{ of *workbench }

func (t throwaway) Stream(_ context.Context, c core.Command, in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	switch sql := string(text); {
	case err != nil:
		return err
	case c.Args[0] == "pg_restore":
		t.of.poured++
	case strings.Contains(sql, "from pg_roles"):
		_, err = io.WriteString(out, "anon\n")
	case strings.Contains(sql, "json_build_array"):
		_, err = io.WriteString(out, `["public.orders", 7, null]`+"\n")
	}
	return err
}

func (t throwaway) Remove(context.Context) error {
	t.of.up--
	return nil
}

// clockwork is an agent whose scheduler runs what is due on a workbench.
type clockwork struct {
	*agent
	t     *testing.T
	bench *workbench
	owner core.User
	ended chan string
}

func newClockwork(t *testing.T) *clockwork { return wound(t, idleAgent(t)) }

// wound makes a clockwork of an agent.
func wound(t *testing.T, a *agent) *clockwork {
	t.Helper()
	c := &clockwork{agent: a, t: t, ended: make(chan string, 1)}
	i := core.Instance{ID: "till", Name: "till", Project: "till", Dir: filepath.Join(t.TempDir(), "till"), Origin: core.Adopted, Mode: core.Control}
	i.Files = []string{filepath.Join(i.Dir, "docker-compose.yml")}
	must(t, c.store.AddInstance(t.Context(), i, local("instance.adopt", "")))
	c.owner = core.User{ID: core.NewID(), Name: "ana", Created: time.Now(), Grants: map[string]core.Role{"till": core.Operator}}
	must(t, c.store.AddUser(t.Context(), core.User{ID: core.NewID(), Name: "root", Created: time.Now(), Grants: map[string]core.Role{core.EveryInstance: core.Admin}}, "$", local("user.add", "")))
	must(t, c.store.AddUser(t.Context(), c.owner, "$", local("user.add", "")))
	c.bench = newWorkbench(i)
	c.open = func(_ context.Context, i core.Instance) (core.Instance, core.Engine, error) { return i, c.bench, nil }
	c.Scheduler.Ended = func(_ core.Schedule, outcome string) { c.ended <- outcome }
	ctx, stop := context.WithCancel(context.Background())
	c.agent.stop = stop // close waits for what it stops
	c.all.Go(func() { c.Scheduler.Serve(ctx) })
	return c
}

// due has a schedule run now, and returns it as it is afterwards, with what the
// audit log says of it, the newest first.
func (c *clockwork) due(kind core.ScheduleKind, scope core.Scope) (s core.Schedule, told []core.AuditEntry) {
	c.t.Helper()
	now := time.Now()
	s = core.Schedule{ID: core.NewID(), Instance: "till", Kind: kind, Scope: scope, Spec: "@yearly", Zone: "UTC", Enabled: true, Owner: c.owner.ID, Created: now, Next: now.Add(-time.Second)}
	must(c.t, c.store.SaveSchedule(c.t.Context(), s, local("schedule.add", "till")))
	c.Scheduler.Wake()
	outcome := <-c.ended
	s, err := c.store.Schedule(c.t.Context(), s.ID)
	must(c.t, err)
	if s.Outcome != outcome {
		c.t.Errorf("%s ended as %s and is kept as %s: %s", kind, outcome, s.Outcome, s.Detail)
	}
	log, err := c.store.Audit(c.t.Context(), 20)
	must(c.t, err)
	return s, slices.DeleteFunc(log, func(e core.AuditEntry) bool { return e.Actor != "schedule:"+s.ID })
}

// TestScheduledSnapshotAndDrill: a schedule takes a snapshot, another restores it
// into a throwaway database, and what that proved is kept; both are told in the
// audit log before and after.
func TestScheduledSnapshotAndDrill(t *testing.T) {
	c := newClockwork(t)
	for _, run := range []struct {
		kind  core.ScheduleKind
		scope core.Scope
	}{{core.ScheduleSnapshot, core.DatabaseScope}, {core.ScheduleDrill, ""}} {
		s, told := c.due(run.kind, run.scope)
		if s.Outcome != "ok" || len(told) != 2 || told[0].Outcome != "ok" || told[1].Outcome != "intent" || told[0].Action != told[1].Action {
			t.Fatalf("%s: %s %q, told %+v", run.kind, s.Outcome, s.Detail, told)
		}
	}
	list, err := c.store.Snapshots(t.Context(), "till")
	if err != nil || len(list) != 1 || list[0].Scope != core.DatabaseScope || list[0].Reason != "schedule" || list[0].Proof.Level != core.Proven || !strings.Contains(list[0].Proof.Detail, "7 rows") {
		t.Fatalf("%+v %v", list, err)
	}
	if c.bench.poured != 1 || c.bench.up != 0 {
		t.Errorf("%d dumps were restored, and %d throwaway databases are left", c.bench.poured, c.bench.up)
	}
}

// TestAReportIsInTheLanguageOfItsReader: in that of the schedule's owner.
func TestAReportIsInTheLanguageOfItsReader(t *testing.T) {
	c := newClockwork(t)
	for lang, title := range map[string]string{"pt": `<html lang="pt-BR">`, "en": `<html lang="en">`} {
		must(t, c.store.SetLanguage(t.Context(), c.owner.ID, lang))
		s, _ := c.due(core.ScheduleReport, "")
		page, err := os.ReadFile(strings.TrimSuffix(s.Detail, ".json") + ".html")
		if err != nil || !strings.Contains(string(page), title) {
			t.Errorf("%s: %s %q, %v: %s", lang, s.Outcome, s.Detail, err, page)
		}
	}
}

// TestScheduledArchive: a schedule moves what is older than a year out of the audit
// log, once, and leaves the rest.
func TestScheduledArchive(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(filepath.Join(data, "basewright.db"))
	must(t, err)
	old := local("instance.adopt", "long ago")
	old.At = time.Now().AddDate(0, 0, -oldestKept-1)
	must(t, s.Append(t.Context(), old))
	must(t, s.Close())
	c := wound(t, idleAgentIn(t, data))
	must(t, c.store.Grant(t.Context(), c.owner.ID, core.EveryInstance, core.Admin, local("user.grant", "")))
	done, told := c.due(core.ScheduleArchive, "")
	if done.Outcome != "ok" || !strings.HasPrefix(done.Detail, data) || len(told) != 1 || told[0].Action != "audit.archive" {
		t.Fatalf("%s %q, told %+v", done.Outcome, done.Detail, told)
	}
	if text, err := os.ReadFile(done.Detail); err != nil || len(text) == 0 {
		t.Errorf("the archive: %d bytes, %v", len(text), err)
	}
	left, err := c.store.Audit(t.Context(), 0)
	must(t, err)
	if oldest := left[len(left)-1]; oldest.Seq != 2 {
		t.Errorf("the oldest entry that is left is %+v", oldest)
	}
	if again, _ := c.due(core.ScheduleArchive, ""); again.Outcome != "ok" || again.Detail != "nothing is that old" {
		t.Errorf("a second time: %s %q", again.Outcome, again.Detail)
	}
	_, err = c.store.Verify(t.Context())
	must(t, err)
}

// TestAScheduleWhoseOwnerLostTheRight: at the time of the run it is refused and told,
// and nothing is done.
func TestAScheduleWhoseOwnerLostTheRight(t *testing.T) {
	for name, lose := range map[string]func(c *clockwork) error{
		"a viewer now": func(c *clockwork) error {
			return c.store.Grant(t.Context(), c.owner.ID, "till", core.Viewer, local("user.grant", "till"))
		},
		"without a role": func(c *clockwork) error {
			return c.store.Grant(t.Context(), c.owner.ID, "till", "", local("user.grant", "till"))
		},
		"locked out": func(c *clockwork) error {
			return c.store.DisableUser(t.Context(), c.owner.ID, true, local("user.disable", ""))
		},
		"gone": func(c *clockwork) error { return c.store.RemoveUser(t.Context(), c.owner.ID, local("user.remove", "")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClockwork(t)
			if s, _ := c.due(core.ScheduleSnapshot, core.ConfigScope); s.Outcome != "ok" {
				t.Fatalf("%s %q", s.Outcome, s.Detail)
			}
			must(t, lose(c))
			for _, kind := range []core.ScheduleKind{core.ScheduleSnapshot, core.ScheduleDrill} {
				s, told := c.due(kind, "")
				if s.Outcome != "denied" || !strings.Contains(s.Detail, "may not do this any more") || len(told) != 1 || told[0].Action != "schedule.run" || told[0].Outcome != "denied" || told[0].Instance != "till" {
					t.Errorf("%s: %s %q, told %+v", kind, s.Outcome, s.Detail, told)
				}
			}
			if list, err := c.store.Snapshots(t.Context(), "till"); err != nil || len(list) != 1 {
				t.Errorf("%d snapshots %v", len(list), err)
			}
		})
	}
}

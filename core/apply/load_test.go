package apply

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestWhatAnEarlierVersionLoaded: it entered what it put aside under a number, and
// wrote nothing else down. What it loaded is not loaded again, nor listed twice.
func TestWhatAnEarlierVersionLoaded(t *testing.T) {
	base := prepared(t, nil)
	dir := killedAt(t, base, "a loss", "quarantine.list.after")
	db, err := sql.Open("sqlite3", filepath.Join(dir, "data", "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{"delete from journal where step like 'data loaded%'", "update asides set id = change_id || '-restore-database-1'"} {
		if r, err := db.Exec(old); err != nil {
			t.Fatal(err)
		} else if n, err := r.RowsAffected(); n != 1 || err != nil {
			t.Fatalf("%s: %d rows, %v", old, n, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	old := &shelf{vault{w: &world{dir: dir, hook: func(string) {}}}}
	now, err := old.read()
	now.Done = false
	if err := errors.Join(err, old.write(now, "old")); err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, base)
	mustRecover(t, dir, before, before)
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.st.Close()
	if now, err := (&shelf{vault{w: w}}).read(); err != nil || now.Loads != 1 {
		t.Errorf("%d loads, %v", now.Loads, err)
	}
}

// TestALoadThatFails: a person is told where the data of before is, and how it comes
// back; one whose data was not touched is not.
func TestALoadThatFails(t *testing.T) {
	for scope, says := range map[core.Scope]string{
		core.DatabaseScope: "`basewright snapshot restore data1 --only database`",
		core.FullScope:     "`basewright snapshot restore data1 --only database --only volumes`",
	} {
		w := newWorld(t)
		w.a.Data = &vault{w: w, loadFails: errors.New("no room"), aside: []string{"database basewright_before_x_1 (was postgres)"}}
		failsAfter(w)
		p := w.plan(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "drop table x"}})
		p.Risk, p.Scope = core.HighRisk, scope
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		c, err := w.apply(t.Context(), p)
		if err == nil || c.State != core.RollbackFailed || !strings.Contains(c.Reason, "no room") || !strings.Contains(c.Reason, says) || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v, %v", c, err)
		}
		if !strings.Contains(c.Reason, "database basewright_before_x_1 (was postgres)") {
			t.Errorf("it does not name what is aside: %s", c.Reason)
		}
	}
	w := newWorld(t)
	plan := w.cure()
	w.a.Snapshots = idle{w.shots}
	w.e.Fail = failing("up", errors.New("no such image"))
	if c, err := w.apply(t.Context(), plan); err == nil || c.State != core.RollbackFailed || strings.Contains(c.Reason, "snapshot restore") {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestALoadThatCannotBeWrittenDown: services run on what was loaded while the disk of
// the agent is full. Its next start takes nothing of that back.
func TestALoadThatCannotBeWrittenDown(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	w.a.RollbackTimeout = 300 * time.Millisecond
	w.a.Journal = deaf{w.st, func(e core.JournalEntry) bool { return strings.HasPrefix(e.Step, loadedStep) }}
	if err := w.loses(); err == nil || !strings.Contains(err.Error(), "half done") {
		t.Fatalf("%v", err)
	}
	loads := func() int {
		t.Helper()
		now, err := (&shelf{vault{w: w}}).read()
		if err != nil {
			t.Fatal(err)
		}
		return now.Loads
	}
	if loads() != 1 {
		t.Fatalf("%d loads before the start", loads())
	}
	undone := len(w.sql)
	w.a.RollbackTimeout, w.a.Journal = 20*time.Second, w.st
	if done, err := w.a.Recover(t.Context()); err != nil || len(done) != 1 || done[0].State != core.RolledBack {
		t.Fatalf("%+v, %v", done, err)
	}
	if loads() != 1 {
		t.Errorf("%d loads: what was written since the first is gone", loads())
	}
	if len(w.sql) > undone {
		t.Errorf("SQL ran on the loaded data: %q", w.sql[undone:])
	}
	w.mustBe(t, before)
	w.mustListWhatIsAside(t)
}

// TestInversesDoNotRunOnTheLoadedData: settling fails once.
// What the inverses took back before is not in the data that
// was loaded, or is rightly there again.
func TestInversesDoNotRunOnTheLoadedData(t *testing.T) {
	for name, settles := range map[string]error{"settling fails": errors.New("it cannot be measured"), "it is away": core.Errorf(core.Unreachable, "the engine hung up")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := &vault{w: w, settleFails: settles}
			w.a.Data = v
			psql := w.e.Commands
			w.e.Commands = func(s core.Service, c core.Command) (string, error) {
				if strings.Contains(string(c.Stdin), "REVOKE") {
					v.calls = append(v.calls, "revoke")
					if slices.Contains(v.calls, "load data1") {
						return "", &core.ExitError{Status: 3, Complaint: `ERROR:  relation "t" does not exist`}
					}
				}
				return psql(s, c)
			}
			failsAfter(w)
			p := w.plan(
				core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "create table t (id int)"}},
				core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant select on t to anon", "inverse": "revoke select on t from anon"}},
			)
			p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			c, err := w.apply(t.Context(), p)
			if err == nil || c.State != core.RolledBack {
				t.Errorf("%s: %v", c.State, err)
			}
			if want := []string{"save database", "revoke", "load data1"}; !slices.Equal(v.calls, want) {
				t.Errorf("calls %q, want %q", v.calls, want)
			}
		})
	}
}

// TestInversesDoNotRunOnHalfLoadedData: the agent is killed in the middle of loading,
// where the table of the second statement is not there yet.
func TestInversesDoNotRunOnHalfLoadedData(t *testing.T) {
	w := newWorld(t)
	v := &vault{w: w, loadFails: core.Errorf(core.Unreachable, "the engine hung up")}
	w.a.Data = v
	w.a.RollbackTimeout = 300 * time.Millisecond
	failsAfter(w)
	p := w.plan(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "create table t (id int)"}},
		core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant select on t to anon", "inverse": "revoke select on t from anon"}})
	p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if c, err := w.apply(t.Context(), p); err == nil || c.State != core.RollingBack {
		t.Fatalf("%s: %v", c.State, err)
	}
	v.begun, v.loadFails, w.a.RollbackTimeout = true, nil, 20*time.Second
	w.psqlFails("REVOKE", &core.ExitError{Status: 3, Complaint: `ERROR:  relation "t" does not exist`})
	if done, err := w.a.Recover(t.Context()); err != nil || len(done) != 1 || done[0].State != core.RolledBack {
		t.Fatalf("%+v, %v", done, err)
	}
}

// TestTimeToLoad: a rollback that may load data has an hour, as that of an upgrade.
func TestTimeToLoad(t *testing.T) {
	for _, c := range []*core.Change{{Data: "data1"}, {Plan: core.Plan{Playbook: core.UpgradePlaybook}}} {
		if got := (&transaction{Applier: &Applier{}, c: c}).rollbackTime(); got < time.Hour {
			t.Errorf("%s of %+v", got, c)
		}
	}
	if got := (&transaction{Applier: &Applier{}, c: &core.Change{}}).rollbackTime(); got != rollbackTimeout {
		t.Errorf("%s without data", got)
	}
}

// TestGivenUpInTheMiddleOfALoad: the rollback killed the agent too often. A person is
// told what is aside, and that the data is loaded when it is.
func TestGivenUpInTheMiddleOfALoad(t *testing.T) {
	for _, done := range []bool{false, true} {
		w := newWorld(t)
		v := &vault{w: w, loadFails: core.Errorf(core.Unreachable, "the engine hung up")}
		w.a.Data = v
		w.a.RollbackTimeout = 300 * time.Millisecond
		failsAfter(w)
		p := w.plan(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "drop table x"}})
		p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		c, err := w.apply(t.Context(), p)
		if err == nil || c.State != core.RollingBack {
			t.Fatalf("%s: %v", c.State, err)
		}
		entries, err := w.st.Journal(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for n := range maxRollbacks {
			e := core.JournalEntry{Change: c.ID, Seq: len(entries) + 1 + n, Step: rollbackStep, At: time.Now()}
			if err := w.st.Intent(t.Context(), *c, e); err != nil {
				t.Fatal(err)
			}
		}
		v.begun, v.done, v.aside = true, done, []string{"folder /x.basewright-before-y"}
		if _, err := w.a.Recover(t.Context()); err == nil || !strings.Contains(err.Error(), "folder /x.basewright-before-y") || strings.Contains(err.Error(), "snapshot restore data1") == done {
			t.Errorf("done %v: %v", done, err)
		}
	}
}

// away is a journal that cannot read one snapshot, as when the state is locked.
type away struct {
	port
	snapshot string
}

func (a away) Snapshot(ctx context.Context, id string) (core.Snapshot, error) {
	if id == a.snapshot {
		return core.Snapshot{}, core.Errorf(core.Unreachable, "the state is locked")
	}
	return a.port.Snapshot(ctx, id)
}

// TestTheRecordOfTheDataCannotBeReadNow: that is no reason to give a rollback up; the
// next start finds it.
func TestTheRecordOfTheDataCannotBeReadNow(t *testing.T) {
	dir := killedAt(t, prepared(t, nil), "a loss", "verify.do.after")
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.st.Close()
	w.a.Data, w.a.Journal = &shelf{vault{w: w}}, away{w.st, "data1"}
	if done, err := w.a.Recover(t.Context()); err == nil || slices.ContainsFunc(done, func(c core.Change) bool { return c.State == core.RollbackFailed }) {
		t.Fatalf("%+v, %v", done, err)
	}
	w.a.Journal = w.st
	if done, err := w.a.Recover(t.Context()); err != nil || len(done) != 1 || done[0].State != core.RolledBack {
		t.Errorf("%+v, %v", done, err)
	}
}

package apply

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// psqlFails makes psql end so when it is told a text.
func (w *world) psqlFails(text string, err error) {
	psql := w.e.Commands
	w.e.Commands = func(s core.Service, c core.Command) (string, error) {
		if strings.Contains(string(c.Stdin), text) {
			return "", err
		}
		return psql(s, c)
	}
}

// TestSQLThatWasUndoneByItself: a snapshot of data is loaded only when something of
// the SQL may have been committed. Otherwise what was written since would be put
// aside for nothing.
func TestSQLThatWasUndoneByItself(t *testing.T) {
	refused, lost := &core.ExitError{Status: 3, Complaint: "ERROR:  canceling statement due to statement timeout"}, &core.ExitError{Status: 2, Complaint: "connection to server was lost"}
	for name, row := range map[string]struct {
		statements []string
		ends       error // of the last
		loaded     bool
	}{
		"PostgreSQL refuses it":                 {[]string{"drop table x"}, refused, false},
		"it times out in a block":               {[]string{"do $$ begin execute format('reindex index %s', 'i'); end $$"}, refused, false},
		"the connection is lost":                {[]string{"drop table x"}, lost, true},
		"psql is killed":                        {[]string{"drop table x"}, &core.ExitError{Status: 137}, true},
		"nobody knows how it ended":             {[]string{"drop table x"}, errors.New("the engine does not answer"), true},
		"the statement before it was committed": {[]string{"drop table y", "drop table x"}, refused, true},
		"it calls what nobody knows":            {[]string{"select dblink_exec('', 'delete from a') from x"}, refused, true},
		"a block calls what nobody knows":       {[]string{"do $$ begin perform dblink_exec('', 'x'); end $$"}, refused, true},
		"a text is run that calls it":           {[]string{"do $$ begin execute 'select dblink_exec ($1) -- x'; end $$"}, refused, true},
		"it calls a procedure":                  {[]string{"call mend(1) /* x */"}, refused, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := &vault{w: w}
			w.a.Data = v
			cured(w)
			last := row.statements[len(row.statements)-1]
			plain, err := deparsed(last)
			if err != nil {
				t.Fatal(err)
			}
			w.psqlFails(plain, row.ends)
			var actions []core.Action
			for _, s := range row.statements {
				actions = append(actions, core.Action{Op: core.OpSQL, Args: map[string]any{"statement": s}})
			}
			p := w.plan(actions...)
			p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
			if err := p.Seal(); err != nil {
				t.Fatal(err)
			}
			before := w.state()
			c, err := w.apply(t.Context(), p)
			if err == nil || c.State != core.RolledBack {
				t.Fatalf("%+v, %v", c, err)
			}
			if got := slices.Contains(v.calls, "load data1"); got != row.loaded {
				t.Errorf("loaded %v, want %v: %q, %s", got, row.loaded, v.calls, c.Reason)
			}
			w.mustBe(t, before)
		})
	}
}

// TestTheNextStartKnowsWhatWasUndone: an agent that is killed after it wrote down
// how the SQL ended loads nothing at its next start, and one that did not get to
// that loads the data, for it cannot know.
func TestTheNextStartKnowsWhatWasUndone(t *testing.T) {
	base := prepared(t, nil)
	for point, loads := range map[string]int{"action-7-sql.do.after": 1, "action-7-sql.outcome.after": 0} {
		dir := killedAt(t, base, "a refusal", point)
		before := stateOf(t, base)
		mustRecover(t, dir, before, before)
		w, err := openWorld(dir)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := (&shelf{vault{w: w}}).read(); err != nil || now.Loads != loads {
			t.Errorf("%s: %d loads, want %d, %v", point, now.Loads, loads, err)
		}
		if err := w.st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// refused is a change whose last action PostgreSQL refuses.
func (w *world) refused() error {
	w.psqlFails("DROP TABLE x", &core.ExitError{Status: 3, Complaint: "ERROR:  lock timeout"})
	return w.loses()
}

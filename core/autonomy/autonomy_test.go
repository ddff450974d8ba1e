package autonomy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var allowed = Policy{Instance: "shop", Playbook: "restart-auth", Source: "v1", After: 3, Cooldown: time.Hour, PerHour: 2, At: now.Add(-30 * 24 * time.Hour)}

// did is one change by a person, so many hours ago.
func did(hours float64, state core.ChangeState) Past {
	return Past{Change: "c", Playbook: "restart-auth", At: now.Add(-time.Duration(hours * float64(time.Hour))), State: state, Actor: "cli:ana"}
}

func alone(p Past) Past {
	p.Actor = Actor(p.Playbook)
	return p
}

func by(playbook string, p Past) Past {
	p.Playbook = playbook
	return p
}

func undone(p Past) Past {
	p.Undone = true
	return p
}

var earned = []Past{did(50, core.Committed), did(40, core.Committed), did(30, core.Committed)}

func TestJudge(t *testing.T) {
	with := func(more ...Past) []Past { return slices.Concat(earned, more) }
	for name, tt := range map[string]struct {
		policy func(*Policy)
		book   core.Playbook
		past   []Past
		code   core.ErrorCode
		says   string
	}{
		"three successes that people approved":       {past: earned},
		"two are not enough":                         {past: earned[1:], code: core.Forbidden, says: "2 of 3 successes"},
		"those of another playbook do not count":     {past: []Past{earned[0], earned[1], by("other", earned[2])}, code: core.Forbidden, says: "2 of 3"},
		"its own successes earn nothing":             {past: []Past{did(50, core.Committed), did(40, core.RolledBack), alone(did(30, core.RolledBack))}, code: core.Forbidden, says: "0 of 3"},
		"a rollback begins the count anew":           {past: with(did(20, core.RolledBack), did(10, core.Committed)), code: core.Forbidden, says: "1 of 3"},
		"what was undone does not count":             {past: []Past{earned[0], earned[1], undone(earned[2])}, code: core.Forbidden, says: "0 of 3"},
		"it was taken away":                          {policy: func(p *Policy) { p.Suspended = "change x ended rolled_back" }, past: earned, code: core.Forbidden, says: "taken away: change x"},
		"its text changed":                           {policy: func(p *Policy) { p.Source = "v0" }, past: earned, code: core.Forbidden, says: "text changed"},
		"a playbook of high risk":                    {book: core.Playbook{Risk: core.HighRisk}, past: earned, code: core.Forbidden, says: "high risk"},
		"a playbook that runs commands":              {book: core.Playbook{MayExec: true}, past: earned, code: core.Forbidden, says: "runs commands"},
		"it was applied a moment ago":                {past: with(alone(did(0.5, core.Committed))), code: core.Conflict, says: "applied 30m0s ago, and again after 1h"},
		"a person applied it a moment ago":           {past: with(did(0.2, core.Committed)), code: core.Conflict, says: "again after"},
		"the cooldown is over":                       {past: with(alone(did(1.5, core.Committed)))},
		"two of other playbooks within the hour":     {past: with(by("a", alone(did(0.9, core.Committed))), by("b", alone(did(0.1, core.Committed)))), code: core.Conflict, says: "2 automatic repairs of this instance within an hour"},
		"what people do does not count for the hour": {past: with(by("a", did(0.9, core.Committed)), by("b", did(0.1, core.Committed)))},
		"the clock went back":                        {past: with(did(-1, core.Committed)), code: core.Conflict, says: "the clock went back"},
		"the clock jumped ten years ahead":           {past: []Past{did(87600, core.Committed), did(87601, core.Committed), did(87602, core.Committed)}},
	} {
		p := allowed
		if tt.policy != nil {
			tt.policy(&p)
		}
		err := Judge(p, tt.book, "v1", tt.past, now)
		if (err == nil) != (tt.code == "") || err != nil && (core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v; want %q", name, err, tt.says)
		}
	}
}

func TestPoliciesThatMakeNoSense(t *testing.T) {
	for name, edit := range map[string]func(*Policy){
		"nothing to earn": func(p *Policy) { p.After = 0 }, "no cooldown": func(p *Policy) { p.Cooldown = time.Second }, "without a limit": func(p *Policy) { p.PerHour = 1000 },
	} {
		p := allowed
		if edit(&p); core.CodeOf(p.Check()) != core.Invalid {
			t.Errorf("%s: %v", name, p.Check())
		}
	}
	if err := allowed.Check(); err != nil {
		t.Error(err)
	}
}

// book is a Book in memory.
type book struct {
	policies  []Policy
	past      []Past
	ill       []string
	stop      string
	suspended []string
	stops     int
}

func (b *book) Policies(context.Context, string) ([]Policy, error) {
	return slices.Clone(b.policies), nil
}
func (b *book) Past(context.Context, string) ([]Past, error) { return b.past, nil }
func (b *book) Ill(context.Context) ([]string, error)        { return b.ill, nil }
func (b *book) Stopped(context.Context) (string, error)      { return b.stop, nil }
func (b *book) Suspend(_ context.Context, p Policy, why string) error {
	b.suspended = append(b.suspended, why)
	b.policies[0].Suspended = why
	return nil
}

func (b *book) Stop(_ context.Context, f core.Finding) error {
	b.stop, b.stops = f.Title, b.stops+1
	return nil
}

var sick = &core.Diagnosis{Status: core.Unhealthy, RootCauses: []string{"AUTH-17"}, Findings: []core.Finding{
	{Code: "GW-07", Remedies: []core.Remedy{{Playbook: "restart-auth"}}}, // a symptom
	{Code: "AUTH-17", Remedies: []core.Remedy{{Playbook: "other"}, {Playbook: "restart-auth"}}},
}}

func TestTend(t *testing.T) {
	for name, tt := range map[string]struct {
		book    book
		d       *core.Diagnosis
		ends    core.ChangeState
		applied bool
		reason  string
		suspend string
		storm   bool
	}{
		"nothing is allowed":              {book: book{past: earned}},
		"what is allowed and earned":      {book: book{policies: []Policy{allowed}, past: earned}, applied: true},
		"it is healthy":                   {book: book{policies: []Policy{allowed}, past: earned}, d: &core.Diagnosis{Status: core.Healthy}},
		"it is unknown, which is not ill": {book: book{policies: []Policy{allowed}, past: earned}, d: &core.Diagnosis{Status: core.Unknown, RootCauses: sick.RootCauses, Findings: sick.Findings}},
		"not earned yet":                  {book: book{policies: []Policy{allowed}}, reason: "0 of 3"},
		"it does not help":                {book: book{policies: []Policy{allowed}, past: earned}, applied: true, ends: core.RolledBack, suspend: "change new ended rolled_back", reason: "it did not help"},
		"an earlier one was killed and rolled back": {book: book{policies: []Policy{allowed}, past: append(slices.Clone(earned), alone(did(2, core.RolledBack)))},
			reason: "taken away: change c ended rolled_back", suspend: "change c ended rolled_back"},
		"a person undid an earlier one": {book: book{policies: []Policy{allowed}, past: append(slices.Clone(earned), undone(alone(did(2, core.Committed))))},
			reason: "taken away", suspend: "change c was undone by a person"},
		"three are ill at once": {book: book{policies: []Policy{allowed}, past: earned, ill: []string{"a", "b", "c"}}, applied: true},
		"four are ill at once":  {book: book{policies: []Policy{allowed}, past: earned, ill: []string{"a", "b", "c", "d"}}, reason: "4 instances are ill at once", storm: true},
		"all is stopped":        {book: book{policies: []Policy{allowed}, past: earned, stop: "stopped since yesterday"}, reason: "stopped since yesterday"},
	} {
		t.Run(name, func(t *testing.T) {
			applied := 0
			k := Keeper{
				Book: &tt.book, Now: func() time.Time { return now },
				Playbook: func(_ context.Context, id string) (core.Playbook, string, error) {
					return core.Playbook{ID: id}, "v1", nil
				},
				Plan: func(_ context.Context, _ core.Instance, _ *core.Diagnosis, f core.Finding, b core.Playbook) (core.Plan, error) {
					return core.Plan{Playbook: b.ID, Finding: f.Code, Risk: core.LowRisk}, nil
				},
				Apply: func(_ context.Context, _ core.Instance, p core.Plan, f core.Finding, actor string) (*core.Change, error) {
					if applied++; p.Finding != "AUTH-17" || f.Code != "AUTH-17" || actor != "auto:restart-auth" {
						t.Errorf("applied %+v for %s as %s", p, f.Code, actor)
					}
					if tt.ends == "" {
						tt.ends = core.Committed
					}
					return &core.Change{ID: "new", State: tt.ends, Reason: "it did not help"}, nil
				},
			}
			d := tt.d
			if d == nil {
				d = sick
			}
			got, err := k.Tend(t.Context(), core.Instance{ID: "shop"}, d)
			if err != nil || (applied == 1) != tt.applied || (got.Change != nil) != tt.applied || (got.Storm != nil) != tt.storm {
				t.Fatalf("%+v, %v, applied %d", got, err, applied)
			}
			if s := strings.Join(got.Reasons, "; "); !strings.Contains(s, tt.reason) || tt.reason == "" && s != "" {
				t.Errorf("reasons %q; want %q", s, tt.reason)
			}
			if s := strings.Join(tt.book.suspended, "; "); s != tt.suspend {
				t.Errorf("suspended for %q; want %q", s, tt.suspend)
			}
			if _, err := k.Tend(t.Context(), core.Instance{ID: "shop"}, d); err != nil || tt.book.stops > 1 {
				t.Errorf("again: %v, %d findings of the host", err, tt.book.stops)
			}
		})
	}
}

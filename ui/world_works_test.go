package ui

import (
	"context"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
)

// someFile is a file of a stack, as it is shown.
const someFile = "consumers:\n  - username: anon\n    key: ••• (1ba91c8a)\nservices:\n  - name: auth\n    url: http://auth:9999/\n    routes:\n      - paths: [/auth/v1/]\n"

// works answer as the other rooms would.
func (w *world) works() Works {
	plan := func(i core.Instance) core.Plan {
		p := core.Plan{Instance: i.ID, Playbook: "restart-auth", Title: "Restart auth", Risk: core.LowRisk, Actions: []core.Action{{Op: core.OpRestart, Service: core.Auth}}}
		_ = p.Seal()
		return p
	}
	job := func(i core.Instance) queue.Job {
		return func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
			c := aChange(id, i.ID)
			c.State, c.Finished, c.Plan = core.Approved, time.Time{}, plan(i)
			if err := w.a.Store.SaveChange(ctx, c, entryOf("change.apply")); err != nil {
				return nil, err
			}
			progress(core.Event{Change: id, Instance: i.ID, State: core.Approved, At: time.Now()})
			select {
			case <-w.hold:
			case <-ctx.Done():
			}
			c.State, c.Finished = core.Committed, time.Now()
			return &c, w.a.Store.SaveChange(context.WithoutCancel(ctx), c, entryOf("change.end"))
		}
	}
	return Works{
		Engine: func(context.Context) error { return nil },
		Discover: func(context.Context) ([]core.Instance, error) {
			return []core.Instance{{ID: "new-one", Name: "new-one", Project: "new-one"}, shopOf["shop"]}, nil
		},
		Category: func(_ context.Context, i core.Instance, _ core.Category) (*core.Diagnosis, error) {
			return aDiagnosis(i.ID), nil
		},
		SignUp: func(_ context.Context, i core.Instance) (*core.Diagnosis, error) { return aDiagnosis(i.ID), nil },
		Logs: func(ctx context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, note func(string)) error {
			note("some are left out")
			if err := emit(logs.Entry{At: time.Now(), Service: core.Auth, Level: logs.Error, Message: "boom </script>\nid: 1"}); err != nil || !q.Follow {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		},
		Create: func(_ context.Context, o CreateOrder, _ string) (core.Instance, queue.Job, error) {
			i := core.Instance{ID: "fresh", Name: o.Name, Project: "fresh", Origin: core.Created, Mode: core.Control}
			return i, job(i), nil
		},
		Preflight: func(_ context.Context, o CreateOrder) (Preflight, error) {
			p := Preflight{ID: core.Slug(o.Name), Release: "2026.10"}
			if o.Name == "" || o.Name == "shop" {
				p.Problems = []OrderProblem{{"name", "there is already an instance shop; choose another name"}, {"disk", "/srv has 1.0 GB free and a stack needs 5.0 GB; make room first"}}
			}
			return p, nil
		},
		Handover: func(_ context.Context, i core.Instance) ([]Handed, error) {
			return []Handed{{Key: "URL", Value: "http://127.0.0.1:8000"}, {Key: "ANON_KEY", Value: "handed-" + core.Secret(i.ID), Secret: true}}, nil
		},
		Settings: func(context.Context, core.Instance) ([]Setting, error) {
			return []Setting{{Key: "JWT_SECRET", Value: "fingerprint 1ba91c8a", Set: true, Type: "secret", Secret: true, Services: []string{"auth"}}}, nil
		},
		Configure: func(_ context.Context, i core.Instance, _ map[string]core.Secret, _ string) (queue.Job, error) {
			return job(i), nil
		},
		PlanConfig: func(_ context.Context, i core.Instance, _ map[string]core.Secret) (core.Plan, error) {
			return plan(i), nil
		},
		PlanFile: func(_ context.Context, i core.Instance, _ FileEdit) (core.Plan, error) { return plan(i), nil },
		Files: func(context.Context, core.Instance) ([]string, error) {
			return []string{".env", "volumes/api/kong.yml"}, nil
		},
		ShowFile: func(context.Context, core.Instance, string) (string, error) { return someFile, nil },
		WholeFile: func(_ context.Context, _ core.Instance, name, edited string) (core.Secret, core.Diff, error) {
			return core.Secret(strings.ReplaceAll(edited, "\r\n", "\n")), core.Diff{Target: name, Before: someFile, After: strings.ReplaceAll(edited, "\r\n", "\n")}, nil
		},
		EditFile: func(_ context.Context, i core.Instance, _ FileEdit, _ string) (queue.Job, error) { return job(i), nil },
		PlanClone: func(_ context.Context, i core.Instance, _ CloneOrder) (core.Plan, error) {
			return plan(i), nil
		},
		Clone: func(_ context.Context, _ core.Instance, o CloneOrder, _ string) (core.Instance, queue.Job, error) {
			i := core.Instance{ID: "twin", Name: o.Name, Project: "twin", Origin: core.Created, Mode: core.Control}
			return i, job(i), nil
		},
		Upgrades: Upgrades{
			PlanUpgrade: func(_ context.Context, i core.Instance, o UpgradeOrder) (core.Plan, error) {
				if o.To == "0.8.0" && len(o.Take) == 0 {
					return core.Plan{}, &Undecided{[]UpgradeConflict{{".env", "IMAGE_GOTRUE", "gotrue:1", "gotrue:2", "gotrue:3"}}, core.Errorf(core.Conflict, "shop and release 0.8.0 changed the same: .env IMAGE_GOTRUE")}
				}
				return plan(i), nil
			},
			Upgrade: func(i core.Instance, _ UpgradeOrder, _ string) queue.Job { return job(i) },
			Ways: func(context.Context, core.Instance) (UpgradeWays, error) {
				return UpgradeWays{From: "0.6.0", Ways: []UpgradeWay{{To: "0.8.0", Breaking: []UpgradeNews{{Release: "0.7.0", What: "upstream's gateway is Envoy", Do: "point monitors that ask it at a table"}}}, {To: "0.8.1", Breaking: []UpgradeNews{}}}}, nil
			},
			Rehearse: func(i core.Instance, o UpgradeOrder, _ string, tell func(Rehearsed)) (string, queue.Job) {
				clone := core.Instance{ID: i.ID + "-rehearsal"}
				return clone.ID, func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
					if o.PlanHash == "old" {
						return nil, core.Errorf(core.Conflict, "the plan is no longer the one that was approved")
					}
					tell(Rehearsed{Stage: RehearsalClone, ChangeID: id})
					made, err := job(clone)(ctx, id, progress)
					d := aDiagnosis(clone.ID)
					d.Status, d.Findings = core.Healthy, []core.Finding{}
					tell(Rehearsed{Stage: RehearsalEnded, Well: o.To != "0.8.0", Change: aChange("upgrade-of-clone", clone.ID), Diagnosis: d})
					return made, err
				}
			},
		},
		AuditStacks: func(context.Context) (StackAudit, error) {
			return StackAudit{Stacks: 2, Concerns: []Concern{{ID: "ports", Title: "Ports that two want", Codes: []string{"DK-03"},
				Findings: []StackFinding{{"shop", core.Finding{Code: "DK-03", Evidence: []core.Evidence{}, Remedies: []core.Remedy{}}}}}}}, nil
		},
		Plan: func(_ context.Context, i core.Instance, _ RepairOrder) (core.Plan, error) { return plan(i), nil },
		PlanRotation: func(_ context.Context, i core.Instance, _ RotateOrder) (core.Plan, []string, error) {
			return plan(i), []string{"users: all log in again"}, nil
		},
		Rotate:         func(i core.Instance, _ RotateOrder, _ string) queue.Job { return job(i) },
		Repair:         func(i core.Instance, _ RepairOrder, _ string) queue.Job { return job(i) },
		DeleteInstance: func(i core.Instance, _ bool, _ string) queue.Job { return job(i) },
		Operate:        func(i core.Instance, _ Operation, _ string) queue.Job { return job(i) },
		CanUndo:        func(c core.Change) bool { return c.State == core.Committed && c.Plan.Playbook != "upgrade" },
		Undo:           func(id, _ string) queue.Job { return job(shopOf[strings.TrimPrefix(id, "change-")]) },
		Snapshot: func(_ context.Context, i core.Instance, scope core.Scope, reason string) (core.Snapshot, error) {
			return core.Snapshot{ID: "fresh", Instance: i.ID, Scope: scope, Reason: reason, Created: time.Now()}, nil
		},
		DrillSnapshot:  func(_ context.Context, _ core.Instance, s core.Snapshot) (core.Snapshot, error) { return s, nil },
		VerifySnapshot: func(_ context.Context, s core.Snapshot) (core.Snapshot, error) { return s, nil },
		PlanRestore: func(_ context.Context, i core.Instance, _ core.Snapshot, _ RestoreOrder) (core.Plan, error) {
			return plan(i), nil
		},
		RestoreAside: func(ctx context.Context, id, _ string) (core.Aside, error) { return w.a.Store.Aside(ctx, id) },
		PurgeAside:   func(ctx context.Context, id, _ string) (core.Aside, error) { return w.a.Store.Aside(ctx, id) },
		Restore:      func(i core.Instance, _ core.Snapshot, _ RestoreOrder, _ string) queue.Job { return job(i) },
		Playbooks: func(context.Context) ([]core.Playbook, []string, error) {
			return []core.Playbook{{ID: "my-book", Title: "Mine"}, {ID: "restart-auth", Title: "Restart auth", BuiltIn: true}}, nil, nil
		},
		CheckPlaybook: func(_ context.Context, id, source string) []string {
			if strings.Contains(source, "wrong") {
				return []string{id + ".lua:2: wrong"}
			}
			return nil
		},
		TestPlaybook: func(_ context.Context, _, source string) ([]Example, error) {
			return []Example{{Number: 1, Passed: true, Plan: []string{"restart auth"}}, {Number: 2, Passed: !strings.Contains(source, "fails"), Message: "plans nothing"}}, nil
		},
		PlanPlaybook: func(_ context.Context, i core.Instance, _, source string) (core.Plan, error) {
			if strings.Contains(source, "refuse") {
				return core.Plan{}, core.Errorf(core.Conflict, "the database is exited; mend that first")
			}
			return plan(i), nil
		},
		PlaybookVersions: func(_ context.Context, id string) ([]PlaybookVersion, error) {
			if id != "my-book" {
				return nil, nil
			}
			now := time.Now()
			return []PlaybookVersion{{ID: "b.lua", At: now, Source: "-- two\nreturn {}\n"}, {ID: "a.lua", At: now.Add(-time.Hour), Source: "-- one\nreturn {}\n"}}, nil
		},
		SavePlaybook: func(context.Context, string, string) error { return nil },
		Checks: func() []core.Checker {
			return []core.Checker{{ID: "x.y", Category: core.DiskUsage, Finds: []core.Explanation{{Code: "PG-01"}}}}
		},
	}
}

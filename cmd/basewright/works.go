package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui"
)

// works is what the routes get of the rooms that they do not know.
func (a *agent) works() ui.Works {
	return ui.Works{
		Engine: a.engineAnswers,
		Discover: func(ctx context.Context) ([]core.Instance, error) {
			host, err := a.engines.get(ctx)
			if err != nil {
				return nil, err
			}
			return host.Discover(ctx)
		},
		Category: a.category, SignUp: a.signUp, Logs: a.logs,
		Create: a.create, Settings: a.settings, Configure: a.configure, PlanConfig: a.planConfig,
		PlanFile: a.planFile, EditFile: a.editFile, Files: a.files, ShowFile: a.showFile, WholeFile: a.wholeFile, PlanClone: a.planClone, Clone: a.clone, AuditStacks: a.auditStacks,
		Upgrades:  a.upgrades(),
		Preflight: a.preflight, Handover: a.handover,
		Plan: func(ctx context.Context, i core.Instance, o ui.RepairOrder) (core.Plan, error) {
			p, _, err := a.planRepair(ctx, i, o)
			return p, err
		},
		PlanRotation: a.planRotation, Rotate: a.rotate,
		Repair: a.repairJob, Operate: a.operate, Undo: a.undo, CanUndo: apply.CanUndo, DeleteInstance: a.delete,
		Snapshot: a.takeSnapshot, VerifySnapshot: a.verifySnapshot, DrillSnapshot: a.drillByHand, Restore: a.restoreJob,
		PlanRestore: func(ctx context.Context, i core.Instance, s core.Snapshot, o ui.RestoreOrder) (core.Plan, error) {
			_, p, _, err := a.planOfRestore(ctx, a.folder, i, s, o)
			return p, err
		},
		RestoreAside: func(ctx context.Context, id, actor string) (core.Aside, error) {
			return a.applier.RestoreAside(ctx, id, a.finder(ctx, a.Discover), actor)
		},
		PurgeAside: func(ctx context.Context, id, actor string) (core.Aside, error) {
			return a.applier.PurgeAside(ctx, id, a.finder(ctx, a.Discover), actor)
		},
		Playbooks: a.listBooks, CheckPlaybook: checkBook, SavePlaybook: a.saveBook,
		TestPlaybook: testBook, PlanPlaybook: a.planText, PlaybookVersions: a.bookVersions,
		Checks: a.checkers,
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(info.Main.Version, "devel")
	}
	return "devel"
}

func (a *agent) engineAnswers(ctx context.Context) error {
	host, err := a.engines.get(ctx)
	if err != nil {
		return err
	}
	if _, err := host.Client().Ping(ctx); err != nil {
		return &core.Error{Code: core.Unreachable, Message: "the Docker Engine does not answer any more"}
	}
	return nil
}

// onDocker returns the engine of an instance, at the place where its files are now:
// a stack may have been moved, or made anew from another folder.
func (a *agent) onDocker(ctx context.Context, i core.Instance) (core.Instance, core.Engine, error) {
	host, err := a.engines.get(ctx)
	if err != nil {
		return i, nil, err
	}
	found, err := host.Discover(ctx)
	if err != nil {
		return i, nil, err
	}
	n := slices.IndexFunc(found, func(f core.Instance) bool { return f.Project == i.Project })
	if n >= 0 && (found[n].Dir != i.Dir || !slices.Equal(found[n].Files, i.Files)) {
		i.Dir, i.Files = found[n].Dir, found[n].Files
		if err := a.store.SetPlace(ctx, i.ID, i.Dir, i.Files); err != nil {
			a.Log.Warn("the new place of an instance could not be kept", "instance", i.ID, "error", err)
		}
	}
	return i, host.Open(i), nil
}

// observe opens an instance and looks at it.
func (a *agent) observe(ctx context.Context, i core.Instance) (core.Instance, core.Engine, *core.Observation, error) {
	i, e, err := a.open(ctx, i)
	if err != nil {
		return i, nil, nil, err
	}
	obs, err := e.Observe(ctx)
	return i, e, obs, err
}

func (a *agent) diagnose(ctx context.Context, i core.Instance, depth core.Depth, t core.Trigger) (*core.Diagnosis, error) {
	_, e, err := a.open(ctx, i)
	if err != nil {
		return nil, err
	}
	d, err := a.lookSince(ctx, e, a.store, a.books(ctx), diagnose.Options{Depth: depth, Trigger: t})
	if d != nil && err != nil {
		a.Log.Warn("what changed since an instance was healthy cannot be told", "instance", i.ID, "err", err)
		return d, nil
	}
	return d, err
}

// some runs the checks that wanted picks.
func (a *agent) some(ctx context.Context, i core.Instance, depth core.Depth, wanted func(core.Checker) bool) (*core.Diagnosis, error) {
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return nil, err
	}
	books := a.books(ctx)
	picked := slices.DeleteFunc(a.checkers(), func(c core.Checker) bool { return !wanted(c) })
	return diagnose.Run(ctx, core.Target{Observation: obs, Inspector: e, Key: a.store.Key()}, picked, diagnose.Options{
		Depth: depth, Remedies: func(code string) []core.Remedy { return repairs.Remedies(books, code) },
	}), nil
}

func (a *agent) category(ctx context.Context, i core.Instance, c core.Category) (*core.Diagnosis, error) {
	d, err := a.some(ctx, i, core.Full, func(k core.Checker) bool {
		return k.Category == c || c.Subject() != "" && k.Category.Looks()
	})
	if err == nil {
		diagnose.Narrow(d, c)
	}
	return d, err
}

func (a *agent) signUp(ctx context.Context, i core.Instance) (*core.Diagnosis, error) {
	return a.some(ctx, i, core.Deep, func(k core.Checker) bool { return k.ID == "auth.signup" })
}

func (a *agent) logs(ctx context.Context, i core.Instance, q ui.LogQuery, emit func(logs.Entry) error, note func(string)) error {
	host, err := a.engines.get(ctx)
	if err != nil {
		return err
	}
	f := logFlags{services: q.Services, level: string(q.Level), output: "json", tail: q.Tail, follow: q.Follow, after: q.After}
	if q.Range > 0 {
		f.span = q.Range.String()
	}
	if err := f.validate(time.Now()); err != nil {
		return err
	}
	r := newLogReader(ctx, host, i, f, note)
	if q.Follow {
		return r.follow(ctx, emit)
	}
	return r.merge(ctx, emit)
}

// planRepair makes the plan of a playbook from the instance as it is now.
func (a *agent) planRepair(ctx context.Context, i core.Instance, o ui.RepairOrder) (core.Plan, *core.Finding, error) {
	return a.planBook(ctx, i, o.Params, func(d *core.Diagnosis) (core.Playbook, *core.Finding, error) { return a.pickBook(ctx, d, o) })
}

// planBook makes the plan of the playbook that pick takes when it sees what is
// wrong with the instance now.
func (a *agent) planBook(ctx context.Context, i core.Instance, params map[string]string,
	pick func(d *core.Diagnosis) (core.Playbook, *core.Finding, error),
) (core.Plan, *core.Finding, error) {
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return core.Plan{}, nil, err
	}
	target := core.Target{Observation: obs, Inspector: e, Key: a.store.Key()}
	d := a.check(ctx, target, a.books(ctx), diagnose.Options{Trigger: core.ByHand})
	book, finding, err := pick(d)
	if err != nil {
		return core.Plan{}, nil, err
	}
	p, err := repairs.Plan(ctx, book, target, d, finding, params)
	if err != nil {
		return core.Plan{}, nil, err
	}
	return p, finding, a.applier.Check(p, obs)
}

// pickBook returns the playbook of an order and the finding that it is to mend.
func (a *agent) pickBook(ctx context.Context, d *core.Diagnosis, o ui.RepairOrder) (core.Playbook, *core.Finding, error) {
	lookUp := func(id string) (core.Playbook, error) { return a.permitted(ctx, id) }
	var named core.Playbook
	if o.Playbook != "" {
		var err error
		if named, err = lookUp(o.Playbook); err != nil {
			return named, nil, err
		}
	}
	return chooseBook(d, o.Finding, named, lookUp)
}

func (a *agent) repairJob(i core.Instance, o ui.RepairOrder, actor string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		p, finding, err := a.planRepair(ctx, i, o)
		if err != nil {
			return nil, err
		}
		switch {
		case p.Hash != o.PlanHash:
			return nil, &core.Error{Code: core.Conflict, Message: "the plan is no longer the one that was approved: the instance or the playbook changed since", Hint: "look at the new plan"}
		case p.Risk == core.HighRisk && o.Confirm != i.ID:
			return nil, core.Errorf(core.Invalid, `this plan may change data; "confirm" must be the instance's id, %s`, i.ID)
		}
		if i, _, err = a.open(ctx, i); err != nil {
			return nil, err
		}
		w.Basis = func(obs *core.Observation, _ core.Plan) map[string]string {
			return repairs.Basis(obs, finding, a.store.Key())
		}
		return w.Apply(ctx, i, p, actor, p.Hash)
	})
}

func (a *agent) operate(i core.Instance, what ui.Operation, actor string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		i, _, obs, err := a.observe(ctx, i)
		if err != nil {
			return nil, err
		}
		p, err := w.Power(i, obs, string(what))
		if err != nil {
			return nil, err
		}
		return operate(ctx, w, i, p, actor)
	})
}

func (a *agent) undo(change, actor string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) { return w.Undo(ctx, change, actor) })
}

func (a *agent) listBooks(ctx context.Context) ([]core.Playbook, []string, error) {
	books, problems, err := a.collection.Books(ctx)
	return books, sentences(problems), err
}

func sentences(problems []repairs.Problem) []string {
	list := []string{}
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

func checkBook(ctx context.Context, id, source string) []string {
	return sentences(repairs.Check(ctx, id+".lua", source))
}

// saveBook puts a playbook into the user's folder, whole or not at all.
func (a *agent) saveBook(_ context.Context, id, source string) error {
	root, err := os.OpenRoot(filepath.Join(a.data(), "playbooks"))
	if err != nil {
		return &core.Error{Code: core.Unreachable, Message: "the folder of playbooks cannot be opened", Err: err}
	}
	defer root.Close()
	temp := "." + core.NewID()
	err = root.WriteFile(temp, []byte(source), 0o600)
	if err == nil {
		err = root.Rename(temp, id+".lua")
	}
	if err != nil {
		return errors.Join(&core.Error{Code: core.Unreachable, Message: fmt.Sprintf("the playbook %s cannot be written", id), Err: err}, root.Remove(temp))
	}
	return nil
}

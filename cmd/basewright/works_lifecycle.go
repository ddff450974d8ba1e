package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/configure"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/supabase"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui"
)

// create checks an order and returns the job that makes the instance.
func (a *agent) create(ctx context.Context, in ui.CreateOrder, who string) (core.Instance, queue.Job, error) {
	host, err := a.engines.get(ctx)
	if err != nil {
		return core.Instance{}, nil, err
	}
	place, order := a.place(host, ""), orderOf(in)
	var from core.Snapshot
	if order.Clone.Snapshot != "" {
		if from, err = a.fitOrder(ctx, &order); err != nil {
			return core.Instance{}, nil, err
		}
	}
	made, plan, err := place.Prepare(ctx, order)
	if err != nil {
		return core.Instance{}, nil, err
	}
	return made.Instance, a.making(place, made, plan, who, func(ctx context.Context, folder *snapshot.Folder) apply.Creation {
		how := a.creation(made, who, a.books(ctx))
		if from.ID != "" {
			how.Transplant = transplantOf(folder, from)
		}
		return how
	}), nil
}

// making is the job that carries a creating plan out, as how says.
func (a *agent) making(place *create.Place, made *create.Job, plan core.Plan, who string, how func(context.Context, *snapshot.Folder) apply.Creation) queue.Job {
	return func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		by, folder := *a.workshop.applier, *a.folder
		by.NewID = func() string { return id }
		by.Progress, folder.Progress = meter(progress)
		c, err := a.make(ctx, by, place, made, plan, who, how(ctx, &folder))
		if c == nil {
			err = errors.Join(err, place.Abandon(ctx, made))
		}
		return c, err
	}
}

// preflight looks at everything that an order needs, and reserves nothing.
func (a *agent) preflight(ctx context.Context, in ui.CreateOrder) (ui.Preflight, error) {
	host, err := a.engines.get(ctx)
	if err != nil {
		return ui.Preflight{}, err
	}
	order := orderOf(in)
	if order.Clone.Snapshot != "" {
		if _, err := a.fitOrder(ctx, &order); err != nil {
			return ui.Preflight{}, err
		}
	}
	o, found, err := a.place(host, "").Preflight(ctx, order)
	out := ui.Preflight{ID: o.ID, URL: o.URL, Release: o.Release}
	for _, p := range found {
		out.Problems = append(out.Problems, ui.OrderProblem{What: p.What, Text: p.Text})
	}
	return out, err
}

// handed are the variables of an instance's .env that its owner needs.
var handed = []struct {
	key    string
	secret bool
}{
	{"SUPABASE_PUBLIC_URL", false}, {"ANON_KEY", true}, {"SERVICE_ROLE_KEY", true}, {"SUPABASE_PUBLISHABLE_KEY", true}, {"SUPABASE_SECRET_KEY", true},
	{"DASHBOARD_USERNAME", false}, {"DASHBOARD_PASSWORD", true}, {"POSTGRES_PASSWORD", true},
}

// handover reads what the owner of an instance needs from its .env.
func (a *agent) handover(ctx context.Context, i core.Instance) ([]ui.Handed, error) {
	_, _, obs, err := a.observe(ctx, i)
	if err != nil {
		return nil, err
	}
	if obs.Env.Err != nil {
		return nil, obs.Env.Err
	}
	var list []ui.Handed
	for _, h := range handed {
		if value, found := obs.Env.Lookup(h.key); found && value != "" {
			list = append(list, ui.Handed{Key: h.key, Value: value, Secret: h.secret})
		}
	}
	return list, nil
}

func orderOf(in ui.CreateOrder) create.Order {
	return create.Order{
		ID: in.ID, Name: in.Name, Release: in.Release, URL: in.URL, SiteURL: in.SiteURL, Bind: in.Bind, Images: in.Images, PG: in.Postgres,
		Ports:   create.Ports{Gateway: in.GatewayPort, Session: in.SessionPort, Transaction: in.TransactionPort},
		Gateway: in.Gateway, Logs: in.Logs, MemoryLimits: in.MemoryLimits, Keep: in.KeepOnFailure,
		Clone:         create.Clone{Snapshot: in.FromSnapshot},
		DashboardUser: in.DashboardUser,
		SMTP:          create.SMTP{Host: in.SMTPHost, Port: in.SMTPPort, User: in.SMTPUser, Password: in.SMTPPassword, From: in.SMTPFrom},
	}
}

// unmakeCreation removes what a creation made, on whatever engine answers now.
func (a *agent) unmakeCreation(ctx context.Context, c core.Change) error {
	host, err := a.engines.get(ctx)
	if err != nil {
		return err
	}
	return a.unmake(ctx, host, c)
}

// delete plans to take an instance off the engine, and does it.
func (a *agent) delete(i core.Instance, shelve bool, who string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		_, _, obs, err := a.observe(ctx, i)
		if err != nil {
			return nil, err
		}
		p, err := w.Deletion(i, obs, shelve)
		if err != nil {
			return nil, err
		}
		return w.Delete(ctx, i, p, who)
	})
}

// settings returns what is known of an instance's settings: those in its .env,
// then those that it could have.
func (a *agent) settings(ctx context.Context, i core.Instance) ([]ui.Setting, error) {
	_, _, obs, err := a.observe(ctx, i)
	if err != nil {
		return nil, err
	}
	if obs.Env.Err != nil {
		return nil, obs.Env.Err
	}
	list := []ui.Setting{}
	seen := map[string]bool{}
	for _, v := range obs.Env.Vars {
		if seen[v.Key] {
			continue
		}
		seen[v.Key] = true
		known, err := supabase.SettingOf(v.Key)
		if err != nil {
			known = supabase.Setting{Key: v.Key, Type: supabase.TextType, Locked: "it is not a setting of Supabase; edit the .env"}
		}
		value, _ := obs.Env.Lookup(v.Key)
		s := describe(known, obs)
		s.Set, s.Value = true, maskedValue(v.Key, value, a.store.Key())
		list = append(list, s)
	}
	for _, known := range supabase.Settings() {
		if s := describe(known, obs); !seen[known.Key] && len(s.Services) > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

func describe(s supabase.Setting, obs *core.Observation) ui.Setting {
	users, err := supabase.Uses(obs.Instance.Files, s.Key)
	if err != nil || users == nil {
		users = []string{}
	}
	return ui.Setting{
		Key: s.Key, Type: string(s.Type), Default: s.Default, Allowed: slices.Clone(s.Allowed), Help: s.Help, Secret: s.Secret, Locked: s.Locked, Services: users,
	}
}

// planned is the plan of an edit and the values that it names only by handles.
type planned struct {
	core.Plan
	of    core.Instance
	given map[string]core.Secret
}

// planEdit says what an edit would do.
func (a *agent) planEdit(ctx context.Context, i core.Instance, edit func(core.Inspector, *core.Observation) (core.Plan, map[string]core.Secret, error)) (planned, error) {
	inst, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return planned{}, err
	}
	plan, given, err := edit(e, obs)
	if err != nil {
		return planned{}, err
	}
	plan.Basis = repairs.Basis(obs, nil, a.store.Key())
	err = plan.Seal()
	return planned{plan, inst, given}, errors.Join(err, a.applier.Check(plan, obs))
}

func (a *agent) planSettings(ctx context.Context, i core.Instance, changes map[string]core.Secret) (planned, error) {
	return a.planEdit(ctx, i, func(_ core.Inspector, obs *core.Observation) (core.Plan, map[string]core.Secret, error) {
		return configure.Plan(obs, configure.Edit{Set: changes}, a.store.Key())
	})
}

func (a *agent) planConfig(ctx context.Context, i core.Instance, changes map[string]core.Secret) (core.Plan, error) {
	p, err := a.planSettings(ctx, i, changes)
	return p.Plan, err
}

// configure plans an edit and returns the job that applies it.
func (a *agent) configure(ctx context.Context, i core.Instance, changes map[string]core.Secret, who string) (queue.Job, error) {
	p, err := a.planSettings(ctx, i, changes)
	if err != nil {
		return nil, err
	}
	return a.editing(p, who), nil
}

// editing is the job that applies an edit.
func (a *agent) editing(p planned, who string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		w.Basis = func(obs *core.Observation, _ core.Plan) map[string]string {
			return repairs.Basis(obs, nil, a.store.Key())
		}
		return w.ApplyGiven(ctx, p.of, p.Plan, who, p.Hash, p.given)
	})
}

func (a *agent) fileEdit(ctx context.Context, i core.Instance, in ui.FileEdit) (planned, error) {
	return a.planEdit(ctx, i, func(e core.Inspector, obs *core.Observation) (core.Plan, map[string]core.Secret, error) {
		return configure.EditFile(ctx, e, obs, filepath.ToSlash(filepath.Clean(in.File)), []byte(in.Text.Reveal()), a.store.Key())
	})
}

func (a *agent) planFile(ctx context.Context, i core.Instance, in ui.FileEdit) (core.Plan, error) {
	p, err := a.fileEdit(ctx, i, in)
	return p.Plan, err
}

// editFile returns the job that gives a file the text that was approved.
func (a *agent) editFile(ctx context.Context, i core.Instance, in ui.FileEdit, who string) (queue.Job, error) {
	p, err := a.fileEdit(ctx, i, in)
	if err == nil && p.Hash != in.PlanHash {
		err = planMoved()
	}
	if err != nil {
		return nil, err
	}
	return a.editing(p, who), nil
}

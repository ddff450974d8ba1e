package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/basewright/basewright/core"
)

// Creation is how an instance that is not there yet is made. Its rollback is the
// removal of all that it made: see Applier.Unmake.
type Creation struct {
	Make     func(ctx context.Context, change string) error // writes the folder, whole or not at all
	Register func(ctx context.Context) error                // from then on Basewright keeps the instance
	// Prove diagnoses the new instance as deeply as can be, with a sign-up.
	Prove func(ctx context.Context, e core.Engine) (*core.Diagnosis, error)
	// Transplant gives a clone what it gets of another instance; nil for none.
	Transplant func(ctx context.Context, e core.Engine) error
}

// kept returns where what a plan makes is left when that fails, for a person to
// look at; nothing when it is to be removed. It stands in the plan, so that a killed
// agent knows it at its next start.
func kept(p core.Plan) (dir string) {
	for _, a := range p.Actions {
		if keep, _ := a.Args["keep"].(bool); a.Op == core.OpMakeFolder && keep {
			return cmp.Or(a.Text("dir"), "its folder")
		}
	}
	return ""
}

// making are the operations of such plans.
var making = map[core.Op]func(ctx context.Context, t *transaction, c Creation, a core.Action) error{
	core.OpMakeFolder:  func(ctx context.Context, t *transaction, c Creation, _ core.Action) error { return c.Make(ctx, t.c.ID) },
	core.OpUp:          func(ctx context.Context, t *transaction, _ Creation, _ core.Action) error { return t.upPatiently(ctx) },
	core.OpWaitHealthy: func(ctx context.Context, t *transaction, _ Creation, a core.Action) error { return t.waitAll(ctx, a) },
	core.OpTransplant: func(ctx context.Context, t *transaction, c Creation, _ core.Action) error {
		return c.Transplant(ctx, t.e)
	},
	core.OpRegister: func(ctx context.Context, _ *transaction, c Creation, _ core.Action) error { return c.Register(ctx) },
}

// Create carries out a plan that makes inst. It is kept when a diagnosis with a
// sign-up finds nothing critical; else everything is removed again.
func (a *Applier) Create(ctx context.Context, inst core.Instance, plan core.Plan, actor string, how Creation) (*core.Change, error) {
	for _, act := range plan.Actions {
		if making[act.Op] == nil {
			return nil, core.Errorf(core.Invalid, "operation %s makes no instance", act.Op)
		}
		if act.Op == core.OpTransplant && how.Transplant == nil {
			return nil, core.Errorf(core.Invalid, "the plan clones, and nothing here can")
		}
	}
	c := &core.Change{ID: a.newID(), Instance: inst.ID, Plan: plan, Actor: actor, State: core.Planned, Created: a.now()}
	e, release, err := a.begin(ctx, inst, c.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	t := &transaction{Applier: a, e: e, inst: inst, c: c, mask: core.NewMask(nil), found: &core.Diagnosis{}}
	c.State = core.Approved
	if err := t.at("approve", func() error { return t.save(ctx, t.entry("instance.create", "intent", plan.Title)) }); err != nil {
		return nil, fmt.Errorf("nothing was done, since it could not be written down: %w", err)
	}
	if err := t.create(ctx, how); err != nil {
		return c, t.unmake(ctx, err)
	}
	return c, nil
}

// create makes the instance and proves it.
func (t *transaction) create(ctx context.Context, how Creation) error {
	t.c.State = core.Applying
	for i, a := range t.c.Plan.Actions {
		t.c.Step = i
		title := fmt.Sprintf("action %d: %s", i+1, a.Op)
		err := t.step(ctx, fmt.Sprintf("action-%d-%s", i+1, a.Op), title, func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return making[a.Op](ctx, t, how, a)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", title, err)
		}
	}
	t.c.State = core.Verifying
	err := t.step(ctx, "verify", "verify", func() error {
		t.Diagnose = func(ctx context.Context, e core.Engine, _ core.Instance) (*core.Diagnosis, error) {
			return how.Prove(ctx, e)
		}
		return t.verify(ctx)
	})
	if err != nil {
		return err
	}
	return t.commit(ctx)
}

// unmake removes what was made, and outlives ctx.
func (t *transaction) unmake(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(t.RollbackTimeout, rollbackTimeout))
	defer cancel()
	t.stubborn = true
	if dir := kept(t.c.Plan); dir != "" {
		reason := fmt.Sprintf("%v; kept as asked, in %s", cause, dir)
		return &core.Error{
			Code: core.CodeOf(cause), Message: fmt.Sprintf("creating %s failed, and what was made was kept in %s", t.inst.ID, dir),
			Err: errors.Join(cause, t.end(ctx, core.RollbackFailed, reason)),
		}
	}
	t.c.State, t.c.Reason = core.RollingBack, cause.Error()
	err := t.step(ctx, "rollback", rollbackStep, func() error {
		return t.persist(ctx, func(ctx context.Context) error { return t.Unmake(ctx, *t.c) })
	})
	if core.CodeOf(err) == core.Unreachable {
		return &core.Error{
			Code: core.Unreachable, Message: fmt.Sprintf("creating %s failed and the engine does not answer", t.inst.ID),
			Hint: "Basewright removes what was made at its next start with a working engine", Err: errors.Join(cause, err),
		}
	}
	if err != nil {
		reason := fmt.Sprintf("%v; removing what was made failed: %v", cause, err)
		return &core.Error{
			Code: core.Internal, Message: fmt.Sprintf("creating %s failed and left something behind", t.c.Instance),
			Hint: fmt.Sprintf("look at the compose project %s and at %s, and remove them", t.inst.Project, t.inst.Dir),
			Err:  errors.Join(cause, err, t.end(ctx, core.RollbackFailed, reason)),
		}
	}
	return &core.Error{
		Code: core.CodeOf(cause), Message: fmt.Sprintf("%s was not made, and nothing of it is left", t.c.Instance),
		Err: errors.Join(cause, t.end(ctx, core.RolledBack, t.c.Reason)),
	}
}

// upPatiently brings everything up; what fails for a moment, such as a registry,
// is tried again after growing pauses.
func (t *transaction) upPatiently(ctx context.Context) error {
	wait := 2 * time.Second
	for try := 1; ; try++ {
		err := t.e.Up(ctx, core.UpRequest{})
		code := core.CodeOf(err)
		if err == nil || try == 4 || code == core.Invalid || code == core.Conflict || code == core.NotFound {
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
		wait *= 2
	}
}

// waitAll waits until every container runs and is healthy.
func (t *transaction) waitAll(ctx context.Context, a core.Action) error {
	limit, err := timeout(a)
	if err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		obs, err := t.e.Observe(bound)
		ill := ""
		if err == nil {
			ill = core.NewMask(obs).Text(firstIll(obs))
		}
		if err == nil && ill == "" {
			return nil
		}
		if pause(bound, pollEvery) == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(core.Errorf(core.Conflict, "not everything was well after %s: %s", limit, ill), err)
	}
}

// firstIll says of one container why it is not well yet, or nothing.
func firstIll(obs *core.Observation) string {
	if len(obs.Containers) == 0 {
		return "there is no container"
	}
	for _, c := range obs.Containers {
		last := ""
		if n := len(c.Logs); n > 0 {
			last = ": " + c.Logs[n-1].Text
		}
		switch {
		case c.State != "running":
			return c.Name + " is " + c.State + last
		case c.Health != "" && c.Health != "healthy":
			return c.Name + " is " + c.Health + last
		}
	}
	return ""
}

// resumeCreation removes what a killed agent was making, or leaves it as asked.
func (t *transaction) resumeCreation(ctx context.Context, cause error) error {
	if t.Unmake == nil {
		return core.Errorf(core.Internal, "nothing here can remove what change %s made", t.c.ID)
	}
	if kept(t.c.Plan) == "" {
		if err := t.madeHere(ctx); err != nil {
			return err
		}
	}
	err := t.unmake(ctx, cause)
	if t.c.State == core.RolledBack || t.c.State == core.RollbackFailed && kept(t.c.Plan) != "" {
		return nil
	}
	return err
}

// madeHere refuses to remove from one Docker Engine what was being made on another:
// there it would go on without its folder, and nobody would know of it.
func (t *transaction) madeHere(ctx context.Context) error {
	t.inst.Project = t.c.Instance // as it is named when it is made
	e, err := t.Open(ctx, t.inst)
	if err != nil {
		return err
	}
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	return t.sameEngine(obs)
}

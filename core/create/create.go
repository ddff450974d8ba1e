package create

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// Job is one instance to be made: what was ordered with all that was chosen.
type Job struct {
	Instance core.Instance
	Order    Order
	Subnet   string
	place    *Place
}

// Prepare returns a job, whose ports and network are kept for it until the
// instance is gone, and the plan for it. Every problem of the order is in one
// core.Invalid error.
func (p *Place) Prepare(ctx context.Context, o Order) (*Job, core.Plan, error) {
	o, found, err := p.Preflight(ctx, o)
	if err != nil {
		return nil, core.Plan{}, err
	}
	if len(found) > 0 {
		return nil, core.Plan{}, refusal(o, found)
	}
	survey, err := p.Host.Survey(ctx)
	if err != nil {
		return nil, core.Plan{}, err
	}
	j := &Job{place: p, Instance: p.instance(o)}
	err = p.Kept.Reserve(ctx, o.ID, func(taken []core.Reservation) (keep []core.Reservation, err error) {
		for _, r := range taken {
			if r.Instance == o.ID {
				return nil, core.Errorf(core.Conflict, "an instance %s is being made already", o.ID)
			}
		}
		j.Order, j.Subnet, keep, err = choose(o, survey, taken)
		return keep, err
	})
	if err != nil {
		return nil, core.Plan{}, fmt.Errorf("reserve ports and network for %s: %w", o.ID, err)
	}
	plan, err := j.plan(survey)
	return j, plan, err
}

func (p *Place) instance(o Order) core.Instance {
	return core.Instance{
		ID: o.ID, Name: o.Name, Project: o.ID, Dir: p.Dir(o.ID), Files: in(p.Dir(o.ID), o.composeFiles()),
		Origin: core.Created, Mode: core.Control, Release: o.Release,
	}
}

func refusal(o Order, found []Problem) error {
	r := &Refusal{ID: cmp.Or(o.ID, o.Name), Problems: found, Code: core.Invalid}
	if slices.ContainsFunc(found, func(p Problem) bool { return p.Taken }) {
		r.Code = core.Conflict
	}
	return r
}

// plan says what will be made. It holds no secret: those are drawn when the
// folder is written, and stand in its .env alone.
func (j *Job) plan(s core.Survey) (core.Plan, error) {
	images, err := imagesOf(j.Order)
	if err != nil {
		return core.Plan{}, err
	}
	args := map[string]any{
		"dir": j.Instance.Dir, "release": j.Order.Release, "name": j.Order.Name, "subnet": j.Subnet, "bind": j.Order.Bind,
		"gateway": j.Order.Ports.Gateway, "session": j.Order.Ports.Session, "transaction": j.Order.Ports.Transaction,
		"compose": strings.Join(j.Order.composeFiles(), ":"), "memory_limits": j.Order.MemoryLimits, "keep": j.Order.Keep,
	}
	maps.Copy(args, j.chosen())
	p := core.Plan{
		Instance: j.Instance.ID, Playbook: core.CreatePlaybook, Title: "Create " + j.Order.Name, Risk: core.LowRisk,
		Basis: map[string]string{"engine": s.EngineID},
		Actions: []core.Action{
			{Op: core.OpMakeFolder, Args: args, Why: "compose, gateway and database files of release " + j.Order.Release + ", an .env with secrets of its own"},
			{Op: core.OpUp, Why: fmt.Sprintf("%d containers on a network of their own", len(images))},
			{Op: core.OpWaitHealthy, Args: map[string]any{"timeout": "10m"}, Why: "every service answers its health check"},
			{Op: core.OpRegister, Why: "Basewright keeps it from then on"},
		},
		Diff: []core.Diff{
			{Target: "folder", After: j.Instance.Dir},
			{Target: "ports", After: fmt.Sprintf("%s:%d gateway, %d session, %d transaction", j.Order.Bind, j.Order.Ports.Gateway, j.Order.Ports.Session, j.Order.Ports.Transaction)},
			{Target: "network", After: j.Subnet},
		},
	}
	if j.Order.Keep {
		p.Diff = append(p.Diff, core.Diff{Target: "when it fails", After: "what was made stays, to be looked at"})
	}
	j.cloning(&p)
	for _, i := range images {
		p.Diff = append(p.Diff, core.Diff{Target: "image", After: i.Ref})
	}
	return p, p.Seal()
}

// chosen is what else a person said of the instance, so that a plan's hash is of
// that, too. A password is only its fingerprint.
func (j *Job) chosen() map[string]any {
	o := j.Order
	said := map[string]any{}
	if o.SMTP.Password != "" {
		said["smtp_password"] = j.place.Key.Of(o.SMTP.Password)
	}
	for name, text := range map[string]string{
		"url": o.URL, "site_url": o.SiteURL, "images": o.Images, "dashboard_username": o.DashboardUser,
		"smtp_host": o.SMTP.Host, "smtp_user": o.SMTP.User, "smtp_from": o.SMTP.From,
	} {
		if text != "" {
			said[name] = text
		}
	}
	for name, n := range map[string]int{"postgres": o.PG, "smtp_port": o.SMTP.Port} {
		if n != 0 {
			said[name] = n
		}
	}
	return said
}

// cloning adds to a plan what makes the instance a clone.
func (j *Job) cloning(p *core.Plan) {
	of := j.Order.Clone
	if of.Of == "" {
		return
	}
	what := "database and files"
	if of.SchemaOnly {
		what = "schema, without rows"
	}
	title, target, when := "as a clone of "+of.Of, "clone of "+of.Of, "of a snapshot that is taken now"
	args := map[string]any{"of": of.Of}
	if of.Snapshot != "" {
		title, target, when = "from snapshot "+of.Snapshot+" of "+of.Of, "snapshot "+of.Snapshot+" of "+of.Of, "as they were in snapshot "+of.Snapshot
		args["snapshot"] = of.Snapshot
	}
	if of.Rehearsal {
		args["rehearsal"] = true
	}
	p.Title = fmt.Sprintf("Create %s %s", j.Order.Name, title)
	p.Actions = slices.Insert(p.Actions, len(p.Actions)-1,
		core.Action{Op: core.OpTransplant, Args: args, Why: what + " of " + of.Of + ", " + when + "; cron jobs and webhooks in it run here, too"},
		core.Action{Op: core.OpWaitHealthy, Args: map[string]any{"timeout": "10m"}, Why: "every service comes up on the copy"})
	p.Diff = append(p.Diff, core.Diff{Target: target, After: what + "; nobody is logged in, every secret is new, what the vault holds encrypted cannot be read"})
}

// Make writes the folder of the instance, for a change.
func (j *Job) Make(ctx context.Context, change string) error {
	if err := j.makeFolder(ctx, change); err != nil {
		return fmt.Errorf("write the folder of %s: %w", j.Instance.ID, err)
	}
	return nil
}

// URL is where browsers reach the instance.
func (j *Job) URL() string { return j.Order.url() }

// Rehearses reports whether a change made the clone of a rehearsal, which is to be
// removed when that has ended.
func Rehearses(c core.Change) bool {
	return c.Plan.Playbook == core.CreatePlaybook && slices.ContainsFunc(c.Plan.Actions, func(a core.Action) bool {
		yes, _ := a.Args["rehearsal"].(bool)
		return a.Op == core.OpTransplant && yes
	})
}

// Finish takes the mark off the folder, so that nothing removes it any more.
func (p *Place) Finish(inst core.Instance) error {
	if err := os.Remove(filepath.Join(inst.Dir, marker)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// Instance returns the instance that a creating plan is about.
func (p *Place) Instance(plan core.Plan) core.Instance {
	inst := p.instance(Order{ID: plan.Instance, Name: plan.Instance})
	for _, a := range plan.Actions {
		if a.Op == core.OpMakeFolder {
			inst.Dir, inst.Release, inst.Name = a.Text("dir"), a.Text("release"), a.Text("name")
			inst.Files = in(inst.Dir, strings.Split(cmp.Or(a.Text("compose"), "docker-compose.yml"), ":"))
		}
	}
	return inst
}

// Abandon gives back what was kept for a job that is not carried out.
func (p *Place) Abandon(ctx context.Context, j *Job) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return p.Kept.Release(ctx, j.Instance.ID)
}

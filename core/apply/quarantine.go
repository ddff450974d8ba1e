package apply

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// keptFor is how long a person is meant to leave alone what is in quarantine.
const keptFor = 30 * 24 * time.Hour

func checkQuarantine(a core.Action) error {
	name, mount := a.Text("path"), a.Text("mount")
	switch {
	case (name == "") == (mount == ""):
		return core.Errorf(core.Invalid, "either path, or service and mount, say what is set aside")
	case mount == "" && a.Service != "":
		return core.Errorf(core.Invalid, "a service goes with mount, not with path")
	case mount == "":
		return checkInside(name)
	case !path.IsAbs(mount) || path.Clean(mount) != mount || mount == "/" || strings.ContainsRune(mount, 0):
		return core.Errorf(core.Invalid, "%q is not a folder of a container", mount)
	}
	return oneService(a)
}

// quarantineRisk says that what users own is moved.
func quarantineRisk(a core.Action) error {
	name, mount := a.Text("path"), a.Text("mount")
	if isData(name) || mount != "" && slices.ContainsFunc(dataTargets, func(d string) bool { return within(d, mount) || within(mount, d) }) {
		return core.Errorf(core.Forbidden, "%q is data; only a plan of high risk moves it, behind a snapshot of the volumes", name+mount)
	}
	return nil
}

// checkPlanData refuses a plan that writes data, or that moves data without a
// snapshot of it.
func checkPlanData(inst core.Instance, obs *core.Observation, p core.Plan, env string) error {
	if err := checkData(inst, obs, writes(p, env)); err != nil {
		return err
	}
	if p.Risk == core.HighRisk && (p.Scope == core.VolumesScope || p.Scope == core.FullScope) {
		return nil
	}
	folders := dataFolders(inst, obs)
	for _, a := range p.Actions {
		if a.Op != core.OpQuarantine {
			continue
		}
		from := filepath.Join(inst.Dir, a.Text("path"))
		for _, m := range mountsOf(obs, a) {
			from = m.Source
		}
		if slices.ContainsFunc(folders, func(f string) bool { return within(f, from) || within(from, f) }) {
			return core.Errorf(core.Forbidden, "%q holds data; only a plan of high risk moves it, behind a snapshot of the volumes", a.Text("path")+a.Text("mount"))
		}
	}
	return nil
}

// mountsOf returns what an action's mount is.
func mountsOf(obs *core.Observation, a core.Action) []core.Mount {
	var found []core.Mount
	for _, c := range obs.Containers {
		for _, m := range c.Mounts {
			if a.Text("mount") != "" && c.Service == a.Service && m.Target == a.Text("mount") {
				found = append(found, m)
			}
		}
	}
	return found
}

// quarantine moves a file, a folder or what is mounted somewhere out of the way.
// It is entered in the list before it is moved, so that a rollback finds it.
func quarantine(ctx context.Context, t *transaction, a core.Action) error {
	item := core.Aside{
		ID: fmt.Sprintf("%s-%d", t.c.ID, t.c.Step+1), Instance: t.inst.ID, Change: t.c.ID,
		Path: a.Text("path"), Service: a.Service, Mount: a.Text("mount"), Why: t.mask.Text(a.Why),
		State: core.Kept, At: t.now(), Until: t.now().Add(keptFor),
	}
	item, err := t.e.Locate(ctx, item)
	if err != nil {
		return err
	}
	if err := t.at("quarantine.list", func() error { return t.Journal.SaveAside(context.WithoutCancel(ctx), item) }); err != nil {
		return err
	}
	t.listed = append(t.listed, item)
	return t.e.SetAside(ctx, item, false)
}

// unshelve takes back what a change did to the quarantine: what it set aside is
// put back; what an undo put back is set aside again.
func (t *transaction) unshelve(ctx context.Context) error {
	return t.shelve(ctx, t.c.ID, core.Restored, true)
}

// shelve brings what a change set aside into a state, the last first.
func (t *transaction) shelve(ctx context.Context, change string, want core.AsideState, stop bool) error {
	items, err := t.asides(ctx, change)
	if err != nil {
		return err
	}
	if want == core.Restored {
		slices.Reverse(items)
	}
	for _, item := range items {
		if item.State == want || item.Kind != "" {
			continue
		}
		if want == core.Restored {
			err = t.e.PutBack(ctx, item, stop)
		} else {
			err = t.e.SetAside(ctx, item, stop)
		}
		if err != nil {
			return fmt.Errorf("quarantine %s: %w", item.ID, err)
		}
		item.State = want
		if err := t.Journal.SaveAside(context.WithoutCancel(ctx), item); err != nil && !t.stubborn {
			return err
		}
	}
	return nil
}

// asideWhy says of each kind why it was set aside.
var asideWhy = map[core.AsideKind]string{
	core.AsideFolder: "a restore took its place", core.AsideDatabase: "a restore took its place",
	core.AsideFiles: "they were found otherwise when a snapshot was put back",
}

// list enters in the list of the quarantine what a snapshot's restore put aside.
// Doing it twice does no harm, for what lies at one place has one ID.
func (t *transaction) list(ctx context.Context, items []core.Aside) error {
	known, err := t.asides(ctx, t.c.ID)
	if err != nil {
		return err
	}
	for _, item := range items {
		item.ID = fmt.Sprintf("%s-restore-%s-%08x", t.c.ID, cmp.Or(item.Kind, "x"), crc32.ChecksumIEEE([]byte(item.In())))
		if i := slices.IndexFunc(known, func(k core.Aside) bool { return k.Kind == item.Kind && k.In() == item.In() }); i >= 0 {
			item.ID = known[i].ID // entered by an earlier version, which numbered them
		}
		item.Instance, item.Change, item.Why = t.inst.ID, t.c.ID, asideWhy[item.Kind]
		item.State, item.At, item.Until = core.Kept, t.now(), t.now().Add(keptFor)
		if err := t.at("quarantine.list", func() error { return t.Journal.SaveAside(context.WithoutCancel(ctx), item) }); err != nil {
			return err
		}
		t.listed = append(t.listed, item)
	}
	return nil
}

// returned notes that databases and folders which this change put aside are back,
// as restoring its snapshot brings them. What loading data put aside is not: that
// holds what the change made of the data.
func (t *transaction) returned(ctx context.Context) error {
	items, err := t.asides(ctx, t.c.ID)
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.State != core.Kept || item.Kind != core.AsideDatabase && item.Kind != core.AsideFolder {
			continue
		}
		if t.c.Data != "" && item.Snapshot == t.c.Data {
			continue
		}
		item.State = core.Restored
		if err := t.Journal.SaveAside(context.WithoutCancel(ctx), item); err != nil && !t.stubborn {
			return err
		}
	}
	return nil
}

// asides lists what a change set aside. When the list cannot be read, and this
// process wrote it, it is known all the same.
func (t *transaction) asides(ctx context.Context, change string) ([]core.Aside, error) {
	items, err := t.Journal.AsidesOf(ctx, change)
	if err != nil && t.stubborn && t.begun && change == t.c.ID {
		return slices.Clone(t.listed), nil
	}
	return items, err
}

// RestoreAside puts back what is in quarantine, as a person asks for. What took
// its place meanwhile goes into quarantine instead. The instance must be controlled,
// and is in the books of the release that its files tell of then.
func (a *Applier) RestoreAside(ctx context.Context, id string, find func(instance string) (core.Instance, error), actor string) (core.Aside, error) {
	controlled := func(instance string) (core.Instance, error) {
		inst, err := find(instance)
		if err == nil {
			err = inst.Controlled()
		}
		return inst, err
	}
	return a.onShelf(ctx, id, controlled, actor, "quarantine.restore", core.Restored, func(e core.Engine, item *core.Aside) error {
		if item.Kind != "" {
			return &core.Error{
				Code: core.Conflict, Message: fmt.Sprintf("%s comes back as part of a snapshot, not by itself", item.From()),
				Hint: "restore the snapshot that was taken before the change " + item.Change,
			}
		}
		if err := e.PutBack(ctx, *item, false); err != nil || a.ReleaseOf == nil {
			return err
		}
		item.Release = a.ReleaseOf(ctx, e)
		return nil
	})
}

// PurgeAside deletes what is in quarantine, as a person asks for who typed its ID.
func (a *Applier) PurgeAside(ctx context.Context, id string, find func(instance string) (core.Instance, error), actor string) (core.Aside, error) {
	return a.onShelf(ctx, id, find, actor, "quarantine.purge", core.Purged, func(e core.Engine, item *core.Aside) error {
		if item.Kind != "" && a.Data == nil {
			return core.Errorf(core.Internal, "%s lies with a snapshot, which this program cannot read", id)
		}
		if item.Kind != "" {
			return a.Data.Discard(ctx, e, *item)
		}
		return e.Purge(ctx, *item)
	})
}

// onShelf does one thing with something in quarantine while it holds the instance.
func (a *Applier) onShelf(ctx context.Context, id string, find func(string) (core.Instance, error), actor, action string, state core.AsideState, do func(core.Engine, *core.Aside) error) (core.Aside, error) {
	item, err := a.Journal.Aside(ctx, id)
	if err != nil {
		return item, err
	}
	if item.State != core.Kept {
		return item, core.Errorf(core.Conflict, "%s is %s already", id, item.State)
	}
	inst, err := find(item.Instance)
	if err != nil && item.Kind != "" && item.Kind != core.AsideDatabase {
		inst, err = core.Instance{ID: item.Instance, Project: item.Instance}, nil // files alone, which outlast the instance
	}
	if err != nil {
		return item, err
	}
	release, err := a.hold(item.Instance, id)
	if err != nil {
		return item, err
	}
	defer release()
	if err := a.nothingUnderWay(ctx, item.Instance); err != nil {
		return item, err
	}
	releaseFolder, err := a.holdFolder(inst)
	if err != nil {
		return item, err
	}
	defer releaseFolder()
	e, err := a.Open(ctx, inst)
	if err != nil {
		return item, err
	}
	entry := core.AuditEntry{At: a.now(), Actor: actor, Action: action, Instance: item.Instance, Outcome: "intent", Detail: id + ": " + item.From()}
	if err := a.Journal.SaveAside(ctx, item, entry); err != nil {
		return item, fmt.Errorf("nothing was done, since it could not be written down: %w", err)
	}
	failed := do(e, &item)
	entry.At, entry.Outcome = a.now(), "failed"
	if failed == nil {
		item.State, entry.Outcome = state, "ok"
	}
	if err := a.Journal.SaveAside(context.WithoutCancel(ctx), item, entry); failed == nil && err != nil {
		return item, err
	}
	return item, failed
}

// undoes returns the change that this one undoes, or "".
func (t *transaction) undoes() string {
	if t.c.Plan.Playbook != core.UndoPlaybook {
		return ""
	}
	return t.c.Plan.Basis["change"]
}

// shelfUntouched refuses to undo a change when a person restored or purged what
// it set aside.
func (a *Applier) shelfUntouched(ctx context.Context, change string) error {
	items, err := a.Journal.AsidesOf(ctx, change)
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.State != core.Kept {
			return core.Errorf(core.Conflict, "change %s cannot be undone: what it set aside, %s, is %s", change, item.ID, item.State)
		}
	}
	return nil
}

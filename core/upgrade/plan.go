package upgrade

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/supabase"
)

// Made is a plan, not sealed, with what it needs.
type Made struct {
	Plan     core.Plan
	Given    map[string]core.Secret // texts and values that the plan names by handles
	From, To string
	Images   []string // that the instance will run
}

// Plan plans the upgrade of the instance that obs saw. recorded is the release in
// Basewright's own books, or "". Conflicts that nobody decided are a *Refusal; a
// jump to another major version of PostgreSQL is refused.
func Plan(ctx context.Context, in core.Inspector, obs *core.Observation, o Order, recorded string, key core.FingerprintKey) (Made, error) {
	if obs.Env.Err != nil {
		return Made{}, fmt.Errorf("read %s: %w", obs.Env.Path, obs.Env.Err)
	}
	m, err := merge(ctx, in, obs, o, recorded)
	if err != nil {
		return Made{}, err
	}
	after, err := m.render(ctx, in)
	if err != nil {
		return Made{}, err
	}
	if err := m.comeBack(after); err != nil {
		return Made{}, err
	}
	if err := m.sameMajor(ctx, in, after); err != nil {
		return Made{}, err
	}
	ran, err := supabase.Migrations(ctx, in)
	if err != nil {
		return Made{}, err
	}
	made := Made{From: m.from.release, To: m.to, Given: map[string]core.Secret{}}
	for _, s := range after.Services {
		made.Images = append(made.Images, s.Image)
	}
	made.Plan = core.Plan{
		Instance: obs.Instance.ID, Playbook: core.UpgradePlaybook, Title: fmt.Sprintf("Upgrade from release %s to %s", m.from.release, m.to),
		Risk: core.HighRisk, Scope: core.FullScope, Downtime: core.Span(90 * time.Second),
		Release: &core.Move{From: m.from.release, To: m.to},
		Actions: m.actions(after, ran, key, made.Given), Diff: m.diff(after, key),
	}
	return made, nil
}

// merging is an upgrade of one instance with everything merged.
type merging struct {
	obs      *core.Observation
	from     origin
	to       string
	settings []setting
	files    []file
}

// merge brings the three sides together.
func merge(ctx context.Context, in core.Inspector, obs *core.Observation, o Order, recorded string) (*merging, error) {
	d := decisions{o.Take, map[string]bool{}}
	if err := d.check(); err != nil {
		return nil, err
	}
	m := &merging{obs: obs}
	var err error
	if m.from, err = originOf(ctx, in, obs, recorded); err != nil {
		return nil, err
	}
	if m.to, err = target(o, m.from.release, obs.Instance.ID); err != nil {
		return nil, err
	}
	base, err := create.Again(m.from.release, obs.Env)
	if err != nil {
		return nil, err
	}
	theirs, err := create.Again(m.to, obs.Env)
	if err != nil {
		return nil, err
	}
	m.settings = envs{base: base, theirs: theirs, ours: obs.Env, from: m.from.release, to: m.to}.merge(d)
	if m.files, err = mergeFiles(ctx, in, base, theirs, d); err != nil {
		return nil, err
	}
	return m, m.decided(d)
}

// decided refuses conflicts that are left, decisions about nothing, and merged
// files that cannot be read.
func (m *merging) decided(d decisions) error {
	r := &Refusal{ID: m.obs.Instance.ID, To: m.to}
	mask := core.NewMask(m.obs)
	for _, s := range m.settings {
		if s.conflict {
			show := func(v core.Secret) string { return mask.Text(v.Reveal()) }
			r.Conflicts = append(r.Conflicts, Conflict{File: envName, Where: s.key, Base: show(s.base), Ours: show(s.before), Theirs: show(s.theirs)})
		}
	}
	for _, f := range m.files {
		r.Conflicts = append(r.Conflicts, f.conflicts(mask)...)
	}
	if len(r.Conflicts) > 0 {
		return r
	}
	for _, name := range slices.Sorted(maps.Keys(d.take)) {
		if !d.used[name] {
			return core.Errorf(core.Invalid, "--take %s decides nothing: there is no conflict of that name", name)
		}
	}
	for _, f := range m.files {
		if err := f.readable(); err != nil {
			return err
		}
	}
	return nil
}

// actions are the steps: what a person must know, everything down in order with the
// snapshot before the database goes, files and settings, everything up that ran, and
// waiting until all of it is well.
func (m *merging) actions(after core.Compose, ran string, key core.FingerprintKey, given map[string]core.Secret) []core.Action {
	var out []core.Action
	left := m.left(after)
	for _, text := range m.notes(left) {
		out = append(out, core.Action{Op: core.OpNote, Args: map[string]any{"text": text}})
	}
	out = append(out, m.down()...)
	for i, f := range m.files {
		out = append(out, f.action(i+1, key, given))
	}
	for _, s := range m.settings {
		out = append(out, s.action(given))
	}
	up := map[string]any{"migrations": ran}
	if len(left) > 0 {
		up["leave"] = left
	}
	out = append(out, core.Action{Op: core.OpUp, Args: up, Why: "the new images; services migrate their schemas when they start"})
	for _, s := range core.Services {
		if slices.ContainsFunc(after.Services, func(c core.ComposeService) bool {
			return c.Service == s && !c.Job && !c.Optional && !slices.Contains(left, c.Name)
		}) {
			out = append(out, core.Action{Op: core.OpWaitHealthy, Service: s, Args: map[string]any{"timeout": "2m"}})
		}
	}
	return out
}

// notes are what a person must know before saying yes.
func (m *merging) notes(left []string) []string {
	var out []string
	if m.from.how != "" {
		out = append(out, "that it is of release "+m.from.release+" is "+m.from.how)
	}
	for _, b := range breakingBetween(m.from.release, m.to) {
		out = append(out, fmt.Sprintf("%s: %s: %s", b.Release, b.What, b.Do))
	}
	out = append(out, "nothing answers from the first stop to the end: a full snapshot is taken when only the database still runs, which takes the longer the more data there is (a snapshot before tells how long), and coming up takes about 90 seconds; "+
		"when a service has migrated its schema and the upgrade is taken back, the databases and files are those of that snapshot again")
	if len(left) > 0 {
		out = append(out, strings.Join(left, ", ")+": stopped now, and so afterwards")
	}
	for _, s := range m.settings {
		if s.key == "JWT_SECRET" || s.key == "POSTGRES_PASSWORD" {
			out = append(out, s.key+" changes: every client must be told")
		}
	}
	return out
}

// diff says what will be different: images, containers, settings, files.
func (m *merging) diff(after core.Compose, key core.FingerprintKey) []core.Diff {
	from := m.from.release
	if m.from.how != "" {
		from += " (" + m.from.how + ")"
	}
	out := []core.Diff{{Target: "release", Before: from, After: m.to}}
	named := func(c core.Compose, name string) (core.ComposeService, bool) {
		i := slices.IndexFunc(c.Services, func(s core.ComposeService) bool { return s.Name == name })
		if i < 0 {
			return core.ComposeService{}, false
		}
		return c.Services[i], true
	}
	for _, was := range m.obs.Compose.Services {
		if is, ok := named(after, was.Name); !ok {
			out = append(out, core.Diff{Target: "service " + was.Name, Before: was.Image, After: "(gone)"})
		} else if is.Image != was.Image {
			out = append(out, core.Diff{Target: "image of " + was.Name, Before: was.Image, After: is.Image})
		}
	}
	for _, is := range after.Services {
		if _, ok := named(m.obs.Compose, is.Name); !ok {
			out = append(out, core.Diff{Target: "service " + is.Name, Before: "(none)", After: is.Image})
		}
	}
	for _, s := range m.settings {
		out = append(out, s.diff(key))
	}
	for _, f := range m.files {
		out = append(out, f.diff())
	}
	return out
}

// sameMajor refuses a jump to another major version of PostgreSQL, whose server
// could not read the data.
func (m *merging) sameMajor(ctx context.Context, in core.Inspector, after core.Compose) error {
	i := slices.IndexFunc(after.Services, func(s core.ComposeService) bool { return s.Service == core.DB })
	if i < 0 {
		return core.Errorf(core.Conflict, "after the upgrade the compose files would have no database")
	}
	image := after.Services[i].Image
	runs, err := supabase.ServerMajor(ctx, in)
	if err != nil {
		return err
	}
	if to := majorOf(image); to != 0 && to != runs {
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("the database of %s is PostgreSQL %d and %s is %d, which cannot read its data; an upgrade never changes the major version", m.obs.Instance.ID, runs, image, to),
			Hint: fmt.Sprintf("keep %d for now by setting IMAGE_POSTGRES to an image of it in .env, and upgrade the rest; the way to %d is upstream's guide for PostgreSQL upgrades (twice the data and 5 GB free, "+
				"no replication slots, without timescaledb, plv8, plcoffee and plls), on a copy first, after `basewright snapshot create %s --scope full`", runs, to, m.obs.Instance.ID),
		}
	}
	return nil
}

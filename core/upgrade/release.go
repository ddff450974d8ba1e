package upgrade

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/supabase"
)

// composeName is the compose file that releases have.
const composeName = "docker-compose.yml"

// versionName is where the folder of a stack says of which release it is, as
// upstream's setup writes it.
const versionName = ".supabase-version"

// ownLabel stands in every compose file that Basewright writes.
const ownLabel = "io.basewright.instance"

// origin is the release that an instance is of, and how that is known.
type origin struct {
	release string
	how     string // "" when it is certain
}

// originOf finds the release that the files of an instance were rendered from. The
// compose file itself is the best witness: nothing in it differs from stack to stack.
func originOf(ctx context.Context, in core.Inspector, obs *core.Observation, recorded string) (origin, error) {
	compose, err := textOf(ctx, in, composeName)
	switch {
	case err != nil:
		return origin{}, err
	case len(obs.Instance.Files) == 0 || obs.Instance.Files[0] != filepath.Join(obs.Instance.Dir, composeName) || !strings.Contains(compose, ownLabel):
		return origin{}, &core.Error{
			Code:    core.Conflict,
			Message: "the files of " + obs.Instance.ID + " were not made by Basewright, so it cannot tell your changes from the release's",
			Hint:    "upgrade it with upstream's update.sh, with a snapshot first (basewright snapshot create " + obs.Instance.ID + " --scope full), and look at it with doctor",
		}
	}
	noted, err := textOf(ctx, in, versionName)
	if err != nil {
		return origin{}, err
	}
	r := told(compose, noted)
	if r == "" && slices.Contains(configs.Releases(), recorded) {
		r = recorded
	}
	if r != "" {
		return origin{release: r}, nil
	}
	if r := byImages(obs); r != "" {
		return origin{r, "guessed by its images, since nothing notes it"}, nil
	}
	return origin{}, &core.Error{
		Code: core.Conflict, Message: "of which release " + obs.Instance.ID + " is cannot be told: its compose file was changed, " + versionName + " does not say, and its images are of no release that is known here",
		Hint: "write the release into " + versionName + " in " + obs.Instance.Dir + "; there are: " + strings.Join(configs.Releases(), ", "),
	}
}

// Of returns the release that an instance with these files is of, or "" when they
// do not tell.
func Of(files []core.File) string {
	text := func(name string) string {
		i := slices.IndexFunc(files, func(f core.File) bool { return f.Name == name && !f.Absent })
		if i < 0 {
			return ""
		}
		return string(files[i].Data)
	}
	return told(text(composeName), text(versionName))
}

// Told is Of for the files that an instance has now; those that cannot be read do
// not tell.
func Told(ctx context.Context, in core.Inspector) string {
	compose, err := textOf(ctx, in, composeName)
	noted, unread := textOf(ctx, in, versionName)
	if err != nil || unread != nil {
		return ""
	}
	return told(compose, noted)
}

// told returns the release whose compose file this is, else the one that is noted
// beside it, if it is known here.
func told(compose, noted string) string {
	for _, r := range configs.Releases() {
		if text, err := templateOf(r); err == nil && text == compose {
			return r
		}
	}
	if r := strings.TrimPrefix(strings.TrimSpace(noted), "v"); slices.Contains(configs.Releases(), r) {
		return r
	}
	return ""
}

// Way is a newer release that an instance can go to, and what comes with it beside
// what came with the way before.
type Way struct {
	To       string
	Breaking []News
}

// Ways returns the release that the instance is of, how that is known when it is not
// certain, and the ways from there, the nearest first.
func Ways(ctx context.Context, in core.Inspector, obs *core.Observation, recorded string) (from, how string, ways []Way, err error) {
	o, err := originOf(ctx, in, obs, recorded)
	if err != nil {
		return "", "", nil, err
	}
	last := o.release
	for _, r := range configs.Releases() {
		if configs.CompareReleases(o.release, r) < 0 {
			ways = append(ways, Way{r, breakingBetween(last, r)})
			last = r
		}
	}
	return o.release, o.how, ways, nil
}

// byImages returns the release whose image tags are all those of the instance,
// PostgreSQL's aside, which goes its own way.
func byImages(obs *core.Observation) string {
	for _, r := range configs.Releases() {
		again, err := create.Again(r, obs.Env)
		if err != nil {
			return ""
		}
		tags := map[string]string{}
		for _, ref := range again.Images {
			tags[lastPart(ref)] = r
		}
		all := len(obs.Compose.Services) > 0
		for _, s := range obs.Compose.Services {
			all = all && (s.Service == "" || s.Service == core.DB || tags[lastPart(s.Image)] != "")
		}
		if all {
			return r
		}
	}
	return ""
}

func lastPart(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func templateOf(release string) (string, error) { return fileOf(release, composeName) }

func fileOf(release, name string) (string, error) {
	fsys, err := configs.Release(release)
	if err != nil {
		return "", err
	}
	text, err := fs.ReadFile(fsys, name)
	return string(text), err
}

// textOf reads a file of the instance, "" when there is none.
func textOf(ctx context.Context, in core.Inspector, name string) (string, error) {
	f, err := in.ReadFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(f.Data), err
}

// target returns the release that an order asks for, which must be newer.
func target(o Order, from string, id string) (string, error) {
	all := configs.Releases()
	to := strings.TrimPrefix(o.To, "v")
	if to == "" {
		to = all[len(all)-1]
	}
	switch {
	case !slices.Contains(all, to):
		return "", core.Errorf(core.Invalid, "there is no release %q; there are: %s", to, strings.Join(all, ", "))
	case to == from:
		return "", core.Errorf(core.Conflict, "%s is of release %s already", id, to)
	case configs.CompareReleases(to, from) < 0:
		return "", &core.Error{Code: core.Conflict, Message: id + " is of release " + from + "; an older one such as " + to + " cannot read what its services have migrated",
			Hint: "to go back, restore a snapshot from before the upgrade"}
	}
	return to, nil
}

// majorOf returns the major version of PostgreSQL that an image runs, 0 when its
// tag does not tell.
func majorOf(image string) int {
	n := 0
	for _, c := range supabase.Tag(image) {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

package configure

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

const (
	mostShown = 256 << 10 // bytes of a file that is edited as a text
	mostFiles = 60
	dots      = "•••"
)

// Files lists the files that a stack is made of and that EditFile takes, by
// their names in its folder: the .env, the compose files, and what they mount.
func Files(ctx context.Context, in core.Inspector, obs *core.Observation) []string {
	names := []string{".env"}
	if f, err := in.ReadFile(ctx, ".env"); err == nil && !isText(f.Data) {
		names = nil
	}
	add := func(path string) {
		name, err := filepath.Rel(obs.Instance.Dir, filepath.Clean(path))
		if err != nil || !filepath.IsLocal(name) || slices.Contains(names, name) || path == obs.Env.Path || len(names) >= mostFiles {
			return
		}
		if f, err := in.ReadFile(ctx, name); err == nil && len(f.Data) <= mostShown && isText(f.Data) {
			names = append(names, name)
		}
	}
	for _, path := range obs.Instance.Files {
		add(path)
	}
	own := len(names)
	for _, s := range obs.Compose.Services {
		for _, m := range s.Mounts {
			if m.Type == "bind" {
				add(m.Source)
			}
		}
	}
	slices.Sort(names[own:])
	return names
}

// Shown is the text of a file with each line that holds a secret masked, and
// told apart from others by a fingerprint of the line.
func Shown(ctx context.Context, in core.Inspector, obs *core.Observation, name string, key core.FingerprintKey) (string, error) {
	f, err := in.ReadFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", core.Errorf(core.NotFound, "there is no file %s in %s", name, obs.Instance.Dir)
	case err != nil:
		return "", err
	case len(f.Data) > mostShown:
		return "", core.Errorf(core.Invalid, "%s is larger than %d KiB; edit it with `basewright config`", name, mostShown>>10)
	case !isText(f.Data):
		return "", noText(name)
	}
	shown, _ := hide(unix(f.Data), core.NewMask(obs), key)
	return shown, nil
}

func noText(name string) error {
	return core.Errorf(core.Invalid, "%s is no text in UTF-8 with lines as usual; edit it on the host", name)
}

// Whole is the text that somebody made of what Shown gave them: masked lines
// that were left alone are what they were. The diff has secrets masked.
func Whole(ctx context.Context, in core.Inspector, obs *core.Observation, name, edited string, key core.FingerprintKey) (core.Secret, core.Diff, error) {
	f, err := in.ReadFile(ctx, name)
	if err == nil && !isText(f.Data) {
		err = noText(name)
	}
	if err != nil {
		return "", core.Diff{}, err
	}
	mask := core.NewMask(obs)
	before, lines := hide(unix(f.Data), mask, key)
	kept := map[string]bool{}
	for line := range strings.SplitSeq(before, "\n") {
		kept[line] = true
	}
	text := strings.ReplaceAll(edited, "\r\n", "\n")
	all := strings.Split(text, "\n")
	for i, line := range all {
		if was, hidden := lines[line]; hidden {
			all[i] = was
		} else if strings.Contains(line, dots) {
			return "", core.Diff{}, core.Errorf(core.Invalid, "line %d of %s holds a masked secret and was changed; leave the line as it was, or write the secret out", i+1, name)
		} else if k, v, set := strings.Cut(line, "="); set && !kept[line] && !core.IsVariable(unquoted(v)) {
			mask.Know(strings.TrimSpace(k), core.Secret(unquoted(v)))
		}
	}
	after, _ := hide(strings.Join(all, "\n"), mask, key)
	return core.Secret(ended(f.Data, all)), core.Diff{Target: name, Before: before, After: after}, nil
}

// hide masks the lines of a text that hold a secret, and returns what each that
// it masked was.
func hide(text string, mask *core.Mask, key core.FingerprintKey) (string, map[string]string) {
	all, was := strings.Split(text, "\n"), map[string]string{}
	for _, line := range all {
		learn(line, mask)
	}
	within := false
	for i, line := range all {
		var private bool
		if private, within = ofKey(line, within); private {
			mask.Add(core.Secret(line)) // it stays one where its head is taken away
		}
		masked := mask.Text(line)
		if private && strings.TrimSpace(line) != "" && !strings.Contains(masked, dots) {
			masked = dots
		}
		if masked == line {
			continue
		}
		if !strings.Contains(masked, dots) {
			masked = dots
		}
		all[i] = strings.ReplaceAll(masked, dots, dots+" ("+key.Of(core.Secret(line))+")")
		was[all[i]] = line
	}
	return strings.Join(all, "\n"), was
}

// ofKey reports whether a line is one of a private key's, and whether the next is
// another. within is what it said of the line before.
func ofKey(line string, within bool) (private, more bool) {
	begin, end := strings.LastIndex(line, "-----BEGIN "), strings.LastIndex(line, "-----END ")
	if begin >= 0 && strings.Contains(line[begin:], "PRIVATE KEY") {
		return end < begin || within, end < begin
	}
	return within, within && end < 0
}

// assigned is a variable that a line sets, or would set if it were no comment.
var assigned = regexp.MustCompile(`^\s*(?:#\s*)?(?:- )?["']?(?:export\s+)?([A-Z][A-Z0-9_]*)["']?\s*[=:](.*)$`)

// learn takes in what stands under a name that tells of a secret. Nobody sees the
// value of a line that is commented out, yet it may be the password of a year ago.
// Passwords in URLs are told by their looks: they may be variables.
func learn(line string, mask *core.Mask) {
	m := assigned.FindStringSubmatch(line)
	if m == nil || !core.TellsSecret(m[1]) {
		return
	}
	if v := unquoted(m[2]); !core.IsVariable(v) && !strings.Contains(v, "://") {
		mask.Know(m[1], core.Secret(v))
	}
}

func unquoted(v string) string { return strings.Trim(strings.TrimSpace(v), `"'`) }

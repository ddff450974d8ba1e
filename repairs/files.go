package repairs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// Groups of files that a playbook can ask for without knowing their names.
const (
	composeGroup = "@compose" // the compose files that the instance was made of
	mountedGroup = "@mounted" // text files that its services mount
	findingGroup = "@finding" // files that the finding's evidence names
	maxFiles     = 64
)

// stat is what a playbook may know of a file beside its text.
type stat struct {
	kind     string // file, folder or missing
	mode     fs.FileMode
	uid, gid int
	size     int
	crlf     bool // a line ends in CR LF
}

// holdsData matches what services keep below the instance folder.
var holdsData = regexp.MustCompile(`(^|/)(db/data|storage|backups?)(/|$)`)

// textEndings are those of mounts that are files in Supabase's stacks.
var textEndings = []string{".yml", ".yaml", ".sql", ".exs", ".ts", ".sh", ".json", ".conf", ".toml", ".lua", ".tmpl", ".template"}

// fileNames replaces the groups among wanted names with what belongs to them.
func fileNames(o *core.Observation, finding *core.Finding, wanted []string) []string {
	var names []string
	for _, w := range wanted {
		switch w {
		case composeGroup:
			for _, f := range o.Instance.Files {
				if name, ok := insideName(o.Instance, f); ok {
					names = append(names, name)
				}
			}
		case mountedGroup:
			names = append(names, mountedNames(o)...)
		case findingGroup:
			names = append(names, namedBy(finding)...)
		default:
			names = append(names, w)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxFiles)]
}

// insideName returns the name that a path has inside the instance folder.
func insideName(inst core.Instance, source string) (string, bool) {
	rel, err := filepath.Rel(inst.Dir, source)
	if err != nil || inst.Dir == "" || source == "" || rel == "." || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

func mountedNames(o *core.Observation) []string {
	var mounts []core.Mount
	for _, s := range o.Compose.Services {
		mounts = append(mounts, s.Mounts...)
	}
	for _, c := range o.Containers {
		mounts = append(mounts, c.Mounts...)
	}
	var names []string
	for _, m := range mounts {
		if name, ok := insideName(o.Instance, m.Source); ok && slices.Contains(textEndings, path.Ext(m.Target)) {
			names = append(names, name)
		}
	}
	return names
}

// namedBy lists the files that the evidence of a finding comes from: "file:NAME"
// or "file:NAME:LINE".
func namedBy(finding *core.Finding) []string {
	if finding == nil {
		return nil
	}
	var names []string
	for _, e := range finding.Evidence {
		name, ok := strings.CutPrefix(e.Source, "file:")
		if !ok {
			continue
		}
		if i := strings.LastIndexByte(name, ':'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
			name = name[:i]
		}
		if isInside(name) {
			names = append(names, name)
		}
	}
	return names
}

// read has a look at one file. Of .env a playbook learns how it is, not what it
// says; of what users keep, nothing.
func (w Wanted) read(ctx context.Context, in core.Inspector, name string) {
	if !isInside(name) {
		w.Gaps["files."+name] = "it is not a path inside the instance folder"
		return
	}
	if holdsData.MatchString(name) {
		w.Gaps["files."+name] = "it is data of users"
		return
	}
	f, err := in.ReadFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.Stats[name] = stat{kind: "missing"}
	case err != nil && core.CodeOf(err) == core.Invalid && strings.Contains(err.Error(), "not a plain file"):
		w.Stats[name] = stat{kind: "folder"}
	case err == nil:
		w.Stats[name] = stat{"file", f.Mode.Perm(), f.UID, f.GID, len(f.Data), bytes.Contains(f.Data, []byte("\r\n"))}
	}
	switch {
	case strings.HasPrefix(path.Base(name), ".env"):
		w.Gaps["files."+name] = "it holds secrets; its settings are in env"
	case err != nil:
		w.gap("files."+name, err)
	case len(f.Data) > maxFact:
		w.Gaps["files."+name] = fmt.Sprintf("it is longer than %d KiB", maxFact>>10)
	default:
		w.Files[name] = string(f.Data)
	}
}

func statFacts(stats map[string]stat) map[string]any {
	facts := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		s := stats[name]
		facts[name] = map[string]any{
			"kind": s.kind, "mode": fmt.Sprintf("%04o", s.mode), "uid": float64(s.uid), "gid": float64(s.gid),
			"size": float64(s.size), "crlf": s.crlf,
		}
	}
	return facts
}

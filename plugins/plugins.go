// Package plugins makes checks of programs: what speaks the protocol of Nagios'
// plugins, in any language, and lies in the folder of plugins, looks at every
// instance like a check of our own.
//
// A program gets what is known of the containers as JSON on its standard input,
// BASEWRIGHT_INSTANCE and BASEWRIGHT_PROJECT in its environment, and no secret. Its
// exit code says how things are: 0 fine, 1 warning, 2 critical, 3 it cannot tell.
// The first line that it prints says it to people; what stands behind a | there is
// performance data. In place of text it may print one JSON object: see answer.
package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/plugins/jail"
)

// timeout is how long a plugin may take, unless the run says otherwise.
const timeout = 10 * time.Second

// shape is that of a plugin's name, which its file has with or without an ending.
var shape = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Checkers returns a checker for each program in the folder. A folder that is not
// there, or is somebody else's state, has none. A file that cannot be used is a
// checker, too, which says why.
func Checkers(dir string) []core.Checker {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return []core.Checker{unusable("plugins", fmt.Errorf("the folder of plugins cannot be read: %w", err))}
	}
	var list []core.Checker
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !shape.MatchString(name) {
			continue
		}
		if same := slices.IndexFunc(list, func(c core.Checker) bool { return c.ID == id(name) }); same >= 0 {
			list[same] = unusable(name, core.Errorf(core.Conflict, "two files in %s are the plugin %s; remove one", dir, name))
			continue
		}
		list = append(list, checker(name, filepath.Join(dir, e.Name())))
	}
	return list
}

func id(name string) string { return "plugin." + name }

// Code is that of what the plugin finds.
func Code(name string) string { return "EXT-" + strings.ToUpper(name) }

func checker(name, path string) core.Checker {
	return core.Checker{
		ID: id(name), Title: "The plugin " + name + " finds nothing wrong", Category: core.ServiceHealth, Timeout: timeout,
		Finds: []core.Explanation{{
			Code: Code(name), Title: "The plugin " + name + " found something wrong", Severity: core.Warning, Level: core.Consequence,
			What:    "The program " + path + ", which somebody installed as a check, says that something is wrong.",
			Breaks:  "What it watches; only who wrote it can say more.",
			Do:      "Read what it printed, under the evidence.",
			Data:    "Basewright cannot tell whether data is at risk.",
			Sources: path,
		}},
		Check: func(ctx context.Context, t core.Target) ([]core.Finding, error) { return check(ctx, t, name, path) },
	}
}

// unusable is the checker of a plugin that is there and cannot be run.
func unusable(name string, why error) core.Checker {
	c := checker(name, "")
	c.Check = func(context.Context, core.Target) ([]core.Finding, error) { return nil, why }
	return c
}

func check(ctx context.Context, t core.Target, name, path string) ([]core.Finding, error) {
	if err := trusted(path); err != nil {
		return nil, err
	}
	facts, err := json.Marshal(factsOf(t.Observation))
	if err != nil {
		return nil, err
	}
	env := []string{"BASEWRIGHT_INSTANCE=" + t.Instance.ID, "BASEWRIGHT_PROJECT=" + t.Instance.Project}
	code, out, errs, err := jail.Run(ctx, path, env, facts)
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "the plugin %s: %v", name, err)
	}
	a, err := read(code, out, errs)
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "the plugin %s %v", name, err)
	}
	return a.findings(name), nil
}

// trusted refuses a program that somebody else may write: what it says would be
// theirs, and an agent of root would run it.
func trusted(path string) error {
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if owner := ownerOf(info); owner != 0 && owner != os.Geteuid() {
			return core.Errorf(core.Forbidden, "the plugin %s is not run: %s belongs to user %d; `chown` it to root or to the agent's user", filepath.Base(path), p, owner)
		}
		if info.Mode().Perm()&0o022 != 0 {
			return core.Errorf(core.Forbidden, "the plugin %s is not run: %s can be written by others than its owner; `chmod go-w %s`", filepath.Base(path), p, p)
		}
		if p == path && (!info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0) {
			return core.Errorf(core.Invalid, "the plugin %s is no program that can be run; `chmod a+rx %s`", filepath.Base(path), p)
		}
	}
	return nil
}

// ownerOf is 0 where the system does not tell.
func ownerOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return 0
}

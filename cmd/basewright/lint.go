package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/supabase"
)

func lintCommand(g *global) *cobra.Command {
	f := doctorFlags{mode: string(core.Full)}
	var files []string
	var env string
	cmd := &cobra.Command{
		Use:   "lint DIR",
		Short: "Check a stack's files alone, without Docker",
		Long: `Reads the compose files, the .env and what they mount, and says what is wrong with
them before anything runs. DIR is the folder of a stack or its compose file; the
compose files are those of --file, else of COMPOSE_FILE in the .env, else the ones
that Compose looks for by itself. A pair docker-compose-ID.yml and .env-ID, as older
generators wrote it, is found too; each of several in one folder is a stack, and
what one of them takes from another is found. Without a .env, Portainer's stack.env counts.

Exit code: 0 nothing at or above --fail-on was found, 1 something was, 2 could not look.`,
		Example: "  basewright lint .\n  basewright lint /srv/shop -f docker-compose.yml -f docker-compose.s3.yml\n  basewright lint /srv/old/docker-compose-shop.yml --output json",
		Args:    exactly(1, "the folder of a stack, or its compose file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(nil); err != nil {
				return nagiosUnknown(g, f, err)
			}
			return lint(cmd.Context(), g, f, args[0], files, env)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "compose file, relative to DIR; may be given several times")
	cmd.Flags().StringVar(&env, "env-file", "", "file with the variables, relative to DIR (default .env)")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text, json, nagios or html")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "warning", "least severity that counts: info, warning or critical")
	return cmd
}

func lint(ctx context.Context, g *global, f doctorFlags, dir string, files []string, env string) error {
	diagnoses, err := g.lintAll(ctx, dir, files, env)
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	return show(g, f, diagnoses)
}

// lintAll runs the checks of files on every stack of a folder, each with the
// others beside it.
func (g *global) lintAll(ctx context.Context, dir string, files []string, env string) ([]*core.Diagnosis, error) {
	stacks, err := findFolders(dir, files, env)
	if err != nil {
		return nil, err
	}
	only := slices.DeleteFunc(checks.All(), func(c core.Checker) bool { return !c.Files })
	var seen []*core.Observation
	for _, s := range stacks {
		obs, err := s.Observe(ctx)
		if err != nil {
			return nil, err
		}
		seen = append(seen, obs)
	}
	var diagnoses []*core.Diagnosis
	for i, s := range stacks {
		for j, other := range seen {
			if j != i {
				seen[i].Peers = append(seen[i].Peers, peerOf(other))
			}
		}
		t := core.Target{Observation: seen[i], Inspector: s, Key: g.fingerprintKey()}
		diagnoses = append(diagnoses, diagnose.Run(ctx, t, only, diagnose.Options{Trigger: core.ByCLI}))
	}
	return diagnoses, nil
}

// findFolders finds out what path means: the folder of a stack, its compose
// file, half of a pair docker-compose-ID.yml and .env-ID, or a folder with
// several such pairs, each of which is a stack.
func findFolders(path string, files []string, env string) ([]*folder, error) {
	dir := absolute(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, core.Errorf(core.NotFound, "there is no folder %s", path)
	case err != nil:
		return nil, core.Errorf(core.Unreachable, "%s cannot be looked at: %v", path, reasonOf(err))
	case !info.IsDir() && len(files) > 0:
		return nil, core.Errorf(core.Invalid, "%s is a file; with --file name the folder instead", path)
	case !info.IsDir():
		files, dir = []string{filepath.Base(dir)}, filepath.Dir(dir)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, core.Errorf(core.Unreachable, "the folder %s cannot be read: %v", path, reasonOf(err))
	}
	stacks := []*folder{{dir: dir}}
	for _, f := range files {
		stacks[0].files = append(stacks[0].files, stacks[0].at(f))
	}
	if len(files) == 0 && env == "" {
		stacks = pairs(dir)
	}
	for _, s := range stacks {
		s.env = s.at(cmp.Or(env, supabase.PairedEnv(s.dir, s.files), s.portainers(), ".env"))
	}
	return stacks, nil
}

// pairs looks for each docker-compose-ID.yml with its .env-ID in a folder where
// Compose itself finds nothing. Without any, the folder is one stack.
func pairs(dir string) []*folder {
	one := &folder{dir: dir}
	if slices.ContainsFunc(composeNames, func(name string) bool { return exists(one.at(name)) }) {
		return []*folder{one}
	}
	entries, _ := os.ReadDir(dir)
	var found []*folder
	for _, e := range entries {
		if file := []string{one.at(e.Name())}; supabase.PairedEnv(dir, file) != "" {
			found = append(found, &folder{dir: dir, files: file})
		}
	}
	if len(found) == 0 {
		return []*folder{one}
	}
	return found
}

// portainers is the file in which Portainer keeps a stack's variables, where
// there is no .env.
func (s *folder) portainers() string {
	const name = "stack.env"
	if exists(s.at(".env")) || !exists(s.at(name)) {
		return ""
	}
	return name
}

// at returns the absolute path of a file of the folder.
func (s *folder) at(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.dir, name)
}

// composeNames are the names that Compose looks for, best first.
var composeNames = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// composeFiles returns the files of COMPOSE_FILE, or those that Compose finds by
// their names.
func (s *folder) composeFiles(env core.EnvFile) ([]string, error) {
	var files []string
	if list, ok := env.Lookup("COMPOSE_FILE"); ok && list != "" {
		separator, _ := env.Lookup("COMPOSE_PATH_SEPARATOR")
		for name := range strings.SplitSeq(list.Reveal(), cmp.Or(separator.Reveal(), ":")) {
			files = append(files, s.at(strings.TrimSpace(name)))
		}
		return files, s.inside(files)
	}
	for _, name := range composeNames {
		if !exists(s.at(name)) {
			continue
		}
		files = append(files, s.at(name))
		ext := filepath.Ext(name)
		if override := s.at(strings.TrimSuffix(name, ext) + ".override" + ext); exists(override) {
			files = append(files, override)
		}
		return files, s.inside(files)
	}
	return nil, core.Errorf(core.NotFound, "there is no compose file in %s; name it with --file", s.dir)
}

// inside refuses compose files that somebody else than the caller chose, and
// that lead out of the folder.
func (s *folder) inside(files []string) error {
	root, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return core.Errorf(core.Unreachable, "the folder %s cannot be looked at: %v", s.dir, reasonOf(err))
	}
	for _, path := range files {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			real = filepath.Clean(path)
		}
		if rel, err := filepath.Rel(root, real); exists(path) && (err != nil || !filepath.IsLocal(rel)) {
			return core.Errorf(core.Unreachable, "the compose file %s is outside the stack's folder and is not read; name it with --file if it is meant", path)
		}
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)`)

// project returns the name that Compose gives the stack: COMPOSE_PROJECT_NAME,
// the last name in the files, or the folder's. A template whose name has yet to
// be filled in is called as its folder.
func (s *folder) project(env core.EnvFile) string {
	named, _ := env.Lookup("COMPOSE_PROJECT_NAME")
	for _, path := range slices.Backward(s.files) {
		data, err := os.ReadFile(path)
		var doc struct{ Name string }
		if named != "" || err != nil || yaml.Unmarshal(data, &doc) != nil {
			continue
		}
		named = core.Secret(variable.ReplaceAllStringFunc(doc.Name, func(v string) string {
			m := variable.FindStringSubmatch(v)
			value, _ := env.Lookup(cmp.Or(m[1], m[3]))
			return cmp.Or(value.Reveal(), m[2])
		}))
	}
	return cmp.Or(projectName(named.Reveal()), projectName(filepath.Base(s.dir)), "stack")
}

var notProject = regexp.MustCompile(`[^a-z0-9_-]`)

// projectName makes a name one that Compose takes, as Compose itself does.
func projectName(name string) string {
	return strings.TrimLeft(notProject.ReplaceAllString(strings.ToLower(name), ""), "_-")
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// stack is one Supabase instance of the lab: a folder with its compose project.
type stack struct {
	name string
	dir  string
}

// stack names the stack and its folder, which may not exist yet.
func (l *lab) stack(name string) (stack, error) {
	if !core.ValidID(name) {
		return stack{}, core.Errorf(core.Invalid, "%q cannot name a stack: small letters, digits and dashes, 3 to 40 of them", name)
	}
	return stack{name: name, dir: filepath.Join(l.dir, "stacks", name)}, nil
}

// known is stack for one that was brought up before.
func (l *lab) known(name string) (stack, error) {
	s, err := l.stack(name)
	if err != nil {
		return s, err
	}
	if _, err := os.Stat(s.path(".env")); err != nil {
		return s, &core.Error{Code: core.NotFound, Message: "there is no stack " + name + " in " + filepath.Dir(s.dir), Hint: "lab up " + name + " makes it"}
	}
	return s, nil
}

func (s stack) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// files are the compose files that the stack is made from.
func (s stack) files() []string {
	files := []string{s.path(composeFile)}
	if env, err := s.env(); err == nil && env["LAB_OVERLAY"] != "" {
		files = append(files, s.path("docker-compose."+env["LAB_OVERLAY"]+".yml"))
	}
	return files
}

// env reads the stack's .env as compose does.
func (s stack) env() (map[string]string, error) {
	data, err := os.ReadFile(s.path(".env"))
	if err != nil {
		return nil, err
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path(".env"), err)
	}
	out := map[string]string{}
	for _, v := range vars {
		out[v.Key] = v.Value.Reveal()
	}
	return out, nil
}

// setEnv changes variables of the stack's .env; an empty set of lines is kept.
func (s stack) setEnv(values map[string]string) error {
	data, err := os.ReadFile(s.path(".env"))
	if err != nil {
		return err
	}
	for key, value := range values {
		if data, err = supabase.SetEnv(data, key, value); err != nil {
			return err
		}
	}
	return replaceFile(s.path(".env"), data, 0o600)
}

// replaceFile writes a file so that it is either the old or the new one.
func replaceFile(name string, data []byte, mode fs.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return errors.Join(os.Chmod(tmp, mode), os.Rename(tmp, name))
}

// settings is what the template of .env is filled with.
type settings struct {
	Name, Prefix, Subnet string
	Overlay              string
	Ports                ports
	Secrets              supabase.Secrets
}

// render writes the stack's folder. Secrets, ports and the network are chosen
// once; what a person changed in .env stays.
func (l *lab) render(ctx context.Context, s stack, overrides map[string]string) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(s.path(".env")); errors.Is(err, fs.ErrNotExist) {
		if err := l.renderEnv(ctx, s); err != nil {
			return fmt.Errorf("write .env of %s: %w", s.name, err)
		}
	}
	values := map[string]string{"IMAGE_PREFIX": l.prefix}
	for name, image := range overrides {
		values[name] = image
	}
	if err := s.setEnv(values); err != nil {
		return err
	}
	for _, d := range []string{"volumes/db/data", "volumes/storage", "volumes/snippets"} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			return err
		}
	}
	return s.renderFiles()
}

func (l *lab) renderEnv(ctx context.Context, s stack) error {
	set := settings{Name: s.name, Prefix: l.prefix, Overlay: l.overlay}
	var err error
	if set.Secrets, err = supabase.NewSecrets(time.Now()); err != nil {
		return err
	}
	if set.Ports, err = freePorts(l.takenPorts(), l.corner()); err != nil {
		return err
	}
	if set.Subnet, err = l.freeSubnet(ctx); err != nil {
		return err
	}
	data, err := renderEnv(set)
	if err != nil {
		return err
	}
	return replaceFile(s.path(".env"), data, 0o600)
}

func renderEnv(set settings) ([]byte, error) {
	text, err := configs.Lab.ReadFile("lab/stack/env.tmpl")
	if err != nil {
		return nil, err
	}
	secret := func(key string) (string, error) { v, err := set.Secrets.Of(key); return v.Reveal(), err }
	t, err := template.New(".env").Option("missingkey=error").Funcs(template.FuncMap{"secret": secret}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, set)
	return out.Bytes(), err
}

// renderFiles writes the lab's compose files and what they mount, which is of the
// newest release but for the lab's own.
func (s stack) renderFiles() error {
	files, err := stackFiles()
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
			return err
		}
		if err := replaceFile(s.path(name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func stackFiles() (map[string][]byte, error) {
	releases := configs.Releases()
	release, err := configs.Release(releases[len(releases)-1])
	if err != nil {
		return nil, err
	}
	files, err := textsIn(release, "volumes")
	if err != nil {
		return nil, err
	}
	own, err := embedded("stack")
	maps.Copy(files, own)
	delete(files, "env.tmpl")
	return files, err
}

// textsIn reads every file of a folder, by its path in fsys.
func textsIn(fsys fs.FS, root string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(fsys, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[path], err = fs.ReadFile(fsys, path)
		return err
	})
	return out, err
}

// names lists the stacks that have a folder.
func (l *lab) names() []string {
	entries, _ := os.ReadDir(filepath.Join(l.dir, "stacks"))
	var out []string
	for _, e := range entries {
		if e.IsDir() && core.ValidID(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

// freeSubnet finds a /24 of the lab's range that no network of the engine and
// no other stack has. Docker's own pools run out after about 30 networks.
func (l *lab) freeSubnet(ctx context.Context) (string, error) {
	api, err := l.api(ctx)
	if err != nil {
		return "", err
	}
	list, err := api.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return "", err
	}
	var taken []netip.Prefix
	for _, n := range list {
		for _, c := range n.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				taken = append(taken, p)
			}
		}
	}
	for _, name := range l.names() {
		env, err := stack{name: name, dir: filepath.Join(l.dir, "stacks", name)}.env()
		if p, e := netip.ParsePrefix(env["LAB_SUBNET"]); err == nil && e == nil {
			taken = append(taken, p)
		}
	}
	return pickSubnet(taken, l.corner())
}

func pickSubnet(taken []netip.Prefix, corner int) (string, error) {
	for i := range 255 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte((corner*255/100 + i) % 255), 0}), 24)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			return p.String(), nil
		}
	}
	return "", core.Errorf(core.Conflict, "every network from 10.213.0.0/24 to 10.213.254.0/24 is taken: remove stacks with lab down --all")
}

// overrides are the images that the environment puts in the place of the lab's
// own: LAB_IMAGE_GOTRUE=supabase/gotrue:v2.196.0.
func overrides(environ []string) (map[string]string, error) {
	var known []string
	for _, r := range recipes() {
		known = append(known, imageVariable(r.name))
	}
	out := map[string]string{}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(key, "LAB_IMAGE_") {
			continue
		}
		if !slices.Contains(known, key) {
			return nil, core.Errorf(core.Invalid, "%s names no image of the lab; known are %s", key, strings.Join(known, ", "))
		}
		out[key] = value
	}
	return out, nil
}

func imageVariable(name string) string {
	return "LAB_IMAGE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func dotEnv(_ core.Action, env string) string { return env }
func pathOf(a core.Action, _ string) string   { return a.Text("path") }

func checkKey(a core.Action) error {
	if !validKey.MatchString(a.Text("key")) {
		return core.Errorf(core.Invalid, "%q cannot be the name of a variable", a.Text("key"))
	}
	return nil
}

func checkSetEnv(a core.Action) error {
	if _, isText := a.Args["value"].(string); !isText && a.SecretHandle("value") == "" {
		return core.Errorf(core.Invalid, "value is missing")
	}
	if strings.ContainsRune(a.Text("value"), 0) {
		return core.Errorf(core.Invalid, "value holds a NUL byte")
	}
	return checkKey(a)
}

// setEnv gives a variable in the .env a value, plain or a secret.
func setEnv(ctx context.Context, t *transaction, a core.Action) error {
	v, err := t.secret(ctx, a, "value")
	if err != nil {
		return err
	}
	return t.putEnv(ctx, a.Text("key"), v)
}

func (t *transaction) putEnv(ctx context.Context, key string, v core.Secret) error {
	return t.editEnv(ctx, func(data []byte) ([]byte, error) { return supabase.SetEnv(data, key, v.Reveal()) })
}

// unsetEnv takes a variable out of the .env.
func unsetEnv(ctx context.Context, t *transaction, a core.Action) error {
	return t.editEnv(ctx, func(data []byte) ([]byte, error) { return supabase.UnsetEnv(data, a.Text("key")), nil })
}

// editEnv writes the .env anew when edit changes it; mode and owner stay.
func (t *transaction) editEnv(ctx context.Context, edit func([]byte) ([]byte, error)) error {
	f, err := t.readOrNew(ctx, t.env, 0o600)
	if err != nil {
		return err
	}
	data, err := edit(bytes.Clone(f.Data))
	if err != nil {
		return fmt.Errorf("edit %s: %w", t.env, err)
	}
	if bytes.Equal(data, f.Data) {
		return nil
	}
	f.Data = data
	return t.e.WriteFile(ctx, f)
}

// readOrNew reads a file; one that is missing gets mode, and the owner of the
// files beside it.
func (t *transaction) readOrNew(ctx context.Context, name string, mode fs.FileMode) (core.File, error) {
	f, err := t.e.ReadFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = core.File{Name: name, Mode: mode}
		f.UID, f.GID = t.owner(ctx)
	case err != nil:
		return f, fmt.Errorf("read %s: %w", name, err)
	}
	f.Name, f.Absent = name, false
	return f, nil
}

// owner returns who owns the instance's files.
func (t *transaction) owner(ctx context.Context) (uid, gid int) {
	names := []string{t.env}
	for _, f := range t.inst.Files {
		if rel, err := filepath.Rel(t.inst.Dir, f); err == nil && filepath.IsLocal(rel) {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	for _, name := range names {
		if f, err := t.e.ReadFile(ctx, name); err == nil {
			return f.UID, f.GID
		}
	}
	return 0, 0
}

func checkWriteFile(a core.Action) error {
	_, content := a.Args["content"].(string)
	content = content || a.SecretHandle("content") != ""
	edits, err := editsOf(a)
	switch {
	case err != nil:
		return err
	case !content && a.Text("lines") != "lf" && len(edits) == 0:
		return core.Errorf(core.Invalid, "content is missing")
	}
	if _, err := modeOf(a, 0o644); err != nil {
		return err
	}
	return checkPath(a.Text("path"))
}

// writeFile writes a text file of the instance folder, edits lines of it, or
// makes them end in LF. Its mode and owner stay unless a mode is given.
func writeFile(ctx context.Context, t *transaction, a core.Action) error {
	f, err := t.readOrNew(ctx, a.Text("path"), 0o644)
	if err != nil {
		return err
	}
	if a.SecretHandle("content") != "" {
		text, err := t.secret(ctx, a, "content")
		if err != nil {
			return err
		}
		f.Data = []byte(text.Reveal())
	} else if f.Data, err = written(a, f.Data); err != nil {
		return fmt.Errorf("edit %s: %w", a.Text("path"), err)
	}
	if f.Mode, err = modeOf(a, f.Mode); err != nil {
		return err
	}
	return t.e.WriteFile(ctx, f)
}

func checkChmod(a core.Action) error {
	if a.Text("mode") == "" {
		return core.Errorf(core.Invalid, "mode is missing")
	}
	if _, err := modeOf(a, 0); err != nil {
		return err
	}
	return checkPath(a.Text("path"))
}

// chmod gives a file another mode.
func chmod(ctx context.Context, t *transaction, a core.Action) error {
	f, err := t.e.ReadFile(ctx, a.Text("path"))
	if err != nil {
		return fmt.Errorf("read %s: %w", a.Text("path"), err)
	}
	if f.Mode, err = modeOf(a, 0); err != nil {
		return err
	}
	f.Name = a.Text("path")
	return t.e.WriteFile(ctx, f)
}

func modeOf(a core.Action, otherwise fs.FileMode) (fs.FileMode, error) {
	s := a.Text("mode")
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return 0, core.Errorf(core.Invalid, "%q is not a file mode such as 0600", s)
	}
	return fs.FileMode(n), nil
}

// number returns a whole number from an argument, which is a float64 in a plan
// that was stored.
func number(a core.Action, name string, otherwise int) int {
	switch n := a.Args[name].(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return otherwise
}

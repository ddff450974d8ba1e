package create

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
	"github.com/basewright/basewright/core/supabase"
)

// dataFolders are made empty: the services fill them.
var dataFolders = []string{"volumes/db/data", "volumes/storage", "volumes/snippets"}

// settings is what a release's env.tmpl is filled with.
type settings struct {
	Order
	Title  string
	Subnet string
	Images []image
	// Overlaid is the value of COMPOSE_FILE, if there is one.
	Overlaid string
}

// url is where browsers reach the stack.
func (o Order) url() string {
	return strings.TrimRight(cmp.Or(o.URL, fmt.Sprintf("http://127.0.0.1:%d", o.Ports.Gateway)), "/")
}

// renderEnv returns the .env of a new stack: it holds every variable that the
// compose file uses.
func renderEnv(o Order, subnet string, now time.Time) ([]byte, error) {
	secrets, err := supabase.NewSecrets(now)
	if err != nil {
		return nil, err
	}
	return fillEnv(o, subnet, secrets.Of)
}

// fillEnv fills a release's env.tmpl in, with the secrets that secret returns.
func fillEnv(o Order, subnet string, secret func(key string) (core.Secret, error)) ([]byte, error) {
	release, err := configs.Release(o.Release)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", o.Release, err)
	}
	s := settings{Order: o, Title: o.Name, Subnet: subnet, Overlaid: o.overlaid()}
	s.URL = o.url()
	s.SiteURL = cmp.Or(o.SiteURL, s.URL)
	if s.Images, err = overridden(o); err != nil {
		return nil, err
	}
	reveal := func(key string) (string, error) { v, err := secret(key); return v.Reveal(), err }
	t, err := template.New("env.tmpl").Option("missingkey=error").
		Funcs(template.FuncMap{"secret": reveal, "quote": quote}).ParseFS(release, "env.tmpl")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, s); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// quote writes a value so that Compose reads it back unchanged.
func quote(value any) (string, error) {
	text := fmt.Sprint(value)
	if secret, ok := value.(core.Secret); ok {
		text = secret.Reveal()
	}
	line, err := supabase.SetEnv(nil, "K", text)
	return strings.TrimPrefix(strings.TrimRight(string(line), "\n"), "K="), err
}

// render writes a whole stack into dir, which is new, and makes sure that it is
// on the disk and that Compose can read it.
func render(ctx context.Context, dir string, o Order, subnet string, now time.Time) error {
	env, err := renderEnv(o, subnet, now)
	if err != nil {
		return err
	}
	release, err := configs.Release(o.Release)
	if err != nil {
		return err
	}
	err = fs.WalkDir(release, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "env.tmpl" || !o.wants(name) {
			return err
		}
		data, err := fs.ReadFile(release, name)
		if err != nil {
			return err
		}
		return write(filepath.Join(dir, filepath.FromSlash(name)), data, 0o644)
	})
	if err != nil {
		return err
	}
	for _, d := range dataFolders {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, ".env"), env, 0o600); err != nil {
		return err
	}
	return readable(ctx, dir, o)
}

// readable returns why Compose could not use the folder.
func readable(ctx context.Context, dir string, o Order) error {
	c := supabase.Render(ctx, supabase.Source{Dir: dir, Compose: in(dir, o.composeFiles()), Project: o.ID})
	if c.Err != nil {
		return c.Err
	}
	if len(c.Unset) > 0 {
		return core.Errorf(core.Internal, "the release uses variables that nothing sets: %s", strings.Join(c.Unset, ", "))
	}
	return nil
}

// write makes a file, and the folders above it, that lasts.
func write(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteNew(path, data, mode)
}

// BindAddress is Bind as Compose wants it in a port mapping.
func (s settings) BindAddress() string {
	if strings.Contains(s.Bind, ":") {
		return "[" + s.Bind + "]"
	}
	return s.Bind
}

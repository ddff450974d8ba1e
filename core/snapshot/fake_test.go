package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

const plantedSecret = "pl4nted-secret-do-not-show"

func verifier(n int) string {
	return fmt.Sprintf("SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$c3RvcmVk%d:c2VydmVy", n)
}

// fake is an instance in memory.
type fake struct {
	core.Shelf
	files  map[string]core.File
	roles  map[string]*string
	boxes  []core.Container
	calls  []string // what changed something
	fail   map[string]error
	psql   string // what psql was told
	pgDown int    // how often psql fails before it answers
}

var shop = core.Instance{ID: "shop", Project: "shop", Dir: "/nowhere/shop", Files: []string{"/nowhere/shop/docker-compose.yml", "/etc/other.yml"}}

func newFake() *fake {
	f := &fake{files: map[string]core.File{}, roles: map[string]*string{}, fail: map[string]error{}}
	for name, text := range map[string]string{
		".env": "POSTGRES_PASSWORD=" + plantedSecret + "\n", "docker-compose.yml": "services: {}\n", "volumes/api/kong.yml": "routes: []\n",
	} {
		f.files[name] = core.File{Name: name, Data: []byte(text), Mode: 0o640, UID: 1000, GID: 1001}
	}
	for i, name := range []string{"postgres", "supabase_admin", `we"ird`} {
		v := verifier(i)
		f.roles[name] = &v
	}
	f.roles["anon"] = nil
	f.boxes = []core.Container{
		{ID: "1", Name: "shop-db", Service: core.DB, ComposeService: "db", ImageID: "sha256:db", State: "running", Env: map[string]core.Secret{"P": plantedSecret}},
		{ID: "2", Name: "shop-kong", Service: core.Gateway, ComposeService: "kong", ImageID: "sha256:kong", State: "running", Mounts: []core.Mount{
			{Type: "bind", Source: "/nowhere/shop/volumes/api/kong.yml", Target: "/home/kong/kong.yml"},
			{Type: "bind", Source: "/nowhere/shop/volumes/new.yml", Target: "/new.yml"},
			{Type: "bind", Source: "/nowhere/shop/volumes/db/data", Target: "/x"},
			{Type: "bind", Source: "/nowhere/shop/volumes/files", Target: "/var/lib/storage"},
			{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"},
		}},
	}
	return f
}

func (f *fake) Observe(context.Context) (*core.Observation, error) {
	obs := &core.Observation{Instance: shop, Containers: slices.Clone(f.boxes)}
	obs.Env.Path = "/nowhere/shop/.env"
	return obs, f.fail["observe"]
}

func (f *fake) ReadFile(_ context.Context, name string) (core.File, error) {
	if err := f.fail["read "+name]; err != nil {
		return core.File{}, err
	}
	file, ok := f.files[name]
	if !ok {
		return core.File{}, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return file, nil
}

func (f *fake) WriteFile(_ context.Context, file core.File) error {
	f.calls = append(f.calls, "write "+file.Name)
	if file.Absent {
		delete(f.files, file.Name)
	} else {
		f.files[file.Name] = file
	}
	return f.fail["write "+file.Name]
}

var alteration = regexp.MustCompile(`(?m)^ALTER ROLE "((?:[^"]|"")+)" WITH (?:NO)?LOGIN PASSWORD (?:NULL|'([^']+)');$`)

func (f *fake) Exec(_ context.Context, s core.Service, c core.Command) (string, error) {
	if strings.Contains(strings.Join(append(c.Args, c.Env...), " "), "SCRAM") {
		return "", errors.New("a verifier is on the command line")
	}
	if f.pgDown > 0 {
		f.pgDown--
		return "", errors.New("psql: the database system is starting up")
	}
	if err := f.fail["psql"]; err != nil {
		return "", err
	}
	f.psql = string(c.Stdin)
	switch {
	case strings.Contains(f.psql, "from pg_database"):
		return f.listDatabases(), nil
	case strings.HasPrefix(f.psql, "show server_version_num"):
		return "150008\n", nil
	case strings.HasPrefix(f.psql, "select"):
		return f.listRoles()
	}
	f.calls = append(f.calls, "psql")
	for _, m := range alteration.FindAllStringSubmatch(f.psql, -1) {
		name := strings.ReplaceAll(m[1], `""`, `"`)
		if f.roles[name] = nil; m[2] != "" {
			f.roles[name] = &m[2]
		}
	}
	return "", nil
}

func (f *fake) listRoles() (string, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f.roles)) {
		line, err := json.Marshal(Role{name, f.roles[name], f.roles[name] != nil})
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return b.String(), nil
}

func (f *fake) Capture(context.Context) ([]byte, error) {
	b, err := json.Marshal(f.boxes)
	return b, errors.Join(err, f.fail["capture"])
}

func (f *fake) Alone(context.Context) error { return f.fail["alone"] }

func (f *fake) Down(context.Context) error {
	f.calls, f.boxes = append(f.calls, "down"), nil
	return nil
}

func (f *fake) Recover(_ context.Context, b []byte, _ ...string) error {
	f.calls = append(f.calls, "recover")
	if err := f.fail["recover"]; err != nil {
		return err
	}
	// A Secret does not marshal, so the fake keeps the environments it had.
	old := f.boxes
	f.boxes = nil
	if err := json.Unmarshal(b, &f.boxes); err != nil {
		return err
	}
	for i := range f.boxes {
		for _, o := range old {
			if o.Name == f.boxes[i].Name {
				f.boxes[i].Env = o.Env
			}
		}
	}
	return nil
}

func (f *fake) TakenPorts(context.Context) ([]int, error) { return nil, errors.ErrUnsupported }
func (f *fake) Connect(context.Context, core.Service, string, string) error {
	return errors.ErrUnsupported
}
func (f *fake) Rename(context.Context, core.Service, string) error { return errors.ErrUnsupported }
func (f *fake) Dial(context.Context, core.Address) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
func (f *fake) Login(context.Context, core.Login) error { return errors.ErrUnsupported }
func (f *fake) Query(context.Context, string, string) ([][]string, error) {
	return nil, errors.ErrUnsupported
}
func (f *fake) Up(context.Context, core.UpRequest) error    { return errors.ErrUnsupported }
func (f *fake) Start(context.Context, core.Service) error   { return errors.ErrUnsupported }
func (f *fake) Stop(context.Context, core.Service) error    { return errors.ErrUnsupported }
func (f *fake) Restart(context.Context, core.Service) error { return errors.ErrUnsupported }

func newFolder(t testing.TB) *Folder {
	return &Folder{Dir: filepath.Join(t.TempDir(), "snapshots"), Patience: time.Second}
}

func taken(t testing.TB, f *Folder, e *fake, also ...string) core.Snapshot {
	t.Helper()
	obs, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Take(t.Context(), e, shop, obs, "manual", also...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

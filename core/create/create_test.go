package create

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// host is an engine that has what survey says and every image but missing.
type host struct {
	survey  core.Survey
	missing string
}

func (h host) Survey(context.Context) (core.Survey, error) { return h.survey, nil }

func (h host) Obtainable(_ context.Context, image string) error {
	if h.missing != "" && strings.Contains(image, h.missing) {
		return errors.New("it is not there")
	}
	return nil
}

// books keep reservations in memory.
type books struct {
	mu   sync.Mutex
	kept []core.Reservation
}

func (b *books) Reserve(_ context.Context, instance string, choose func([]core.Reservation) ([]core.Reservation, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	chosen, err := choose(slices.Clone(b.kept))
	for _, r := range chosen {
		r.Instance = instance
		b.kept = append(b.kept, r)
	}
	return err
}

func (b *books) Release(_ context.Context, instance string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = slices.DeleteFunc(b.kept, func(r core.Reservation) bool { return r.Instance == instance })
	return nil
}

func place(t *testing.T, h host) *Place {
	return &Place{Host: h, Kept: &books{}, Root: filepath.Join(t.TempDir(), "instances"),
		Known: func(context.Context) ([]core.Instance, error) {
			return []core.Instance{{ID: "old", Project: "legacy"}}, nil
		}}
}

func TestPreflightListsAllThatIsTaken(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	full := core.Survey{
		Local: true, Ports: map[int]string{9001: "other-kong"}, Projects: map[string]string{"left": "a volume left_db-config"},
		Containers: map[string]string{"byhand-db": ""}, Disk: core.Disk{Path: "/var/lib/docker", Total: 1 << 40, Free: 1 << 20}, MemoryAvailable: 1 << 20,
	}
	for name, tt := range map[string]struct {
		survey core.Survey
		order  Order
		want   []string
	}{
		"an instance of that id":              {core.Survey{}, Order{Name: "Old"}, []string{"name: already an instance old"}},
		"an instance of that project":         {core.Survey{}, Order{Name: "Legacy"}, []string{"name: already an instance old"}},
		"a volume that a project left":        {full, Order{Name: "Left"}, []string{"name: a volume left_db-config", "disk: make room", "memory: add memory"}},
		"a container that somebody made":      {full, Order{Name: "Byhand"}, []string{"name: a container byhand-db", "disk: ", "memory: "}},
		"a port of a container":               {core.Survey{Ports: map[int]string{9001: "other-kong"}}, Order{Name: "Shop", Ports: Ports{Gateway: 9001}}, []string{"gateway port: container other-kong"}},
		"a port that a process listens on":    {core.Survey{Local: true}, Order{Name: "Shop", Ports: Ports{Session: port}}, []string{"session port: a process of this host"}},
		"an image that cannot be had":         {core.Survey{}, Order{Name: "Shop", Images: "missing"}, []string{"image missing/gotrue:v2.196.0: not there"}},
		"no name, where instances are":        {core.Survey{}, Order{}, []string{"name: needs a name"}},
		"a path to somebody's folder":         {core.Survey{}, Order{Name: "x", ID: ".."}, []string{"name: 3 to 40 small letters"}},
		"nothing wrong":                       {core.Survey{}, Order{Name: "Shop"}, nil},
		"a port of this host on a remote one": {core.Survey{}, Order{Name: "Shop", Ports: Ports{Session: port}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := place(t, host{tt.survey, "missing/gotrue"})
			if err := os.MkdirAll(p.Dir("another"), 0o700); err != nil {
				t.Fatal(err)
			}
			_, found, err := p.Preflight(t.Context(), tt.order)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != len(tt.want) {
				t.Fatalf("got %+v, want %q", found, tt.want)
			}
			for _, want := range tt.want {
				what, text, _ := strings.Cut(want, ": ")
				what, text = strings.TrimSuffix(what, ": "), strings.TrimSpace(text)
				if !has(found, what, text) {
					t.Errorf("no problem of %q with %q in %+v", what, text, found)
				}
			}
		})
	}
	t.Run("a folder with something in it", func(t *testing.T) {
		p := place(t, host{})
		if err := write(filepath.Join(p.Dir("shop"), "notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found, err := p.Preflight(t.Context(), Order{Name: "Shop"}); err != nil || !has(found, "folder", "not empty") {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// TestTwentyAtOnce has twenty orders chosen at once: no port and no network may
// be given twice, and of two with one name one wins.
func TestTwentyAtOnce(t *testing.T) {
	p := place(t, host{survey: core.Survey{Ports: map[int]string{8000: "other"}, Networks: map[netip.Prefix]string{netip.MustParsePrefix("10.201.0.0/23"): "other"}}})
	var wg sync.WaitGroup
	errs := make([]error, 21)
	for i := range errs {
		wg.Go(func() { _, _, errs[i] = p.Prepare(t.Context(), Order{Name: "shop-" + string(rune('a'+i%20))}) })
	}
	wg.Wait()
	lost := 0
	for _, err := range errs {
		if core.CodeOf(err) == core.Conflict {
			lost++
		} else if err != nil {
			t.Error(err)
		}
	}
	if lost != 1 {
		t.Errorf("%d of two with one name lost", lost)
	}
	seen := map[string]bool{}
	kept := p.Kept.(*books).kept
	for _, r := range kept {
		if seen[r.Kind+r.Value] || r.Value == "8000" || r.Value == "10.201.0.0/24" || r.Value == "10.201.1.0/24" {
			t.Errorf("%s %s was given twice, or is taken", r.Kind, r.Value)
		}
		seen[r.Kind+r.Value] = true
	}
	if len(kept) != 20*4 {
		t.Errorf("%d things are kept, want 80", len(kept))
	}
}

func TestNoNetworkLeft(t *testing.T) {
	p := place(t, host{survey: core.Survey{Networks: map[netip.Prefix]string{netip.MustParsePrefix("10.0.0.0/8"): "vpn"}}})
	_, _, err := p.Prepare(t.Context(), Order{Name: "shop"})
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "another range") {
		t.Errorf("got %v", err)
	}
}

// TestEveryReleaseRenders writes a stack of each release in each way and with each
// combination of options, and reads it back as Compose does.
func TestEveryReleaseRenders(t *testing.T) {
	awkward := SMTP{Host: "mail.example.com", User: "a$b", Password: `p"a's$ {s} #word\`, From: "Ana <ana@example.com>", Port: 2525}
	for _, release := range configs.Releases() {
		orders := map[string]Order{
			"as it comes": {Name: "Shop", Release: release},
			"all given": {Name: `Ana's "Shop" $HOME #1`, ID: "shop", Release: release, URL: "https://shop.example.com/", SiteURL: "https://app.example.com",
				Bind: "0.0.0.0", Images: "mirror.example/supabase", PG: 15, SMTP: awkward, Ports: Ports{9000, 9001, 9002}},
		}
		for n := range 8 {
			o := Order{Name: "Shop", Release: release, Gateway: []string{Kong, Envoy}[n&1], Logs: n&2 != 0, MemoryLimits: n&4 != 0}
			if release == "0.6.0" && (o.envoy() || o.Logs) {
				continue // it comes without overlays, which Preflight says
			}
			orders[fmt.Sprintf("%s, logs %v, limits %v", o.Gateway, o.Logs, o.MemoryLimits)] = o
		}
		for name, o := range orders {
			t.Run(release+" "+name, func(t *testing.T) { renders(t, o) })
		}
	}
}

func renders(t *testing.T, o Order) {
	p := place(t, host{})
	j, plan, err := p.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Make(t.Context(), "change-1"); err != nil {
		t.Fatal(err)
	}
	dir := j.Instance.Dir
	data, err := os.ReadFile(filepath.Join(dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		t.Fatal(err)
	}
	env := core.EnvFile{Vars: vars}
	auth := "/auth/v1"
	if configs.CompareReleases(o.Release, "0.7.0") < 0 {
		auth = ""
	}
	for key, want := range map[string]string{
		"SMTP_PASS": o.SMTP.Password.Reveal(), "SMTP_USER": o.SMTP.User, "STUDIO_DEFAULT_PROJECT": o.Name, "SMTP_HOST": o.SMTP.Host,
		"COMPOSE_PROJECT_NAME": "shop", "SUPABASE_PUBLIC_URL": j.URL(), "API_EXTERNAL_URL": j.URL() + auth,
	} {
		if got, _ := env.Lookup(key); got.Reveal() != want {
			t.Errorf("%s is %q, want %q", key, got.Reveal(), want)
		}
	}
	checkSecrets(t, env, plan)
	sameAgain(t, o.Release, env, dir)
	if info, err := os.Stat(filepath.Join(dir, ".env")); err != nil || info.Mode() != 0o600 {
		t.Errorf(".env has mode %v, %v", info.Mode(), err)
	}
	c := supabase.Render(t.Context(), supabase.Source{Dir: dir, Compose: j.Instance.Files, Project: "shop"})
	want := 11
	if o.Logs {
		want = 13
	}
	if c.Err != nil || len(c.Unset) > 0 || len(c.Services) != want {
		t.Fatalf("%d services, unset %q: %v", len(c.Services), c.Unset, c.Err)
	}
	checkOptions(t, o, dir, c)
	if again := p.Instance(plan); !slices.Equal(again.Files, j.Instance.Files) {
		t.Errorf("of the plan it has the files %q, not %q", again.Files, j.Instance.Files)
	}
	for _, s := range c.Services {
		if o.Images != "" && !strings.HasPrefix(s.Image, o.Images) {
			t.Errorf("%s runs %s", s.Name, s.Image)
		}
		for _, m := range s.Mounts {
			if m.Type != "bind" || m.Source == "/var/run/docker.sock" { // which is the engine's, and none is needed here
				continue
			}
			if _, err := os.Stat(m.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
		}
	}
}

// sameAgain makes sure that a release can be rendered once more from the .env of
// an instance, every value and every file as it was written.
func sameAgain(t *testing.T, release string, env core.EnvFile, dir string) {
	t.Helper()
	again, err := Again(release, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Env.Vars) != len(env.Vars) || len(again.Files) < 10 || len(again.Secrets) < 10 || len(again.Images) < 11 {
		t.Errorf("%d of %d variables, %d files, %d secrets, %d images", len(again.Env.Vars), len(env.Vars), len(again.Files), len(again.Secrets), len(again.Images))
	}
	for _, v := range env.Vars {
		if got, ok := again.Env.Lookup(v.Key); !ok || got != v.Value {
			t.Errorf("%s would be %q, and is %q", v.Key, got.Reveal(), v.Value.Reveal())
		}
	}
	for name, text := range again.Files {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != text {
			t.Errorf("%s would differ: %v", name, err)
		}
	}
}

// checkSecrets makes sure that secrets have the lengths that the services want,
// that the keys are signed by the instance's own, and that no plan holds one.
func checkSecrets(t *testing.T, env core.EnvFile, plan core.Plan) {
	t.Helper()
	for key, n := range map[string]int{"VAULT_ENC_KEY": 32, "REALTIME_DB_ENC_KEY": 16, "SECRET_KEY_BASE": 64, "JWT_SECRET": 40} {
		if v, _ := env.Lookup(key); len(v.Reveal()) != n {
			t.Errorf("%s has %d characters, want %d", key, len(v.Reveal()), n)
		}
	}
	secret, _ := env.Lookup("JWT_SECRET")
	for key, role := range map[string]string{"ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service_role"} {
		v, _ := env.Lookup(key)
		if k, err := supabase.ReadKey(v); err != nil || k.Role != role || !supabase.SignedBy(v, secret) {
			t.Errorf("%s is of %q, %v", key, k.Role, err)
		}
	}
	text := ""
	for _, a := range plan.Actions {
		text += a.String()
	}
	for _, d := range plan.Diff {
		text += d.After
	}
	for _, key := range []string{"JWT_SECRET", "POSTGRES_PASSWORD", "DASHBOARD_PASSWORD", "SMTP_PASS"} {
		if v, _ := env.Lookup(key); v != "" && strings.Contains(text, v.Reveal()) {
			t.Errorf("the plan holds %s", key)
		}
	}
}

func TestSecretsAreNeverShared(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"one", "two", "three"} {
		data, err := renderEnv(Order{ID: id, Name: id, Release: configs.Releases()[0], PG: 17, Bind: "127.0.0.1"}, "10.201.0.0/24", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		vars, err := supabase.ParseEnv(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range vars {
			if recipe, err := supabase.RecipeOf(v.Key); err == nil && recipe == supabase.DefaultRecipe || v.Value == "" {
				continue
			}
			if by, ok := seen[v.Value.Reveal()]; ok {
				t.Errorf("%s of %s is the value of %s", v.Key, id, by)
			}
			seen[v.Value.Reveal()] = v.Key + " of " + id
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d secrets were looked at", len(seen))
	}
}

func TestRemoveFolder(t *testing.T) {
	p := place(t, host{})
	j, _, err := p.Prepare(t.Context(), Order{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Make(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveFolder(j.Instance.Dir, "another"); core.CodeOf(err) != core.Conflict {
		t.Errorf("another change may remove it: %v", err)
	}
	for range 2 { // twice does no harm
		if err := p.RemoveFolder(j.Instance.Dir, "mine"); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(p.Root); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	if err := write(filepath.Join(j.Instance.Dir, "data"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveFolder(j.Instance.Dir, "mine"); core.CodeOf(err) != core.Conflict {
		t.Errorf("a folder of somebody else may be removed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(j.Instance.Dir, "data")); errors.Is(err, fs.ErrNotExist) {
		t.Error("a folder of somebody else was removed")
	}
}

package apply

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestDataIsRefusedWhereverItIsMounted(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"volumes/db/data", "pgdata", "elsewhere", "volumes/api"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"volumes/dlink": "db/data", "plink": "pgdata", "volumes/file.conf": "../pgdata/postgresql.conf",
		"mounted": "elsewhere", "volumes/harmless": "api",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	inst := core.Instance{ID: "shop", Dir: dir}
	obs := &core.Observation{Instance: inst, Host: core.HostFacts{Local: true}}
	db := core.Container{Service: core.DB, Mounts: []core.Mount{
		{Type: "bind", Source: filepath.Join(dir, "pgdata"), Target: "/var/lib/postgresql/data"},
		{Type: "bind", Source: filepath.Join(dir, "mounted"), Target: "/var/lib/storage"},
		{Type: "bind", Source: filepath.Join(dir, "custom"), Target: "/etc/postgresql-custom"},
		{Type: "bind", Source: filepath.Join(dir, "var"), Target: "/var/lib"},
		{Type: "volume", Name: "db-config", Target: "/etc/postgresql-custom"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/api"), Target: "/home/kong"},
	}}
	obs.Containers = []core.Container{db}
	for name, data := range map[string]bool{
		"pgdata/PG_VERSION": true, "pgdata": true, "volumes/dlink/PG_VERSION": true, "plink/base/new/1": true, "volumes/file.conf": true,
		"mounted/x": true, "elsewhere/x": true, "custom/key": true, "var/postgresql/data/x": true, "volumes/db/data/x": true,
		"var/log": false, "pgdata2/x": false, "volumes/harmless/kong.yml": false, ".env": false, "volumes/api/new.yml": false,
	} {
		err := checkData(inst, obs, []string{name})
		if (err != nil) != data || data && (core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), "is data, which no plan writes")) {
			t.Errorf("%s: %v; want data %v", name, err, data)
		}
	}
}

func TestAPlanThatWritesMountedDataIsRefused(t *testing.T) {
	w := newWorld(t)
	w.e.Containers[0].Mounts = []core.Mount{{Type: "bind", Source: "/nowhere/shop/pgdata", Target: "/var/lib/postgresql/data"}}
	before := w.state()
	obs, err := w.e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []core.Action{
		{Op: core.OpWriteFile, Args: map[string]any{"path": "pgdata/PG_VERSION", "content": "x"}},
		{Op: core.OpChmod, Args: map[string]any{"path": "pgdata/PG_VERSION", "mode": "0600"}},
	} {
		p := w.plan(a)
		if err := (&Applier{}).Check(p, obs); core.CodeOf(err) != core.Forbidden {
			t.Errorf("check %s: %v", a.Op, err)
		}
		c, err := w.apply(t.Context(), p)
		if c != nil || core.CodeOf(err) != core.Forbidden || !strings.Contains(err.Error(), `"pgdata/PG_VERSION" is data, which no plan writes`) {
			t.Errorf("%s: %+v, %v", a.Op, c, err)
		}
	}
	w.mustBe(t, before)
	if err := (&Applier{}).Check(w.cure(), obs); err != nil {
		t.Errorf("a good plan: %v", err)
	}
}

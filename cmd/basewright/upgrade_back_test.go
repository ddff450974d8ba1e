package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
)

// upgradable is what an instance was before its upgrade.
type upgradable struct {
	files, migrations string
	images            map[string]string // of each service of the compose files
	rows              []string
}

// before is what it is now; its worker notes that in its volume.
func (u *upgrading) before() upgradable {
	u.t.Helper()
	u.keeps("before")
	return upgradable{files: u.files(), migrations: u.migrations(), images: u.images(), rows: u.rowsOf(u.host, u.name, u.dir)}
}

func (u *upgrading) keeps(text string) {
	u.t.Helper()
	must(u.t, os.WriteFile(filepath.Join(u.kept().Source, "note"), []byte(text), 0o600))
}

func (u *upgrading) images() map[string]string {
	u.t.Helper()
	obs, err := u.engine().Observe(u.t.Context())
	must(u.t, err)
	images := map[string]string{}
	for _, c := range obs.Containers {
		images[c.ComposeService] = c.Image
	}
	return images
}

// goesBack restores the snapshot that the upgrade took, as the refusal to undo it
// says. A person's own container that uses a volume of it must be stopped first: till
// then nothing is touched.
func (u *upgrading) goesBack() {
	u.t.Helper()
	refused := u.basewright(1, "change", "undo", lastChange(u.basewright(0, "change", "list", u.name)))
	snapshot := regexp.MustCompile(`basewright snapshot restore (\w+)`).FindStringSubmatch(refused)
	if snapshot == nil {
		u.t.Fatalf("it does not say how to go back:\n%s", refused)
	}
	u.keeps("after")
	newer, ran := u.files(), u.box("auth")
	out := u.basewright(1, "snapshot", "restore", snapshot[1], "--yes")
	if worker := u.box("worker"); !strings.Contains(out, worker.Name) || !strings.Contains(out, "stop it first") || worker.State != "running" {
		u.t.Errorf("it is not refused for %s, which is %s:\n%s", worker.Name, worker.State, out)
	}
	if now := u.box("auth"); u.files() != newer || now.ID != ran.ID || !now.StartedAt.Equal(ran.StartedAt) {
		u.t.Errorf("a restore that is refused touched the instance: auth is %+v", now)
	}
	must(u.t, u.engine().Stop(u.t.Context(), "worker"))
	u.basewright(0, "snapshot", "restore", snapshot[1], "--yes")
	u.isOldAgain()
}

// isOldAgain wants the files, images, rows, migrations and books of before the
// upgrade, and the worker at work again, with the data of then.
func (u *upgrading) isOldAgain() {
	u.t.Helper()
	shown := u.basewright(0, "instance", "show", u.name)
	if !strings.Contains(shown, u.name+"-kong") || strings.Contains(shown, u.name+"-api-gw") || !strings.Contains(shown, "0.6.0") || strings.Contains(shown, "0.8.1") {
		u.t.Errorf("it is not of the older release again:\n%s", shown)
	}
	if got := u.files(); got != u.old.files {
		u.t.Errorf("the files are not byte for byte what they were:\n%s", got)
	}
	if got := u.images(); !maps.Equal(got, u.old.images) {
		u.t.Errorf("the images are %v, and were %v", got, u.old.images)
	}
	for service, running := range map[string]bool{"worker": true, "spare": false, "meta": false} { // as the snapshot saw them
		if state := u.box(service).State; (state == "running") != running {
			u.t.Errorf("%s is %s", service, state)
		}
	}
	if u.migrations() != u.old.migrations {
		u.t.Error("what the newer release migrated is still in the database")
	}
	if got := u.rowsOf(u.host, u.name, u.dir); strings.Join(got, " ") != strings.Join(u.old.rows, " ") {
		u.t.Errorf("the rows are %q, and were %q", got, u.old.rows)
	}
	u.startsMeta()
	if note, err := os.ReadFile(filepath.Join(u.kept().Source, "note")); string(note) != "before" {
		u.t.Errorf("the worker has %q, %v", note, err)
	}
	if d := u.diagnosis(0, u.name); d.Status != core.Healthy {
		u.t.Errorf("it is %s: %+v", d.Status, d.Findings)
	}
	u.useAsClient(u.dir)
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// TestUpgrade makes an instance of release 0.6.0, which people use and change. Its
// upgrade is refused where it would break the data, taken back with the database when
// a new image migrates and dies, rehearsed, done, and gone back from by its snapshot.
func TestUpgrade(t *testing.T) {
	if os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
		t.Skip("takes minutes; BASEWRIGHT_TEST_ALL=1 runs it")
	}
	t.Parallel()
	w := onStacks(t)
	p := w.person(t)
	m := mirrorOf(t)
	u := &upgrading{person: p, name: strings.TrimSuffix(stackNames[0], "-a") + "-old", mirror: m, root: filepath.Join(t.TempDir(), "instances")}
	u.dir = filepath.Join(u.root, u.name)
	t.Cleanup(func() { // when its containers are gone
		if u.own != "" {
			must(t, m.api.VolumeRemove(context.Background(), u.own, false))
		}
	})
	u.host = engineErasing(t, u.name)
	u.make()
	u.secrets = p.madeSecrets(u.dir)
	u.refusesMajor()
	u.takesBack()
	u.rehearses()
	u.refusesLoss()
	u.succeeds()
	u.goesBack()
	p.noSecrets(u.secrets)
	p.basewright(0, "audit", "verify")
}

// upgrading is an instance on its way from one release to another.
type upgrading struct {
	*person
	host            *docker.Host
	mirror          *mirror
	name, root, dir string
	secrets         map[string]string
	login           string // of an admin, at every start of the agent
	old             upgradable
	own             string // volume of the worker, that no label tells to be the stack's
}

func (u *upgrading) make() {
	u.t.Helper()
	u.basewright(0, "instance", "create", u.name, "--release", "0.6.0", "--root", u.root, "--images", u.mirror.prefix, "--postgres", "15", "--yes")
	if _, err := supabase.PSQL(u.t.Context(), u.engine(), "postgres", notesTable); err != nil {
		u.t.Fatal(err)
	}
	u.useAsClient(u.dir)
	u.basewright(0, "config", u.name, "set", "JWT_EXPIRY=1800", "--yes")
	const mark = "  ## Denied from outside\n"
	kong := u.read("volumes/api/kong.yml")
	own := strings.Replace(kong, mark, "  - name: mine\n    url: http://rest:3000/\n    routes:\n      - name: mine\n        paths:\n          - /mine\n\n"+mark, 1)
	from := filepath.Join(u.t.TempDir(), "kong.yml")
	if err := os.WriteFile(from, []byte(own), 0o600); err != nil || own == kong {
		u.t.Fatal(err)
	}
	u.basewright(0, "config", u.name, "edit", "volumes/api/kong.yml", "--from", from, "--yes")
	if d := u.diagnosis(0, u.name); d.Status != core.Healthy || !d.Finds("SEC-09") {
		u.t.Fatalf("an instance of 0.6.0 is %s, and SEC-09 is found: %v: %+v", d.Status, d.Finds("SEC-09"), d.Findings)
	}
}

func (u *upgrading) engine() *docker.Engine {
	return u.host.Open(core.Instance{ID: u.name, Project: u.name, Dir: u.dir, Files: []string{filepath.Join(u.dir, "docker-compose.yml")}})
}

func (u *upgrading) read(name string) string {
	u.t.Helper()
	data, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		u.t.Fatal(err)
	}
	return string(data)
}

// files are those that an upgrade writes.
func (u *upgrading) files() string {
	u.t.Helper()
	all := ""
	for _, name := range []string{".env", ".supabase-version", "docker-compose.yml", "volumes/api/kong.yml"} {
		info, err := os.Stat(filepath.Join(u.dir, name))
		if err != nil {
			u.t.Fatal(err)
		}
		all += fmt.Sprintf("%s %v\n%s", name, info.Mode(), u.read(name))
	}
	return all
}

func (u *upgrading) migrations() string {
	u.t.Helper()
	got, err := supabase.Migrations(u.t.Context(), u.engine())
	if err != nil {
		u.t.Fatal(err)
	}
	return got
}

// refusesMajor has the .env name an image of PostgreSQL 17 over data of 15.
func (u *upgrading) refusesMajor() {
	u.t.Helper()
	was := u.read(".env")
	write := func(text string) { u.write(".env", text) } // which keeps its mode
	write(strings.Replace(was, "postgres:15.8.1.060", "postgres:17.6.1.136", 1))
	out := u.basewright(1, "instance", "upgrade", u.name, "--yes")
	for _, want := range []string{"is PostgreSQL 15 and", "cannot read its data", "IMAGE_POSTGRES", "upstream's guide"} {
		if !strings.Contains(out, want) {
			u.t.Errorf("the refusal does not say %q:\n%s", want, out)
		}
	}
	write(was)
}

// takesBack upgrades to an auth that migrates its schema and dies of it.
func (u *upgrading) takesBack() {
	u.t.Helper()
	files, ran, rows := u.files(), u.migrations(), len(u.rowsOf(u.host, u.name, u.dir))
	u.mirror.spoilAuth()
	out := u.basewright(1, "instance", "upgrade", u.name, "--yes")
	if !strings.Contains(out, "rolled_back") || !strings.Contains(out, "wait_healthy auth") {
		u.t.Fatalf("it was not taken back since auth did not come up:\n%s", out)
	}
	if got := u.files(); got != files {
		u.t.Errorf("the files are not byte for byte what they were:\n%s", got)
	}
	if got := u.migrations(); got != ran {
		u.t.Error("what auth migrated is still in the database")
	}
	if got := len(u.rowsOf(u.host, u.name, u.dir)); got != rows {
		u.t.Errorf("%d rows, want %d", got, rows)
	}
	if shown := u.basewright(0, "instance", "show", u.name); !strings.Contains(shown, u.name+"-kong") || !strings.Contains(shown, "0.6.0") {
		u.t.Errorf("the containers are not those of before:\n%s", shown)
	}
	u.useAsClient(u.dir)
	u.mirror.mendAuth()
}

// rehearses upgrades a clone, of which nothing is left, and not the instance. The
// first rehearsal is killed when the clone is made.
func (u *upgrading) rehearses() {
	u.t.Helper()
	files := u.files()
	out, code := u.run("basewright", []string{"BASEWRIGHT_DATA=" + u.data, "BASEWRIGHT_FAILPOINT=images.do.after:kill"}, "instance", "upgrade", u.name, "--rehearse", "--yes")
	if code != -1 || !strings.Contains(u.basewright(0, "instance", "list"), u.name+"-rehearsal") {
		u.t.Fatalf("it was not killed with the clone there: exit code %d\n%s", code, out)
	}
	if out := u.basewright(0, "change", "recover"); !strings.Contains(out, u.name+"-rehearsal was left by a rehearsal that was interrupted, and is removed") {
		u.t.Errorf("what was left was not removed:\n%s", out)
	}
	u.nothingOfClone()
	out = u.basewright(0, "instance", "upgrade", u.name, "--rehearse", "--yes")
	if !strings.Contains(out, "The rehearsal went well") || !strings.Contains(out, u.name+"-rehearsal") {
		u.t.Errorf("it does not say how the rehearsal went:\n%s", out)
	}
	if got := u.files(); got != files {
		u.t.Error("the rehearsal changed the instance's files")
	}
	u.nothingOfClone()
	u.rehearsesOverHTTP()
}

// rehearsesOverHTTP does the same as the panel does.
func (u *upgrading) rehearsesOverHTTP() {
	u.t.Helper()
	files, s := u.files(), startServe(u.t, u.data).ready()
	c, base, order := newCaller(u.t, s), "/api/instances/"+u.name+"/upgrade", answer{"to": "0.8.1"}
	if ways := c.want(http.StatusOK, "GET", base, nil); at(ways, "from") != "0.6.0" || !strings.Contains(fmt.Sprint(ways["ways"]), "OAuth provider") {
		u.t.Errorf("the ways: %v", ways)
	}
	order["plan_hash"] = at(c.want(http.StatusOK, "POST", base+"/plan", order), "plan", "plan_hash")
	c.want(http.StatusConflict, "POST", base+"/rehearsal", answer{"to": "0.8.1", "plan_hash": strings.Repeat("0", 64)})
	r := c.want(http.StatusAccepted, "POST", base+"/rehearsal", order)
	c.want(http.StatusConflict, "POST", base+"/rehearsal", order)
	for at(r, "rehearsal", "stage") != "ended" {
		select {
		case <-u.t.Context().Done():
			u.t.Fatal("the rehearsal does not end")
		case <-time.After(time.Second): // it is told to nobody but who asks
		}
		r = c.want(http.StatusOK, "GET", base+"/rehearsal", nil)
	}
	if at(r, "rehearsal", "well") != true || at(r, "rehearsal", "change", "state") != "committed" || at(r, "rehearsal", "diagnosis", "status") == nil {
		u.t.Errorf("the rehearsal: %v", r)
	}
	if u.files() != files {
		u.t.Error("the rehearsal over the API changed the instance's files")
	}
	s.stop()
	c.noneOf(u.secrets)
	u.nothingOfClone()
	u.login = c.login
}

func (u *upgrading) nothingOfClone() {
	u.t.Helper()
	s, err := u.host.Survey(u.t.Context())
	if err != nil {
		u.t.Fatal(err)
	}
	if left := s.Projects[u.name+"-rehearsal"]; left != "" || strings.Contains(u.basewright(0, "instance", "list"), "-rehearsal") {
		u.t.Errorf("%q of the clone is left, or it is still kept", left)
	}
	if _, err := os.Stat(u.dir + "-rehearsal"); !os.IsNotExist(err) {
		u.t.Errorf("the folder of the clone is left: %v", err)
	}
}

// overHTTP upgrades it by the API: what was planned and approved, and nothing else.
func (u *upgrading) overHTTP() {
	u.t.Helper()
	s := startServe(u.t, u.data).ready()
	c := callerAs(u.t, s, u.login)
	base := "/api/instances/" + u.name + "/upgrade"
	order := answer{"to": "0.8.1"}
	order["plan_hash"] = at(c.want(http.StatusOK, "POST", base+"/plan", order), "plan", "plan_hash")
	c.want(http.StatusBadRequest, "POST", base, order)
	order["confirm"] = u.name
	c.want(http.StatusConflict, "POST", base, answer{"to": "0.8.1", "confirm": u.name, "plan_hash": strings.Repeat("0", 64)})
	c.want(http.StatusConflict, "POST", base+"/plan", answer{"to": "0.6.0"})
	if done := c.ended(c.want(http.StatusAccepted, "POST", base, order), "committed"); done["can_undo"] != false {
		u.t.Errorf("an upgrade is said to be undone, which only its snapshot can: %v", done["can_undo"])
	}
	s.stop()
	c.noneOf(u.secrets)
}

func (u *upgrading) succeeds() {
	u.t.Helper()
	u.old = u.before()
	volume := u.kept().Name
	rows := u.rowsOf(u.host, u.name, u.dir)
	plan := u.basewright(0, "instance", "upgrade", u.name, "--plan")
	for _, want := range []string{"API_EXTERNAL_URL ends in /auth/v1", "service api-gw", "gotrue:v2.196.0", "your own changes stay", "meta, spare: stopped now, and so afterwards"} {
		if !strings.Contains(plan, want) {
			u.t.Errorf("the plan does not say %q:\n%s", want, plan)
		}
	}
	u.overHTTP()
	u.keepsWhatRan(volume)
	if d := u.diagnosis(0, u.name); d.Status != core.Healthy || len(d.Findings) > 0 {
		u.t.Errorf("after the upgrade it is %s: %+v", d.Status, d.Findings)
	}
	shown := u.basewright(0, "instance", "show", u.name)
	if !strings.Contains(shown, u.name+"-api-gw") || strings.Contains(shown, u.name+"-kong") || !strings.Contains(shown, "0.8.1") {
		u.t.Errorf("it is not of the newer release:\n%s", shown)
	}
	env := filepath.Join(u.dir, ".env")
	if u.setting(env, "JWT_EXPIRY") != "1800" || !strings.HasSuffix(u.setting(env, "API_EXTERNAL_URL"), "/auth/v1") || !strings.Contains(u.read("volumes/api/kong.yml"), "/mine") {
		u.t.Error("own changes, or what the release wants, are not there")
	}
	u.useAsClient(u.dir)
	if got := u.rowsOf(u.host, u.name, u.dir); len(got) != len(rows)+1 || strings.Join(got[:len(rows)], " ") != strings.Join(rows, " ") {
		u.t.Errorf("the rows are %q, and were %q", got, rows)
	}
	if again := u.basewright(1, "instance", "upgrade", u.name, "--yes"); !strings.Contains(again, "is of release 0.8.1 already") {
		u.t.Errorf("a second time: %s", again)
	}
}

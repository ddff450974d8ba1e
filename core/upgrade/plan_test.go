package upgrade

import (
	"errors"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
)

func TestPlainUpgrade(t *testing.T) {
	s := older(t, create.Order{Images: "mirror.example/supabase", URL: "https://shop.example.com"})
	made, err := s.plan(Order{})
	if err != nil {
		t.Fatal(err)
	}
	if made.From != "0.6.0" || made.To != newest() || len(made.Images) != 11 {
		t.Errorf("from %s to %s with %d images", made.From, made.To, len(made.Images))
	}
	for _, want := range []string{
		"stop gateway\nstop auth\nsnapshot\nstop db\nremove\n", "set_env key=IMAGE_GOTRUE value=mirror.example/supabase/gotrue:v2.196.0\n",
		"set_env key=API_EXTERNAL_URL value=https://shop.example.com/auth/v1\n", "up migrations=", "wait_healthy db", "wait_healthy functions",
	} {
		if !strings.Contains(made.lines(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, made.lines())
		}
	}
	for _, name := range []string{"docker-compose.yml", "volumes/api/kong.yml", ".supabase-version"} {
		if text, _ := fileOf(newest(), name); made.written(name) != text {
			t.Errorf("%s is not written as the release has it", name)
		}
	}
	if n := strings.Count(made.lines(), "write_file"); n != 3 || strings.Contains(made.lines(), "IMAGE_POSTGRES ") {
		t.Errorf("more is written than the release changed:\n%s", made.lines())
	}
	diff := map[string]core.Diff{}
	for _, d := range made.Plan.Diff {
		diff[d.Target] = d
	}
	for target, after := range map[string]string{
		"release": newest(), "service kong": "(gone)", "service api-gw": "mirror.example/supabase/kong:3.9.3", "image of auth": "mirror.example/supabase/gotrue:v2.196.0",
		".env API_EXTERNAL_URL": "https://shop.example.com/auth/v1",
	} {
		if diff[target].After != after {
			t.Errorf("%s: %q, want %q", target, diff[target].After, after)
		}
	}
	if made.Plan.Scope != core.FullScope || made.Plan.Risk != core.HighRisk {
		t.Errorf("scope %s, risk %s", made.Plan.Scope, made.Plan.Risk)
	}
	notes := s.notes(made)
	for _, want := range []string{"0.7.0: API_EXTERNAL_URL ends in /auth/v1: change the callback", "0.8.0: the gateway's service is called api-gw", "full snapshot"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %q:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "PostgreSQL 17 is the default") {
		t.Error("it tells of a change that the instance has behind it")
	}
}

func (s *stack) notes(m Made) string {
	var out strings.Builder
	for _, a := range m.Plan.Actions {
		out.WriteString(a.Text("text") + "\n")
	}
	return out.String()
}

// TestOwnChangesStay has a person change files and settings: what the release does
// not touch is as it was, and what both touched is merged.
func TestOwnChangesStay(t *testing.T) {
	s := older(t, create.Order{})
	s.edit("docker-compose.yml", "FILE_SIZE_LIMIT: 52428800", "FILE_SIZE_LIMIT: 99", "PGRST_ADMIN_SERVER_HOST: localhost\n", "PGRST_ADMIN_SERVER_HOST: localhost\n      MY_TOKEN: my-own-token-1234567\n")
	s.edit("volumes/api/kong.yml", "  ## Denied from outside\n", "  ## Mine\n  - name: mine\n    url: http://mine:80/\n    routes:\n      - name: mine\n        paths:\n          - /mine\n\n  ## Denied from outside\n")
	s.edit("volumes/functions/main/index.ts", "Deno", "Deno /* mine */")
	s.edit(".env", "JWT_EXPIRY=3600", "# an hour is too long\nJWT_EXPIRY=600\nMINE='of my own'", "SITE_URL=", "SITE_URL=https://app.example.com # ")
	made, err := s.plan(Order{To: newest()})
	if err != nil {
		t.Fatal(err)
	}
	compose, kong := made.written("docker-compose.yml"), made.written("volumes/api/kong.yml")
	for what, found := range map[string]bool{
		"own setting":     strings.Contains(compose, "FILE_SIZE_LIMIT: 99"),
		"own variable":    strings.Contains(compose, "MY_TOKEN"),
		"renamed service": strings.Contains(compose, "\n  api-gw:\n") && !strings.Contains(compose, "\n  kong:\n"),
		"own route":       strings.Contains(kong, "http://mine:80/"),
		"new route":       strings.Contains(kong, "rest-v1-openapi"),
	} {
		if !found {
			t.Errorf("%s is lost", what)
		}
	}
	if made.written("volumes/functions/main/index.ts") != "" {
		t.Error("a function that the release did not change is written")
	}
	for _, key := range []string{"JWT_EXPIRY", "MINE", "SITE_URL"} {
		if strings.Contains(made.lines(), "key="+key) {
			t.Errorf("%s is touched:\n%s", key, made.lines())
		}
	}
	if strings.Contains(made.lines(), "my-own-token") {
		t.Error("the plan holds a secret of the person's")
	}
}

func TestConflicts(t *testing.T) {
	s := older(t, create.Order{URL: "https://shop.example.com"})
	s.edit("docker-compose.yml", "kong/kong:3.9.1", "kong/kong:3.9.0", `["start", "--main-service", "/home/deno/functions/main"]`, `["start", "--main-service", "/mine"]`)
	s.edit(".env", "POSTGRES_HOST=db", "POSTGRES_HOST=db\nIMAGE_GOTRUE=supabase/gotrue:v2.190.1", "API_EXTERNAL_URL=https://shop", "API_EXTERNAL_URL=https://auth.shop")
	_, err := s.plan(Order{})
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || core.CodeOf(err) != core.Conflict {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, c := range refusal.Conflicts {
		got = append(got, c.File+" "+strings.TrimRight(c.Where, "0123456789"))
	}
	if list := strings.Join(got, ", "); list != ".env IMAGE_GOTRUE, docker-compose.yml line , docker-compose.yml line " {
		t.Fatalf("conflicts: %s", list)
	}
	if c := refusal.Conflicts[0]; c.Base != "supabase/gotrue:v2.189.0" || c.Ours != "supabase/gotrue:v2.190.1" || c.Theirs != "supabase/gotrue:v2.196.0" {
		t.Errorf("got %+v", c)
	}
	for name, tt := range map[string]struct {
		take          map[string]Side
		image, script string
		pinned        bool
		refused       string
	}{
		"the release wins":            {map[string]Side{".env": Theirs, "docker-compose.yml": Theirs}, "3.9.3", `"150000"`, false, ""},
		"the instance wins in a file": {map[string]Side{".env IMAGE_GOTRUE": Theirs, "docker-compose.yml": Ours}, "3.9.0", `"/mine"`, false, ""},
		"a pin stays":                 {map[string]Side{".env IMAGE_GOTRUE": Ours, "docker-compose.yml": Theirs}, "3.9.3", `"150000"`, true, ""},
		"one is not decided":          {map[string]Side{".env": Theirs}, "", "", false, "docker-compose.yml line"},
		"a decision about nothing":    {map[string]Side{".env": Theirs, "docker-compose.yml": Theirs, "volumes/x": Ours}, "", "", false, "--take volumes/x decides nothing"},
		"a side that is none":         {map[string]Side{".env": "mine"}, "", "", false, `"mine" is not a side`},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := s.plan(Order{Take: tt.take})
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("got %v, want a refusal with %q", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text := made.written("docker-compose.yml")
			if !strings.Contains(text, "kong/kong:"+tt.image) || !strings.Contains(text, tt.script) {
				t.Error("the compose file is not as decided")
			}
			if unset := strings.Contains(made.lines(), "unset_env key=IMAGE_GOTRUE"); unset == tt.pinned {
				t.Errorf("the pin is not as decided:\n%s", made.lines())
			}
			if !strings.Contains(made.lines(), "API_EXTERNAL_URL value=https://auth.shop.example.com/auth/v1") {
				t.Errorf("a person's own address does not get what the release wants of it:\n%s", made.lines())
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(s *stack)
		to    string
		want  string
	}{
		"another major version of PostgreSQL": {func(s *stack) { s.major = "15" }, "", "the database of shop is PostgreSQL 15 and supabase/postgres:17.6.1.136 is 17"},
		"a release that is not known":         {func(*stack) {}, "0.7.9", `there is no release "0.7.9"; there are: 0.6.0`},
		"the release that it is of":           {func(*stack) {}, "v0.6.0", "shop is of release 0.6.0 already"},
		"a stack that somebody else made": {func(s *stack) {
			s.edit("docker-compose.yml", "io.basewright.instance", "com.example.stack")
		}, "", "were not made by Basewright"},
		"a broken merge": {func(s *stack) {
			s.edit("volumes/api/kong.yml", "  ## Denied from outside\n", "  ## Denied\n   - wrong\n")
		}, "", "kong.yml could not be read after the merge"},
		"nothing tells the release": {func(s *stack) {
			s.edit("docker-compose.yml", "kong/kong:3.9.1", "kong/kong:3.8.0")
			s.remove(".supabase-version")
		}, "", "of which release shop is cannot be told"},
	} {
		t.Run(name, func(t *testing.T) {
			s := older(t, create.Order{})
			tt.spoil(s)
			if _, err := s.plan(Order{To: tt.to}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("an older release", func(t *testing.T) {
		s := older(t, create.Order{})
		made, err := s.plan(Order{})
		if err != nil {
			t.Fatal(err)
		}
		old, _ := fileOf("0.6.0", "docker-compose.yml")
		s.edit("docker-compose.yml", old, made.written("docker-compose.yml"))
		if _, err := s.plan(Order{To: "0.6.0"}); err == nil || !strings.Contains(err.Error(), "restore a snapshot") && !strings.Contains(err.Error(), "an older one") {
			t.Errorf("got %v", err)
		}
	})
}

// TestWhatRunsIsKept starts nothing that somebody stopped, and takes own services down
// before those that they use.
func TestWhatRunsIsKept(t *testing.T) {
	s := older(t, create.Order{})
	s.edit("docker-compose.yml", "\n  kong:\n", "\n  worker:\n    image: worker:1\n    volumes: [\"kept:/kept\"]\n  spare:\n    image: worker:1\n\n  kong:\n", "\nvolumes:\n", "\nvolumes:\n  kept:\n")
	s.boxes[2].State = "exited"
	s.boxes = append(s.boxes,
		core.Container{ID: "w", Name: "shop-worker-1", ComposeService: "worker", State: "running", Mounts: []core.Mount{{Type: "volume", Name: "shop_kept", Target: "/kept"}}},
		core.Container{ID: "s", Name: "shop-spare-1", ComposeService: "spare", State: "exited"})
	made, err := s.plan(Order{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stop worker\nstop auth\nsnapshot\nstop db\nremove\n", "up leave=[api-gw spare] migrations="} {
		if !strings.Contains(made.lines(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, made.lines())
		}
	}
	if strings.Contains(made.lines(), "wait_healthy gateway") {
		t.Error("it waits for what is not started")
	}
	for _, want := range []string{"api-gw, spare: stopped now, and so afterwards", "nothing answers from the first stop to the end"} {
		if !strings.Contains(s.notes(made), want) {
			t.Errorf("no note says %q:\n%s", want, s.notes(made))
		}
	}
}

// TestNothingIsLost refuses an upgrade after which something would not be there.
func TestNothingIsLost(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	unnamed := core.Container{ID: "w", Name: "shop-worker-1", ComposeService: "worker", State: "running", Mounts: []core.Mount{{Type: "volume", Name: id, Target: "/kept"}}}
	for name, tt := range map[string]struct {
		box     core.Container
		service string
		want    string
	}{
		"a volume of the image's own":     {unnamed, "image: worker:1", "worker keeps data at /kept in a volume without a name"},
		"a volume without a name":         {unnamed, "image: worker:1\n    volumes: [/kept]", "worker keeps data at /kept in a volume without a name"},
		"a profile that is not chosen":    {core.Container{ID: "w", Name: "shop-worker-1", ComposeService: "worker", State: "running"}, "image: worker:1\n    profiles: [extra]", "shop-worker-1 runs, and the compose files would not bring it up again"},
		"a service that is in no file":    {core.Container{ID: "w", Name: "shop-gone-1", ComposeService: "gone", State: "running"}, "image: worker:1", "shop-gone-1 runs, and the compose files would not bring it up again"},
		"a container of another folder":   {core.Container{ID: "w", Name: "other-1", State: "running"}, "image: worker:1", "other-1 carries the labels of shop"},
		"a volume that a name leads to":   {unnamed, "image: worker:1\n    volumes: [\"kept:/kept\"]", ""},
		"a folder in place of the volume": {unnamed, "image: worker:1\n    volumes: [\"./kept:/kept\"]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := older(t, create.Order{})
			s.edit("docker-compose.yml", "\n  kong:\n", "\n  worker:\n    "+tt.service+"\n\n  kong:\n", "\nvolumes:\n", "\nvolumes:\n  kept: {external: true, name: "+id+"}\n")
			s.boxes = append(s.boxes, tt.box)
			_, err := s.plan(Order{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("a database that does not run", func(t *testing.T) {
		s := older(t, create.Order{})
		s.boxes[0].State = "exited"
		if _, err := s.plan(Order{}); err == nil || !strings.Contains(err.Error(), "the database of shop does not run") {
			t.Errorf("got %v", err)
		}
	})
}

// TestPinnedMajorStays keeps an instance at PostgreSQL 15 while all else goes on.
func TestPinnedMajorStays(t *testing.T) {
	s := older(t, create.Order{PG: 15})
	s.major = "15"
	made, err := s.plan(Order{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(made.lines(), "POSTGRES") {
		t.Errorf("the database changes:\n%s", made.lines())
	}
}

// TestOf tells the release from files: by the compose file that is a release's own,
// else by the note beside it.
func TestOf(t *testing.T) {
	compose, err := templateOf("0.6.0")
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) core.File { return core.File{Name: name, Data: []byte(text)} }
	for name, tt := range map[string]struct {
		files []core.File
		want  string
	}{
		"its own compose file, and a note that is wrong": {[]core.File{file("docker-compose.yml", compose), file(".supabase-version", "v0.8.1\n")}, "0.6.0"},
		"an edited compose file, and a note":             {[]core.File{file("docker-compose.yml", compose+"# ours\n"), file(".supabase-version", "v0.8.1\n")}, "0.8.1"},
		"a note of a release that nobody knows":          {[]core.File{file(".supabase-version", "v9.9.9\n")}, ""},
		"a note that is not there":                       {[]core.File{{Name: ".supabase-version", Absent: true}}, ""},
		"nothing":                                        {nil, ""},
	} {
		if got := Of(tt.files); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestReleaseIsGuessed takes the release from the images where a person changed the
// compose file and nothing notes it, and says so.
func TestReleaseIsGuessed(t *testing.T) {
	s := older(t, create.Order{})
	s.edit("docker-compose.yml", "FILE_SIZE_LIMIT: 52428800", "FILE_SIZE_LIMIT: 99")
	s.remove(".supabase-version")
	made, err := s.plan(Order{})
	if err != nil {
		t.Fatal(err)
	}
	if made.From != "0.6.0" || !strings.Contains(s.notes(made), "release 0.6.0 is guessed by its images") {
		t.Errorf("from %s:\n%s", made.From, s.notes(made))
	}
}

// TestWays wants the releases that are newer, each with what breaks on the way.
func TestWays(t *testing.T) {
	s := older(t, create.Order{})
	from, how, ways, err := Ways(t.Context(), s, s.seen(), "")
	if err != nil || from != "0.6.0" || how != "" || len(ways) == 0 || ways[len(ways)-1].To != newest() || len(ways[len(ways)-1].Breaking) == 0 {
		t.Errorf("%s %s %+v %v", from, how, ways, err)
	}
	if told := Told(t.Context(), s); told != from {
		t.Errorf("its files tell of release %q", told)
	}
}

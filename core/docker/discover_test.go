package docker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

func TestWhatIsSupabase(t *testing.T) {
	for name, row := range map[string]struct {
		services map[string]string // compose service to image
		want     bool
	}{
		"upstream's stack":                    {map[string]string{"db": "supabase/postgres:17.6.1.136", "auth": "supabase/gotrue:v2.196.0", "api-gw": "envoyproxy/envoy:v1.39.1"}, true},
		"odd names":                           {map[string]string{"pg": "supabase/postgres:15", "login": "mirror.local:5000/x/gotrue:1"}, true},
		"half created, no database":           {map[string]string{"login": "supabase/gotrue:1", "api": "postgrest/postgrest:v14"}, true},
		"a mirror without the vendor's name":  {map[string]string{"db": "postgres:17", "auth": "registry.local/gotrue:2"}, true},
		"images built by hand":                {map[string]string{"db": "ours/pg", "auth": "ours/login", "rest": "ours/api"}, true},
		"tags that moved, so that IDs remain": {map[string]string{"db": "sha256:aa", "auth": "sha256:bb", "rest": "sha256:cc"}, true},
		"WordPress with PostgreSQL":           {map[string]string{"db": "postgres:17", "wordpress": "wordpress:6"}, false},
		"Kong with its own PostgreSQL":        {map[string]string{"db": "postgres:17", "kong": "kong:3.9"}, false},
		"something with a db and an auth":     {map[string]string{"db": "mysql:8", "auth": "example/sso:1"}, false},
		"PostgREST alone":                     {map[string]string{"api": "postgrest/postgrest:v14"}, false},
		"PostgREST with PostgreSQL":           {map[string]string{"db": "postgres:17", "api": "postgrest/postgrest:v14"}, true},
		"only a database of Supabase's":       {map[string]string{"db": "supabase/postgres:17"}, false},
		"nothing known":                       {map[string]string{"web": "nginx"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var cs []container.Summary
			for service, image := range row.services {
				cs = append(cs, container.Summary{Image: image, Labels: map[string]string{serviceLabel: service}})
			}
			if got := isSupabase(cs); got != row.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestEnvFileOfLabels wants the file of variables that a stack was made with,
// and never one that only a stranger's relative path would give.
func TestEnvFileOfLabels(t *testing.T) {
	for label, want := range map[string]string{"": "", "/srv/x/.env-a": "/srv/x/.env-a", ".env-a": "/srv/x/.env-a", "/srv/y/../x/e": "/srv/x/e", "a,b": ""} {
		if got := envFileOf(map[string]string{envFileLabel: label}, "/srv/x"); got != want {
			t.Errorf("%q: got %q, want %q", label, got, want)
		}
	}
	for file, ok := range map[string]bool{"/srv/x/.env-a": true, "/srv/x/sub/e": true, "/etc/shadow": false, "/srv/x": true} {
		e := &Engine{instance: core.Instance{Dir: "/srv/x", EnvFile: file}}
		if _, err := e.envName(); (err == nil) != ok {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestInstanceOfMostContainers(t *testing.T) {
	i := instanceOf("My_Stack", []container.Summary{
		{ID: "new", Created: 2, Labels: map[string]string{dirLabel: "/srv/new/", filesLabel: "/srv/new/a.yml,b.yml,"}},
		{ID: "older", Created: 1, Labels: map[string]string{dirLabel: "/srv/new", filesLabel: "/srv/new/a.yml"}},
		{ID: "stranger", Created: 3, Labels: map[string]string{dirLabel: "/srv/other", filesLabel: "/srv/other/a.yml"}},
		{ID: "1", Created: 4}, {ID: "2", Created: 5}, {ID: "3", Created: 6}, // which name no folder
	})
	if i.ID != "my-stack" || i.Project != "My_Stack" || i.Dir != "/srv/new" || !slices.Equal(i.Files, []string{"/srv/new/a.yml", "/srv/new/b.yml"}) {
		t.Fatalf("got %+v", i)
	}
	i = instanceOf("x", []container.Summary{{ID: "new", Created: 2, Labels: map[string]string{dirLabel: "/srv/new"}},
		{ID: "old", Created: 1, Labels: map[string]string{dirLabel: "/srv/old"}}})
	if i.Dir != "/srv/old" {
		t.Fatalf("got %+v", i)
	}
	i = instanceOf("x", []container.Summary{{Labels: map[string]string{dirLabel: "relative", filesLabel: ""}}})
	if i.Dir != "" || len(i.Files) != 0 {
		t.Fatalf("got %+v", i)
	}
}

func TestEqualSlugsBecomeDifferentIDs(t *testing.T) {
	long := strings.Repeat("a", 50)
	found := []core.Instance{}
	for _, p := range []string{"a-b", "a_b", "a.b", long + "1", long + "2", "other"} {
		found = append(found, core.Instance{ID: core.Slug(p), Project: p})
	}
	distinguish(found)
	seen := map[string]bool{}
	for _, i := range found {
		if seen[i.ID] || !core.ValidID(i.ID) {
			t.Errorf("%s has ID %s", i.Project, i.ID)
		}
		seen[i.ID] = true
	}
	if found[0].ID != "a-b" || found[5].ID != "other" {
		t.Errorf("got %+v", found)
	}
}

func TestDiscoverFindsWhatRuns(t *testing.T) {
	h := engine(t)
	stubImage(t, h, "basewright-test/gotrue:"+runID, "basewright-test/postgrest:"+runID)
	dir, project := stack(t, h, strings.ReplaceAll(`
services:
  login:
    image: basewright-test/gotrue:RUN
    labels: {io.basewright.test: RUN, evil: "../../etc/passwd \u001b]52;c;eA==\u0007 <script>"}
  api:
    image: basewright-test/postgrest:RUN
    LABELS
`, "RUN", runID), nil)
	if err := h.Up(t.Context(), dir, project, nil, 0); err != nil {
		t.Fatal(err)
	}
	// A project name that no compose command would accept is only a label.
	hostile := "../" + project + "\n\x1b[31m<b>"
	for service, image := range map[string]string{"auth": "gotrue", "rest": "postgrest"} {
		made, err := h.api.ContainerCreate(t.Context(), &container.Config{Image: "basewright-test/" + image + ":" + runID,
			Labels: map[string]string{testLabel: project, projectLabel: hostile, serviceLabel: service, dirLabel: "/dev", filesLabel: "/dev/zero"}}, nil, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			h.api.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
		})
	}
	found, err := h.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ project, dir string }{{project, dir}, {hostile, "/dev"}} {
		i := slices.IndexFunc(found, func(i core.Instance) bool { return i.Project == want.project })
		if i < 0 || found[i].Dir != want.dir || !core.ValidID(found[i].ID) {
			t.Fatalf("%q is not among %+v", want.project, found)
		}
		o, err := h.Open(found[i]).Observe(t.Context())
		if err != nil || len(o.Containers) != 2 {
			t.Fatalf("got %+v, %v", o, err)
		}
		if want.project == hostile && o.Compose.Err == nil {
			t.Error("a device was read as a compose file")
		}
	}
}

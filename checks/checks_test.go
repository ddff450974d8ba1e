package checks

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestLaws holds every registered checker, and every code, to the same rules.
func TestLaws(t *testing.T) {
	owner := map[string]string{}
	for _, c := range All() {
		if !regexp.MustCompile(`^[a-z]+\.[a-z_]+$`).MatchString(c.ID) {
			t.Errorf("ID %q is not room.aspect", c.ID)
		}
		if c.Title == "" || c.Check == nil || len(c.Finds) == 0 || !slices.Contains(core.Categories, c.Category) {
			t.Errorf("%s lacks a title, a category, codes or a check", c.ID)
		}
		for _, e := range c.Finds {
			if other, taken := owner[e.Code]; taken {
				t.Errorf("%s is explained by %s and by %s", e.Code, other, c.ID)
			}
			owner[e.Code] = c.ID
			if !regexp.MustCompile(`^[A-Z]{2,4}-\d\d$`).MatchString(e.Code) {
				t.Errorf("%q is no code", e.Code)
			}
			if e.Title == "" || e.What == "" || e.Breaks == "" || e.Do == "" || e.Data == "" || e.Severity == "" {
				t.Errorf("%s does not say what happened, what it breaks, what to do and whether data is at risk", e.Code)
			}
		}
	}
	for _, c := range All() {
		for _, e := range c.Finds {
			for _, cause := range e.SymptomOf {
				if owner[cause] == "" {
					t.Errorf("%s is a symptom of %s, which nobody finds", e.Code, cause)
				}
			}
		}
	}
	for _, s := range signatures {
		if owner[s.code] == "" {
			t.Errorf("a signature tells %s, which nobody explains", s.code)
		}
	}
}

// TestMeanings wants every explanation complete: sentences, not copies of each
// other, that the mask leaves alone.
func TestMeanings(t *testing.T) {
	whats := map[string]string{}
	for _, c := range All() {
		if How(c.ID) == "" {
			t.Errorf("how %s looks is not said in how.go", c.ID)
		}
		for _, e := range c.Finds {
			if other := whats[e.What]; other != "" {
				t.Errorf("%s and %s say that the same happened", e.Code, other)
			}
			whats[e.What] = e.Code
			parts := []string{e.Title, e.What, e.Breaks, e.Do, e.Data}
			for i, part := range parts {
				if slices.Contains(parts[:i], part) {
					t.Errorf("%s says twice: %s", e.Code, part)
				}
				if i > 0 && (len(strings.Fields(part)) < 2 || !strings.ContainsAny(part[len(part)-1:], ".;!`…")) {
					t.Errorf("%s: no sentence: %s", e.Code, part)
				}
				if core.MaskLooks(part) != part || core.Printable(part) != part {
					t.Errorf("%s: the mask would change: %s", e.Code, part)
				}
			}
			if len(strings.Fields(e.What)) < 5 || strings.HasSuffix(e.Title, ".") {
				t.Errorf("%s: what happened is too short, or its title is a sentence: %s, %s", e.Code, e.Title, e.What)
			}
		}
	}
}

var now = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

// stack is a target of containers that run well, each changed by its function.
func stack(change map[core.Service]func(*core.Container)) core.Target {
	o := &core.Observation{At: now, Instance: core.Instance{ID: "shop", Project: "shop"}, Host: core.HostFacts{Local: true}}
	for _, s := range []core.Service{core.DB, core.Auth, core.Rest, core.Gateway} {
		c := core.Container{
			ID: "id-" + string(s), Name: "shop-" + string(s), Service: s, ComposeService: string(s), Image: "x/" + string(s),
			State: "running", Health: "healthy", StartedAt: now.Add(-time.Hour), Env: map[string]core.Secret{},
		}
		if f := change[s]; f != nil {
			f(&c)
		}
		o.Containers = append(o.Containers, c)
		o.Compose.Services = append(o.Compose.Services, core.ComposeService{Name: string(s), Service: s, Image: "x/" + string(s), Env: map[string]core.Secret{}})
	}
	return core.Target{Observation: o, Key: core.FingerprintKey("test")}
}

// expect runs a check and compares "CODE service" of what it finds.
func expect(t *testing.T, check string, tgt core.Target, want ...string) []core.Finding {
	t.Helper()
	c := All()[slices.IndexFunc(All(), func(c core.Checker) bool { return c.ID == check })]
	found, err := c.Check(t.Context(), tgt)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, f := range found {
		got = append(got, f.Code+" "+string(f.Service))
		if len(f.Evidence) == 0 {
			t.Errorf("%s has no proof", f.Code)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	return found
}

func TestContainerStates(t *testing.T) {
	type change = map[core.Service]func(*core.Container)
	exited := func(code int) func(*core.Container) {
		return func(c *core.Container) { c.State, c.ExitCode, c.Health = "exited", code, "" }
	}
	tests := map[string]struct {
		change change
		want   []string
	}{
		"all is well":                  {nil, nil},
		"stopped by hand":              {change{core.Auth: exited(0)}, []string{"SVC-02 auth"}},
		"killed by hand":               {change{core.Auth: exited(137)}, []string{"SVC-02 auth"}},
		"ended with an error":          {change{core.Auth: exited(1)}, []string{"DK-13 auth"}},
		"an illegal instruction":       {change{core.Auth: exited(132)}, []string{"DK-16 auth"}},
		"out of memory":                {change{core.Auth: func(c *core.Container) { exited(137)(c); c.OOMKilled = true }}, []string{"DK-12 auth"}},
		"waiting for its next restart": {change{core.Auth: func(c *core.Container) { c.State, c.Restarts = "restarting", 6 }}, []string{"DK-13 auth"}},
		"between two deaths":           {change{core.Auth: func(c *core.Container) { c.Restarts, c.StartedAt, c.Health = 6, now.Add(-time.Second), "starting" }}, []string{"DK-13 auth"}},
		"restarted a while ago":        {change{core.Auth: func(c *core.Container) { c.Restarts = 6 }}, nil},
		"unhealthy":                    {change{core.Rest: func(c *core.Container) { c.Health = "unhealthy" }}, []string{"SVC-03 rest"}},
		"a port that is taken": {change{core.Gateway: func(c *core.Container) {
			c.State, c.Error = "created", "Bind for 127.0.0.1:8000 failed: port is already allocated"
		}}, []string{"DK-03 gateway"}},
		"any other error of the engine": {change{core.Gateway: func(c *core.Container) { c.State, c.Error = "created", "exec: no such file" }}, []string{"DK-13 gateway"}},
		"paused":                        {change{core.Auth: func(c *core.Container) { c.State = "paused" }}, []string{"SVC-02 auth"}},
		"created and never started":     {change{core.Auth: func(c *core.Container) { c.State = "created" }}, []string{"SVC-02 auth"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { expect(t, "containers.state", stack(tt.change), tt.want...) })
	}
	t.Run("a gate holds it back", func(t *testing.T) {
		tgt := stack(change{core.Auth: func(c *core.Container) { c.State = "created" }, core.DB: func(c *core.Container) { c.Health = "unhealthy" }})
		tgt.Compose.Services[1].DependsOn = map[string]string{"db": "service_healthy"}
		expect(t, "containers.state", tgt, "DK-11 auth", "SVC-03 db")
	})
	t.Run("declared and not there", func(t *testing.T) {
		tgt := stack(nil)
		tgt.Containers = tgt.Containers[:3]
		expect(t, "containers.state", tgt, "SVC-01 gateway")
	})
}

func TestEnvironment(t *testing.T) {
	t.Run("files and containers agree", func(t *testing.T) { expect(t, "configuration.environment", stack(nil)) })
	t.Run("the files were edited since", func(t *testing.T) {
		tgt := stack(map[core.Service]func(*core.Container){core.Auth: func(c *core.Container) { c.Env["GOTRUE_SITE_URL"] = "old" }})
		tgt.Compose.Services[1].Env["GOTRUE_SITE_URL"] = "hunter2"
		found := expect(t, "configuration.environment", tgt, "DK-07 auth")
		if text := found[0].Evidence[0].Text; regexp.MustCompile("hunter2|old,").MatchString(text) {
			t.Errorf("the evidence shows a value: %s", text)
		}
	})
	t.Run("another image", func(t *testing.T) {
		tgt := stack(nil)
		tgt.Compose.Services[2].Image = "x/rest:2"
		expect(t, "configuration.environment", tgt, "DK-07 rest")
	})
	t.Run("a required variable is blank", func(t *testing.T) {
		tgt := stack(map[core.Service]func(*core.Container){core.Auth: func(c *core.Container) { c.Env["GOTRUE_JWT_SECRET"] = "" }})
		if f := expect(t, "configuration.environment", tgt, "DK-05 auth"); f[0].Severity != core.Critical {
			t.Errorf("severity = %s", f[0].Severity)
		}
	})
	t.Run("a password is gone from a connection string", func(t *testing.T) {
		tgt := stack(map[core.Service]func(*core.Container){core.Rest: func(c *core.Container) { c.Env["PGRST_DB_URI"] = "postgres://authenticator:@db:5432/postgres" }})
		expect(t, "configuration.environment", tgt, "DK-05 rest")
	})
	t.Run("blank only at the next up is a warning", func(t *testing.T) {
		tgt := stack(map[core.Service]func(*core.Container){core.Auth: func(c *core.Container) { c.Env["GOTRUE_JWT_SECRET"] = "x" }})
		tgt.Compose.Services[1].Env["GOTRUE_JWT_SECRET"] = ""
		tgt.Compose.Unset = []string{"JWT_SECRET"}
		found := expect(t, "configuration.environment", tgt, "DK-05 auth", "DK-07 auth")
		if found[0].Severity != core.Warning {
			t.Errorf("severity = %s", found[0].Severity)
		}
	})
	t.Run("files that Compose refuses", func(t *testing.T) {
		tgt := stack(nil)
		tgt.Compose = core.Compose{Err: core.Errorf(core.Invalid, "line 3 cannot be read")}
		expect(t, "configuration.environment", tgt, "CFG-01 host")
	})
	t.Run("files that we may not read are no finding", func(t *testing.T) {
		tgt := stack(nil)
		tgt.Compose = core.Compose{Err: core.Errorf(core.Forbidden, "permission denied")}
		expect(t, "configuration.environment", tgt)
	})
}

func TestDiskRoom(t *testing.T) {
	disk := func(total, free, inodes, inodesFree uint64) core.Disk {
		return core.Disk{Holds: "Docker's data", Path: "/d", Total: total, Free: free, Inodes: inodes, InodesFree: inodesFree}
	}
	tests := map[string]struct {
		disk core.Disk
		want core.Severity
	}{
		"half full":                         {disk(100*gib, 50*gib, 100, 50), ""},
		"5 % of a huge disk is still a lot": {disk(4000*gib, 200*gib, 100, 50), ""},
		"8 % of a small one":                {disk(100*gib, 8*gib, 100, 50), core.Warning},
		"2 %":                               {disk(100*gib, 2*gib, 100, 50), core.Critical},
		"no inodes left":                    {disk(100*gib, 50*gib, 1000, 2), core.Critical},
		"a file system without inodes":      {disk(100*gib, 50*gib, 0, 0), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tgt := stack(nil)
			tgt.Host.Disks = []core.Disk{tt.disk}
			var want []string
			if tt.want != "" {
				want = []string{"DK-14 host"}
			}
			if f := expect(t, "host.disk", tgt, want...); len(f) > 0 && f[0].Severity != tt.want {
				t.Errorf("severity = %s, want %s", f[0].Severity, tt.want)
			}
		})
	}
	t.Run("a remote engine is unknown", func(t *testing.T) {
		if _, err := diskRoom(t.Context(), stack(nil)); err == nil {
			t.Error("disks that cannot be read pass for good")
		}
	})
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		`parse "postgres://supabase_auth_admin:p@ss/word@db:5432/postgres": invalid port`: `parse "postgres://supabase_auth_admin:•••@db:5432/postgres": invalid port`,
		`key eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln rejected`:                     `key ••• rejected`,
		`DB_PASSWORD=hunter2 next`: `DB_PASSWORD=••• next`,
		`{"apikey":"abc","x":1}`:   `{"apikey":"•••","x":1}`,
		`nothing to hide here`:     `nothing to hide here`,
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

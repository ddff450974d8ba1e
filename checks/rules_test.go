package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// ruleRow spoils a healthy scene so that exactly one thing is found, and comes
// near to it so that nothing is.
type ruleRow struct {
	want      string // "CODE service"
	red, near func(s *scene)
}

// TestRules holds every code of the families to a row that turns it red and one
// that keeps it quiet.
func TestRules(t *testing.T) {
	t.Run("a healthy stack", func(t *testing.T) {
		if got := newScene(t).told(t); len(got) > 0 {
			t.Errorf("found %q", got)
		}
	})
	rows := slices.Concat(secretRows, urlRows, versionRows, composeRows, settingRows, logRows, catalogRows, lineRows, peerRows)
	covered := map[string]bool{}
	for _, row := range rows {
		code, _, _ := strings.Cut(row.want, " ")
		covered[code] = true
		t.Run(row.want, func(t *testing.T) {
			s := newScene(t)
			row.red(s)
			if got := s.told(t); !slices.Equal(got, []string{row.want}) {
				t.Errorf("found %q", got)
			}
		})
		if row.near != nil {
			t.Run(row.want+" comes near", func(t *testing.T) {
				s := newScene(t)
				row.near(s)
				if got := s.told(t); len(got) > 0 {
					t.Errorf("found %q", got)
				}
			})
		}
	}
	for _, c := range rulesOf() {
		for _, e := range c.Finds {
			if !covered[e.Code] {
				t.Errorf("%s has no row", e.Code)
			}
		}
	}
}

// demoAnon is the anon key that upstream publishes.
const demoAnon = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyAgCiAgICAicm9sZSI6ICJhbm9uIiwKICAgICJpc3MiOiAic3VwYWJhc2UtZGVtbyIsCiAgICAiaWF0IjogMTY0MTc2OTIwMCwKICAgICJleHAiOiAxNzk5NTM1NjAwCn0.dc_X5iR_VP_qT0zsiyj_I_OZ2T9FtRU2BBNWN8Bu4GE"

var secretRows = []ruleRow{
	{"SEC-01 host", func(s *scene) { s.dotenv("DASHBOARD_PASSWORD", "this_password_is_insecure_and_should_be_updated") }, func(s *scene) { s.dotenv("DASHBOARD_USERNAME", "supabase") }},
	{"SEC-02 auth", func(s *scene) { s.dotenv("ANON_KEY", demoAnon) }, nil},
	{"SEC-03 auth", func(s *scene) { s.o.At = now.AddDate(5, 0, -30) }, func(s *scene) { s.o.At = now.AddDate(5, 0, -100) }},
	{"SEC-04 pooler", func(s *scene) { s.port(core.Pooler, "0.0.0.0", 5432, 5432) }, func(s *scene) { s.port(core.Pooler, "127.0.0.1", 5432, 5432) }},
	{"SEC-05 analytics", func(s *scene) { s.port(core.Analytics, "", 4000, 4000) }, func(s *scene) { s.port(core.Analytics, "", 0, 4000) }},
	{"SEC-06 gateway", func(s *scene) {
		s.dotenv("SUPABASE_PUBLIC_URL", "http://api.shop.com:8000")
		s.port(core.Gateway, "0.0.0.0", 8000, 8000)
	}, func(s *scene) { s.port(core.Gateway, "0.0.0.0", 8000, 8000) }},
	{"SEC-07 studio", func(s *scene) { s.port(core.Studio, "::", 3000, 3000) }, func(s *scene) { s.port(core.Studio, "127.0.0.1", 3000, 3000) }},
	{"SEC-11 gateway", func(s *scene) { s.port(core.Gateway, "0.0.0.0", 9901, 9901) }, func(s *scene) { s.port(core.Gateway, "127.0.0.1", 9901, 9901) }},
	{"SEC-12 meta", func(s *scene) { s.env(core.Meta, "PG_META_DB_USER", "supabase_admin") }, nil},
	{"SEC-15 functions", func(s *scene) { s.env(core.Functions, "VERIFY_JWT", "false") }, nil},
	{"SEC-17 vector", func(s *scene) {
		s.container(core.Vector).Mounts = append(s.container(core.Vector).Mounts, core.Mount{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"})
	}, nil},
}

var urlRows = []ruleRow{
	{"AUTH-07 studio", func(s *scene) {
		s.dotenv("SUPABASE_PUBLIC_URL", "http://localhost:8000")
	}, func(s *scene) {
		s.dotenv("SUPABASE_PUBLIC_URL", "http://localhost:8000")
		s.dotenv("API_EXTERNAL_URL", "http://localhost:8000/auth/v1")
		s.port(core.Gateway, "127.0.0.1", 8000, 8000)
	}},
	{"AUTH-10 auth", func(s *scene) { s.dotenv("API_EXTERNAL_URL", "http://localhost:8000/auth/v1") }, func(s *scene) {
		s.dotenv("API_EXTERNAL_URL", "https://auth.shop.com/auth/v1")
	}},
	{"AUTH-11 auth", func(s *scene) {
		s.o.Instance.Release = "0.7.1"
		s.dotenv("API_EXTERNAL_URL", "https://api.shop.com")
	}, func(s *scene) { s.files[".supabase-version"] = "v0.8.1\n" }},
	{"AUTH-14 auth", func(s *scene) { s.dotenv("SITE_URL", "http://localhost:3000") }, func(s *scene) { s.dotenv("SITE_URL", "http://192.168.1.5") }},
	{"GW-11 gateway", func(s *scene) {
		s.image(core.Gateway, "envoyproxy/envoy:v1.39.1")
		s.env(core.Gateway, "JWT_ISSUER", "api.shop.com/auth/v1")
		s.container(core.Gateway).Mounts, s.declared(core.Gateway).Mounts = nil, nil
	}, func(s *scene) { s.env(core.Gateway, "JWT_ISSUER", "api.shop.com") }},
	{"GW-08 gateway", func(s *scene) {
		s.image(core.Gateway, "envoyproxy/envoy:v1.39.1")
		s.container(core.Gateway).Mounts = nil
		s.dotenv("KONG_HTTPS_PORT", "8443")
		s.dotenv("SUPABASE_PUBLIC_URL", "https://api.shop.com:8443")
	}, func(s *scene) {
		s.dotenv("KONG_HTTPS_PORT", "8443")
		s.dotenv("SUPABASE_PUBLIC_URL", "https://api.shop.com:8443")
	}},
}

var versionRows = []ruleRow{
	{"STU-02 studio", func(s *scene) { s.image(core.Studio, "supabase/studio:2025.12.09-sha-434634f") }, func(s *scene) { s.image(core.Studio, "supabase/studio:2025.12.17-sha-43f4f7f") }},
	{"SEC-18 auth", func(s *scene) {
		s.image(core.Auth, "supabase/gotrue:v2.184.0")
	}, func(s *scene) { s.image(core.Auth, "acme/login:v1.0") }},
	{"PG-05 db", func(s *scene) {
		s.declared(core.DB).Image = "supabase/postgres:17.6.1.136"
	}, func(s *scene) { s.declared(core.DB).Image = "acme/db:17" }},
	{"UPG-09 host", func(s *scene) { s.image(core.Meta, "supabase/postgres-meta:v0.79.5") }, func(s *scene) { s.image(core.Meta, "supabase/postgres-meta:v0.96.6") }},
	{"UPG-10 db", func(s *scene) { s.files["volumes/db/data.bak.pg15"] = "" }, nil},
	{"UPG-08 host", func(s *scene) { s.files["utils/upgrade-pg17.sh"] = "#!/bin/sh"; s.o.Host.Projects = 2; filtered(s) }, func(s *scene) { s.files["utils/upgrade-pg17.sh"] = "#!/bin/sh" }},
	{"DK-26 vector", func(s *scene) {
		s.image(core.Vector, "timberio/vector:0.28.1-alpine")
		s.o.Host.EngineVersion = "29.0.2"
	}, func(s *scene) { s.image(core.Vector, "timberio/vector:0.28.1-alpine") }},
}

// filtered gives vector the filter that a host with several stacks needs.
func filtered(s *scene) { s.files["volumes/logs/vector.yml"] += "    include_labels: [x]\n" }

var composeRows = []ruleRow{
	{"DK-01 host", func(s *scene) { s.declared(core.DB).ContainerName = "supabase-db"; s.o.Host.Projects = 2; filtered(s) }, func(s *scene) { s.declared(core.DB).ContainerName = "supabase-db" }},
	{"DK-02 host", func(s *scene) {
		s.container(core.DB).Labels["com.docker.compose.project.working_dir"] = "/srv/a"
		s.container(core.Auth).Labels["com.docker.compose.project.working_dir"] = "/srv/b"
	}, func(s *scene) {
		s.container(core.DB).Labels["com.docker.compose.project.working_dir"] = "/srv/a"
		s.container(core.Auth).Labels["com.docker.compose.project.working_dir"] = "/srv/a/"
	}},
	{"DK-06 host", func(s *scene) {
		s.o.Env.Vars = append(s.o.Env.Vars, core.EnvVar{Key: "SMTP_PASS", Value: "ab", Written: "ab$cd", Line: 1})
	}, func(s *scene) {
		s.o.Env.Vars = append(s.o.Env.Vars,
			core.EnvVar{Key: "SMTP_PASS", Value: "ab$cd", Line: 1},
			core.EnvVar{Key: "B_SECRET", Value: "a$b", Written: "a$$b", Line: 2},
			core.EnvVar{Key: "C_SECRET", Value: "x-ab$cd", Written: "x-$SMTP_PASS", Line: 3},
			core.EnvVar{Key: "D_SECRET", Value: "x", Written: "${ABSENT:-x}", Line: 4},
			core.EnvVar{Key: "GREETING", Value: "a", Written: "a$absent", Line: 5})
	}},
	{"CFG-02 auth", func(s *scene) { s.declared(core.Auth).Restart = "unless-stoppedly" }, func(s *scene) { s.declared(core.Auth).Restart = "on-failure:5" }},
	{"CFG-02 db", func(s *scene) { s.declared(core.DB).ContainerName = "-db" }, func(s *scene) { s.declared(core.DB).ContainerName, s.declared(core.DB).Optional = "-db", true }},
	{"DK-03 meta", func(s *scene) {
		s.o.Containers = nil
		s.declared(core.Auth).Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 8000, ContainerPort: 9999}}
		s.declared(core.Meta).Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 8000, ContainerPort: 8080}}
	}, func(s *scene) {
		s.o.Containers = nil
		s.declared(core.Auth).Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 8000, ContainerPort: 9999}}
		s.declared(core.Meta).Ports = []core.Port{{HostIP: "127.0.0.2", HostPort: 8000, ContainerPort: 8080}}
	}},
	{"DK-08 gateway", func(s *scene) { s.files["volumes/api/kong.yml"] = "" }, nil},
	{"VEC-02 vector", func(s *scene) { s.files["volumes/logs/vector.yml"] = "" }, nil},
	{"DK-09 host", func(s *scene) { s.files[".env"] = "A=1\r\nB=2\r\n" }, func(s *scene) { s.files[".env"] = "A='1\r'\n" }},
	{"DK-09 pooler", func(s *scene) { poolerScript(s, "a\r\nb\r\n") }, func(s *scene) { poolerScript(s, "a\nb\n"); s.files["volumes/api/kong.yml"] += "\r\n" }},
	{"DK-10 gateway", func(s *scene) { s.modes["volumes/api/kong.yml"] = 0o640 }, func(s *scene) { s.modes["volumes/logs/vector.yml"] = 0o640 }},
	{"DK-15 host", func(s *scene) { s.container(core.Auth).LogMaxSize = "" }, func(s *scene) { s.container(core.Auth).LogDriver, s.container(core.Auth).LogMaxSize = "journald", "" }},
	{"DK-22 db", func(s *scene) {
		s.o.Host.Projects = 2
		filtered(s)
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"db"}})
	}, func(s *scene) {
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"db"}})
	}},
	{"DK-27 host", func(s *scene) { s.env(core.Auth, "X", "1"); s.container(core.Auth).Env["X"] = "${A:-${B}}" }, func(s *scene) { s.container(core.Auth).Env["X"] = "${A}" }},
	{"DK-30 host", func(s *scene) {
		s.dotenv("COMPOSE_FILE", "docker-compose.yml:docker-compose.pg15.yml")
		s.container(core.DB).Labels["com.docker.compose.project.config_files"] = "/srv/shop/docker-compose.yml"
	}, func(s *scene) {
		s.dotenv("COMPOSE_FILE", "docker-compose.yml:docker-compose.pg15.yml")
		s.container(core.DB).Labels["com.docker.compose.project.config_files"] = "/srv/shop/docker-compose.yml,/srv/shop/docker-compose.pg15.yml"
	}},
	{"DK-31 host", func(s *scene) { s.o.Env.Mode = 0o644 }, func(s *scene) { s.o.Env.Mode = 0o640 }},
	{"UPG-04 host", func(s *scene) {
		s.o.Compose.Services = slices.DeleteFunc(s.o.Compose.Services, func(c core.ComposeService) bool { return c.Service == core.Analytics })
	}, nil},
	{"UPG-06 host", func(s *scene) { s.files["docker-compose.yml"] = "services:\n<<<<<<< yours (x)\n" }, func(s *scene) { s.files["docker-compose.yml"] = "# <<<<<<< yours\n" }},
	{"UPG-07 host", func(s *scene) { s.o.Compose.Unset = []string{"IMGPROXY_AUTO_WEBP"} }, nil},
}

// poolerScript mounts a pooler.exs into the pooler.
func poolerScript(s *scene, text string) {
	const name = "volumes/pooler/pooler.exs"
	s.files[name] = text
	s.container(core.Pooler).Mounts = append(s.container(core.Pooler).Mounts, core.Mount{Type: "bind", Source: s.o.Instance.Dir + "/" + name, Target: "/etc/pooler/pooler.exs"})
}

var logRows = []ruleRow{
	{"LOG-01 analytics", func(s *scene) { s.declared(core.Auth).DependsOn["analytics"] = "service_healthy" }, func(s *scene) { s.declared(core.Vector).DependsOn["analytics"] = "service_healthy" }},
	{"LOG-08 analytics", func(s *scene) { s.env(core.Analytics, "DB_PASSWORD", "other") }, nil},
	{"LOG-09 analytics", func(s *scene) {
		s.container(core.Analytics).Healthcheck = []string{"CMD", "curl", "http://localhost:4000/health"}
	}, func(s *scene) {
		s.container(core.Analytics).Healthcheck = []string{"CMD", "curl", "-sSfL", "http://localhost:4000/health"}
	}},
	{"VEC-01 vector", func(s *scene) { s.env(core.Vector, "DOCKER_HOST", "") }, nil},
	{"VEC-08 vector", func(s *scene) { s.files["volumes/logs/vector.yml"] = "sources: [\n" }, nil},
	{"VEC-03 vector", func(s *scene) { s.container(core.Gateway).Name = "shop-api-gw" }, func(s *scene) {
		s.files["volumes/logs/vector.yml"] = "kong: '.appname == \"${P}-kong\"'\n"
		s.env(core.Vector, "P", "shop")
	}},
	{"VEC-04 vector", func(s *scene) { s.o.Host.Projects = 2 }, func(s *scene) { s.o.Host.Projects = 2; filtered(s) }},
	{"VEC-05 vector", func(s *scene) { s.env(core.Vector, "LOGFLARE_PUBLIC_ACCESS_TOKEN", "other") }, func(s *scene) {
		s.env(core.Vector, "LOGFLARE_PUBLIC_ACCESS_TOKEN", "")
		s.files["volumes/logs/vector.yml"] = "uri: 'http://analytics:4000/api/logs?source_name=x&api_key=t'\n"
	}},
}

// lineAt moves a line out of the minutes in which it is news.
func lineAt(s *scene, role core.Service, text string) {
	s.logs(role, text)
	s.container(role).Logs[0].At = now.Add(-time.Hour)
	s.container(role).StartedAt = now.Add(-2 * time.Hour)
}

// TestPublishedPortsAreNamed: a repair may bind the admin port alone, and leave
// the port of the API to the world.
func TestPublishedPortsAreNamed(t *testing.T) {
	s := newScene(t)
	s.port(core.Gateway, "0.0.0.0", 8000, 8000)
	s.port(core.Gateway, "::", 18444, 8444)
	s.port(core.Gateway, "0.0.0.0", 8001, 8001)
	for _, c := range rulesOf() {
		found, err := c.Check(t.Context(), core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Code == "SEC-11" {
				if f.Details["ports"] != "8444,8001" {
					t.Errorf("it names %q", f.Details["ports"])
				}
				return
			}
		}
	}
	t.Error("the admin port is not found")
}

package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// other is a second stack on the host, as far as it can get into the way.
func (s *scene) other(change func(p *core.Peer)) {
	p := core.Peer{Instance: core.Instance{ID: "blog", Project: "blog"}, Containers: []core.Container{{
		ID: "blog-db", Name: "blog-db", Service: core.DB, ComposeService: "db", State: "running",
		Networks: []core.Endpoint{{Network: "blog_default", Aliases: []string{"db"}}},
		Mounts:   []core.Mount{{Type: "bind", Source: "/srv/blog/data", Target: "/var/lib/postgresql/data"}, {Type: "bind", Source: "/var/run/docker.sock"}},
	}}}
	change(&p)
	s.o.Peers = append(s.o.Peers, p)
}

func holds(p *core.Peer, key, value string) {
	p.Env.Vars = append(p.Env.Vars, core.EnvVar{Key: key, Value: core.Secret(value), Line: 1})
}

// gone takes a service's container away.
func (s *scene) gone(role core.Service) {
	s.o.Containers = slices.DeleteFunc(s.o.Containers, func(c core.Container) bool { return c.Service == role })
}

var peerRows = []ruleRow{
	{"SEC-16 host", func(s *scene) {
		s.dotenv("JWT_SECRET", secret32+"x")
		s.other(func(p *core.Peer) { holds(p, "JWT_SECRET", secret32+"x") })
	}, func(s *scene) { // another key, an empty one, and one that is published anyway
		s.dotenv("JWT_SECRET", secret32+"x")
		s.dotenv("VAULT_ENC_KEY", "")
		s.other(func(p *core.Peer) { holds(p, "POSTGRES_PASSWORD", secret32+"x"); holds(p, "VAULT_ENC_KEY", "") })
	}},
	{"DK-01 imgproxy", func(s *scene) {
		s.gone(core.Imgproxy)
		s.other(func(p *core.Peer) { p.Containers[0].Name = "shop-imgproxy" })
	}, func(s *scene) { s.other(func(p *core.Peer) { p.Containers[0].Name = "shop-imgproxy2" }) }},
	{"DK-03 imgproxy", func(s *scene) {
		s.gone(core.Imgproxy)
		s.declared(core.Imgproxy).Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, ContainerPort: 5001, Proto: "tcp"}}
		s.other(func(p *core.Peer) {
			p.Containers[0].Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, Proto: "tcp"}}
		})
	}, func(s *scene) { // another address of the host
		s.declared(core.Imgproxy).Ports = []core.Port{{HostIP: "10.0.0.1", HostPort: 9000, ContainerPort: 5001, Proto: "tcp"}}
		s.other(func(p *core.Peer) {
			p.Containers[0].Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, Proto: "tcp"}}
		})
	}},
	{"DK-22 db", func(s *scene) {
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"db", "shop-db"}})
		s.other(func(p *core.Peer) { p.Containers[0].Networks[0].Network = "proxy" })
	}, func(s *scene) { // both on one network, under names of their own
		s.o.Host.Projects = 2
		filtered(s)
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"shop-db"}})
		s.other(func(p *core.Peer) { p.Containers[0].Networks[0].Network = "proxy" })
	}},
	{"DK-02 db", func(s *scene) {
		s.other(func(p *core.Peer) { p.Containers[0].Mounts[0].Source = "/srv/shop/volumes/db/data" })
	}, func(s *scene) {
		s.other(func(p *core.Peer) {
			p.Containers[0].Mounts[0] = core.Mount{Type: "bind", Source: "/srv/shop/volumes/db/data", ReadOnly: true}
		})
	}},
	{"RT-04 realtime", func(s *scene) {
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}, func(s *scene) { // one that is written anew at every start, and is well
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.env(core.Realtime, "SEED_SELF_HOST", "true")
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}},
	{"RT-04 realtime", func(s *scene) {
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.env(core.Realtime, "SEED_SELF_HOST", "true")
		s.container(core.Realtime).Health = "unhealthy"
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}, func(s *scene) { // the row is of the secret
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		digest, _ := sealed("0123456789abcdef", secret32+"x")
		s.sql("realtime_tenant", "realtime-dev", digest, "2025-01-01")
	}},
	{"DK-28 db", func(s *scene) { s.keyVolume(48 * time.Hour) }, func(s *scene) { s.keyVolume(time.Hour) }},
	{"RT-17 realtime", func(s *scene) { s.chatter(30) }, func(s *scene) { s.chatter(10) }},
}

// keyVolume gives the database a volume that is younger than its data.
func (s *scene) keyVolume(younger time.Duration) {
	s.container(core.DB).Mounts = append(s.container(core.DB).Mounts, core.Mount{Type: "volume", Name: "shop_db-config", Target: "/etc/postgresql-custom", CreatedAt: now.Add(younger)})
	s.sql("cluster", fmt.Sprint(now.Unix()), "1")
}

// chatter has realtime log sixty lines, of which n are health checks.
func (s *scene) chatter(n int) {
	for i := range 60 {
		text := "request_id=x [info] Sent 200 in 1ms"
		if i < n {
			text = "request_id=x [info] GET /api/tenants/realtime-dev/health"
		}
		s.container(core.Realtime).Logs = append(s.container(core.Realtime).Logs, core.LogLine{At: now.Add(-time.Minute), Text: text})
	}
}

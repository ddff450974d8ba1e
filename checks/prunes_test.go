package checks

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestScheduledPrune(t *testing.T) {
	named := core.Mount{Type: "volume", Name: "shop_db-config", Target: "/etc/postgresql-custom"}
	anonymous := core.Mount{Type: "volume", Name: strings.Repeat("ab", 32), Target: "/var/lib/postgresql/data"}
	cache := core.Mount{Type: "volume", Name: "shop_deno-cache", Target: "/root/.cache/deno"}
	system := core.Prune{File: "/etc/crontab", Line: 3, Command: "docker system prune -af --volumes", Stopped: true}
	all := core.Prune{File: "/etc/crontab", Line: 3, Command: "docker volume prune -a", Named: true}
	for name, row := range map[string]struct {
		engine string
		mount  core.Mount
		prune  core.Prune
		want   string // in the proof; nothing for no finding
	}{
		"a volume with a name, and an engine that takes it":     {"20.10.24+dfsg1", named, system, "docker system prune -af --volumes takes, once the stack is stopped, /etc/postgresql-custom of shop-db in volume shop_db-config"},
		"a volume with a name, and an engine that spares it":    {"23.0.1", named, system, ""},
		"a volume with a name, and a prune that takes all":      {"28.0.1", named, all, "once the stack is taken down, /etc/postgresql-custom of shop-db"},
		"a volume without a name":                               {"28.0.1", anonymous, system, "/var/lib/postgresql/data of shop-db in volume abababababababababababab"},
		"what functions load again":                             {"20.10.24", cache, all, ""},
		"a folder of the host":                                  {"20.10.24", core.Mount{Type: "bind", Source: "/srv", Target: "/x"}, all, ""},
		"an engine whose version says nothing spares no less":   {"dev", anonymous, system, "once the stack is stopped"},
		"an engine whose version says nothing is taken for new": {"dev", named, system, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.o.Host.EngineVersion = row.engine
			s.container(core.DB).Mounts = append(s.container(core.DB).Mounts, row.mount)
			expect(t, "host.prunes", core.Target{Observation: s.o})
			s.o.Host.Prunes = []core.Prune{row.prune}
			found, err := scheduledPrune(t.Context(), core.Target{Observation: s.o})
			if err != nil {
				t.Fatal(err)
			}
			if row.want == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			expect(t, "host.prunes", core.Target{Observation: s.o}, "HOST-03 host")
			if e := found[0].Evidence[0]; e.Source != "file:/etc/crontab:3" || !strings.Contains(e.Text, row.want) {
				t.Errorf("the proof is %+v, want %q", e, row.want)
			}
		})
	}
}

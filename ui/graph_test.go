package ui

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

var drawnNode = regexp.MustCompile(`<g class="node [a-z]+"><title>([a-z]+: [A-Za-z]+)</title>`)

// TestServiceGraph wants every service that was seen in the drawing, also of an
// instance that never was healthy; and where none was seen, those of before, of which
// nothing is known now.
func TestServiceGraph(t *testing.T) {
	before := core.Features{}
	before.Set("image", "db", "postgres")
	before.Set("image", "vector", "vector")
	seen := aDiagnosis("shop")
	seen.Services = []core.Service{core.DB, core.Auth, core.Gateway}
	for name, c := range map[string]struct {
		d       *core.Diagnosis
		healthy bool // it once was
		want    string
	}{
		"never healthy":          {seen, false, "auth: Healthy, db: Unhealthy, gateway: Healthy"},
		"a service went since":   {seen, true, "auth: Healthy, db: Unhealthy, gateway: Healthy"},
		"nothing could be seen":  {&core.Diagnosis{ID: "x", InstanceID: "shop", Status: core.Unknown}, true, "db: Unknown, vector: Unknown"},
		"nothing ever was":       {&core.Diagnosis{ID: "x", InstanceID: "shop", Status: core.Unknown}, false, ""},
		"it is known by finding": {aDiagnosis("shop"), false, "db: Unhealthy"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.healthy {
				must(t, w.a.Store.SaveBaseline(t.Context(), "shop", core.Baseline{Diagnosis: "y", At: time.Now(), Features: before}))
			}
			c.d.Mode, c.d.Timestamp = core.Full, time.Now().UTC()
			must(t, w.a.Store.SaveDiagnosis(t.Context(), c.d))
			_, login := w.user("vera", map[string]core.Role{"shop": core.Viewer})
			var drawn []string
			for _, m := range drawnNode.FindAllStringSubmatch(w.ask(http.MethodGet, "/instances/shop", login, "").Body.String(), -1) {
				drawn = append(drawn, m[1])
			}
			slices.Sort(drawn)
			if got := strings.Join(drawn, ", "); got != c.want {
				t.Errorf("drawn are %q, want %q", got, c.want)
			}
		})
	}
}

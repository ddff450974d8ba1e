package store

import (
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestTheStateIsTheWorseOfWhatIsNew: the newest full diagnosis tells the state of
// an instance, and after it a quick one that is worse, as long as that is the newest.
func TestTheStateIsTheWorseOfWhatIsNew(t *testing.T) {
	for seen, want := range map[string]string{
		"":                                           "",
		"quick:healthy":                              "",
		"quick:unhealthy":                            "quick:unhealthy",
		"full:healthy":                               "full:healthy",
		"full:healthy quick:unhealthy":               "quick:unhealthy",
		"full:healthy quick:unknown":                 "quick:unknown",
		"deep:degraded quick:unhealthy":              "quick:unhealthy",
		"full:unhealthy quick:healthy":               "full:unhealthy",
		"full:unhealthy quick:unhealthy":             "full:unhealthy",
		"quick:unhealthy full:healthy":               "full:healthy",
		"full:degraded quick:unknown":                "full:degraded",
		"full:unknown quick:degraded":                "quick:degraded",
		"full:unhealthy deep:healthy":                "deep:healthy",
		"full:healthy quick:unhealthy quick:healthy": "full:healthy",
		"full:healthy quick:unhealthy full:degraded": "full:degraded",
	} {
		s, at := opened(t), time.Now().Add(-time.Hour)
		must(t, s.AddInstance(t.Context(), core.Instance{ID: "shop", Name: "Shop", Project: "shop", Origin: core.Adopted, Mode: core.Observe}, anEntry("adopt")))
		for n, one := range strings.Fields(seen) {
			mode, status, _ := strings.Cut(one, ":")
			d := &core.Diagnosis{ID: core.NewID(), InstanceID: "shop", Timestamp: at.Add(time.Duration(n) * time.Minute), Mode: core.Depth(mode), Status: core.Status(status)}
			must(t, s.SaveDiagnosis(t.Context(), d))
		}
		glances, err := s.Glances(t.Context())
		must(t, err)
		g, known := glances["shop"]
		if got := string(g.Mode) + ":" + string(g.Status); known != (want != "") || known && got != want {
			t.Errorf("after %q the fleet says %q, want %q", seen, got, want)
		}
		d, err := s.LastDiagnosis(t.Context(), "shop")
		if want == "" {
			if core.CodeOf(err) != core.NotFound {
				t.Errorf("after %q there is a last diagnosis: %v, %v", seen, d, err)
			}
			continue
		}
		if err != nil || d.ID != g.ID {
			t.Errorf("after %q the last diagnosis is %s:%s, the fleet says %s: %v", seen, d.Mode, d.Status, want, err)
		}
	}
}

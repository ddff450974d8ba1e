package diagnose_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
)

// checker finds what it is told to, with the codes it needs.
func checker(finds []core.Explanation, found ...core.Finding) core.Checker {
	return core.Checker{
		ID: "test.finds", Category: core.ServiceHealth, Finds: finds,
		Check: func(context.Context, core.Target) ([]core.Finding, error) { return found, nil },
	}
}

func target() core.Target { return core.Target{Observation: &core.Observation{At: time.Now()}} }

func TestRun(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	tests := map[string]struct {
		check func(context.Context, core.Target) ([]core.Finding, error)
		want  core.Status
	}{
		"nothing found is healthy": {func(context.Context, core.Target) ([]core.Finding, error) { return nil, nil }, core.Healthy},
		"a warning degrades": {func(context.Context, core.Target) ([]core.Finding, error) {
			return []core.Finding{{Code: "A", Severity: core.Warning}}, nil
		}, core.Degraded},
		"the worst finding wins": {func(context.Context, core.Target) ([]core.Finding, error) {
			return []core.Finding{{Code: "A", Severity: core.Warning}, {Code: "B", Severity: core.Critical}}, nil
		}, core.Unhealthy},
		"information alone is healthy": {func(context.Context, core.Target) ([]core.Finding, error) {
			return []core.Finding{{Code: "A", Severity: core.Info}}, nil
		}, core.Healthy},
		"an error is unknown, not healthy": {func(context.Context, core.Target) ([]core.Finding, error) { return nil, errors.New("no way to look") }, core.Unknown},
		"a panic is unknown":               {func(context.Context, core.Target) ([]core.Finding, error) { panic("nil map") }, core.Unknown},
		"a timeout is unknown": {func(ctx context.Context, _ core.Target) ([]core.Finding, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, core.Unknown},
		"a check that ignores its context is left behind": {func(context.Context, core.Target) ([]core.Finding, error) {
			<-hang
			return nil, nil
		}, core.Unknown},
		"what was found before an error stands": {func(context.Context, core.Target) ([]core.Finding, error) {
			return []core.Finding{{Code: "B", Severity: core.Critical}}, errors.New("the rest could not be seen")
		}, core.Unhealthy},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := diagnose.Run(t.Context(), target(), []core.Checker{{ID: "x.y", Category: core.ServiceHealth, Check: tt.check}}, diagnose.Options{Timeout: 30 * time.Millisecond})
			if d.Status != tt.want {
				t.Errorf("status = %s, want %s (%+v)", d.Status, tt.want, d.Unknowns)
			}
			if r := d.Results[core.ServiceHealth]; tt.want == core.Unknown && (r.Healthy || len(d.Unknowns) == 0) {
				t.Errorf("the category hides that it could not look: %+v", r)
			}
		})
	}
}

// TestSubjects wants a category to be unhealthy when the service that it is about
// is, whatever check found that, and Narrow to leave just that.
func TestSubjects(t *testing.T) {
	idle := func(c core.Category) core.Checker {
		return core.Checker{ID: string(c), Category: c, Check: func(context.Context, core.Target) ([]core.Finding, error) { return nil, nil }}
	}
	all := []core.Checker{
		checker([]core.Explanation{{Code: "A-1", Severity: core.Critical}, {Code: "B-1", Severity: core.Warning}},
			core.Finding{Code: "A-1", Service: core.Auth}, core.Finding{Code: "B-1", Service: core.DB}, core.Finding{Code: "A-1", Service: core.Rest}),
		idle(core.AuthService), idle(core.DatabaseConnection), idle(core.APIEndpoints),
	}
	d := diagnose.Run(t.Context(), target(), all, diagnose.Options{})
	for c, want := range map[core.Category]bool{core.ServiceHealth: false, core.AuthService: false, core.DatabaseConnection: true, core.APIEndpoints: true} {
		if r := d.Results[c]; r.Healthy != want || r.Healthy != (len(r.Issues) == 0) {
			t.Errorf("%s: %+v, want healthy %v", c, r, want)
		}
	}
	diagnose.Narrow(d, core.AuthService)
	if len(d.Findings) != 1 || d.Findings[0].Service != core.Auth || len(d.Results) != 1 || d.Status != core.Unhealthy {
		t.Errorf("narrowed to auth_service: %+v", d)
	}
}

func TestDepth(t *testing.T) {
	var ran []string
	named := func(id string, d core.Depth) core.Checker {
		return core.Checker{ID: id, Depth: d, Check: func(context.Context, core.Target) ([]core.Finding, error) {
			ran = append(ran, id)
			return nil, nil
		}}
	}
	all := []core.Checker{named("quick", core.Quick), named("full", ""), named("deep", core.Deep)}
	for depth, want := range map[core.Depth][]string{core.Quick: {"quick"}, core.Full: {"quick", "full"}, core.Deep: {"quick", "full", "deep"}} {
		ran = nil
		diagnose.Run(t.Context(), target(), all, diagnose.Options{Depth: depth, Parallel: 1})
		slices.Sort(ran)
		slices.Sort(want)
		if !slices.Equal(ran, want) {
			t.Errorf("%s ran %q, want %q", depth, ran, want)
		}
	}
}

// The codes of the correlation tests, as the checks declare them.
var codes = []core.Explanation{
	{Code: "WRONG-PASSWORD", Severity: core.Critical},
	{Code: "OUT-OF-MEMORY", Severity: core.Critical},
	{Code: "DISK-FULL", Severity: core.Critical},
	{Code: "NO-ROOM", Severity: core.Critical, SymptomOf: []string{"DISK-FULL"}},
	{Code: "STALE", Severity: core.Warning},
	{Code: "LOOP", Severity: core.Critical, Level: core.Crash},
	{Code: "SICK", Severity: core.Critical, Level: core.Malfunction},
	{Code: "ROUTE", Severity: core.Critical, Level: core.Consequence},
}

func TestRootCauses(t *testing.T) {
	on := func(code string, s core.Service, affects ...core.Service) core.Finding {
		return core.Finding{Code: code, Service: s, Affects: affects}
	}
	tests := map[string]struct {
		found []core.Finding
		roots []string
		under map[string]string // "CODE service" to the cause it goes under
	}{
		"one wrong password explains a loop, a sick service and two routes": {
			[]core.Finding{
				on("ROUTE", core.Auth), on("ROUTE", core.Rest), on("LOOP", core.Auth), on("SICK", core.Rest),
				on("WRONG-PASSWORD", core.DB, core.Auth, core.Rest),
			},
			[]string{"WRONG-PASSWORD"},
			map[string]string{"ROUTE auth": "WRONG-PASSWORD", "ROUTE rest": "WRONG-PASSWORD", "LOOP auth": "WRONG-PASSWORD", "SICK rest": "WRONG-PASSWORD"},
		},
		"a loop that the password does not explain stays a cause of its own": {
			[]core.Finding{on("LOOP", core.Imgproxy), on("LOOP", core.Auth), on("WRONG-PASSWORD", core.DB, core.Auth)},
			[]string{"WRONG-PASSWORD", "LOOP"},
			map[string]string{"LOOP auth": "WRONG-PASSWORD", "LOOP imgproxy": ""},
		},
		"two independent faults keep their symptoms apart": {
			[]core.Finding{
				on("OUT-OF-MEMORY", core.Storage), on("ROUTE", core.Storage),
				on("WRONG-PASSWORD", core.DB, core.Auth), on("ROUTE", core.Auth),
			},
			[]string{"WRONG-PASSWORD", "OUT-OF-MEMORY"},
			map[string]string{"ROUTE storage": "OUT-OF-MEMORY", "ROUTE auth": "WRONG-PASSWORD"},
		},
		"several hops: the disk, the database, auth, its route": {
			[]core.Finding{on("ROUTE", core.Auth), on("LOOP", core.Auth), on("LOOP", core.DB), on("NO-ROOM", core.DB), on("DISK-FULL", core.Host)},
			[]string{"DISK-FULL"},
			map[string]string{"ROUTE auth": "DISK-FULL", "LOOP auth": "DISK-FULL", "LOOP db": "DISK-FULL", "NO-ROOM db": "DISK-FULL"},
		},
		"no room without a full disk stands alone": {
			[]core.Finding{on("NO-ROOM", core.DB), on("LOOP", core.DB)},
			[]string{"NO-ROOM"},
			map[string]string{"LOOP db": "NO-ROOM"},
		},
		"a crash nobody can explain is the cause of what follows": {
			[]core.Finding{on("ROUTE", core.Auth), on("LOOP", core.Auth)},
			[]string{"LOOP"},
			map[string]string{"ROUTE auth": "LOOP"},
		},
		"the database's crash explains those that need it": {
			[]core.Finding{on("LOOP", core.Auth), on("LOOP", core.DB)},
			[]string{"LOOP"},
			map[string]string{"LOOP auth": "LOOP", "LOOP db": ""},
		},
		"a warning does not explain a breakdown": {
			[]core.Finding{on("STALE", core.Auth), on("LOOP", core.Auth)},
			[]string{"LOOP", "STALE"},
			map[string]string{"LOOP auth": "", "STALE auth": ""},
		},
		"a service does not explain the database it needs": {
			[]core.Finding{on("OUT-OF-MEMORY", core.Auth), on("LOOP", core.DB)},
			[]string{"OUT-OF-MEMORY", "LOOP"},
			map[string]string{"LOOP db": ""},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := diagnose.Run(t.Context(), target(), []core.Checker{checker(codes, tt.found...)}, diagnose.Options{})
			got := slices.Clone(d.RootCauses)
			slices.Sort(got)
			want := slices.Clone(tt.roots)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("root causes = %q, want %q", d.RootCauses, tt.roots)
			}
			for _, f := range d.Findings {
				cause := ""
				if f.CausedBy != nil {
					cause = *f.CausedBy
				}
				if want, ok := tt.under[f.Code+" "+string(f.Service)]; ok && cause != want {
					t.Errorf("%s of %s is under %q, want %q", f.Code, f.Service, cause, want)
				}
			}
		})
	}
}

func TestComposeGatesAreEdges(t *testing.T) {
	tgt := target()
	tgt.Compose.Services = []core.ComposeService{
		{Name: "analytics", Service: core.Analytics},
		{Name: "auth", Service: core.Auth, DependsOn: map[string]string{"analytics": "service_healthy"}},
	}
	d := diagnose.Run(t.Context(), tgt, []core.Checker{checker(codes,
		core.Finding{Code: "ROUTE", Service: core.Auth}, core.Finding{Code: "SICK", Service: core.Analytics},
	)}, diagnose.Options{})
	if !slices.Equal(d.RootCauses, []string{"SICK"}) {
		t.Errorf("root causes = %q: a gate of the compose file was not followed", d.RootCauses)
	}
}

// TestWhatCouldNotBeSeenIsNotWell: a category whose facts were not to be had is unknown,
// though no check of it found anything.
func TestWhatCouldNotBeSeenIsNotWell(t *testing.T) {
	seen := target()
	seen.Gaps = []core.Gap{{What: "files of the instance", Why: "the instance folder cannot be opened", Category: core.Configuration}}
	var checks []core.Checker
	for _, c := range []core.Category{core.Configuration, core.ServiceHealth} {
		checks = append(checks, core.Checker{ID: string(c), Category: c, Check: func(context.Context, core.Target) ([]core.Finding, error) { return nil, nil }})
	}
	d := diagnose.Run(t.Context(), seen, checks, diagnose.Options{})
	if r := d.Results[core.Configuration]; r.Healthy || r.Status != "unknown: the instance folder cannot be opened" {
		t.Errorf("configuration: %+v", r)
	}
	if r := d.Results[core.ServiceHealth]; !r.Healthy {
		t.Errorf("the services: %+v", r)
	}
}

// TestPresentServices wants the services that have a container, each once and in the
// order of the product, and none that nobody knows.
func TestPresentServices(t *testing.T) {
	seen := target()
	seen.Containers = []core.Container{{Service: core.Auth}, {Service: ""}, {Service: core.DB, State: "exited"}, {Service: core.Auth}}
	d := diagnose.Run(t.Context(), seen, nil, diagnose.Options{})
	if want := []core.Service{core.DB, core.Auth}; !slices.Equal(d.Services, want) {
		t.Errorf("services %v, want %v", d.Services, want)
	}
}

package coretest

import (
	"testing"

	"github.com/basewright/basewright/core"
)

func recoversStop(t *testing.T, e core.Engine) {
	before := state(t, e, core.Auth)
	captured, err := e.Capture(t.Context())
	must(t, err)
	must(t, e.Stop(t.Context(), core.Auth))
	for range 2 {
		must(t, e.Recover(t.Context(), captured))
		if after := state(t, e, core.Auth); after.State != "running" || after.ID != before.ID {
			t.Fatalf("before %s %s, after %s %s", before.ID, before.State, after.ID, after.State)
		}
	}
}

func recoversStopped(t *testing.T, e core.Engine) {
	must(t, e.Stop(t.Context(), core.Auth))
	captured, err := e.Capture(t.Context())
	must(t, err)
	before := state(t, e, core.Auth)
	must(t, e.Up(t.Context(), core.UpRequest{Services: []core.Service{core.Auth}, Recreate: true}))
	var first core.Container
	for i := range 2 {
		must(t, e.Recover(t.Context(), captured))
		after := state(t, e, core.Auth)
		if after.State == "running" || after.Name != before.Name || after.Image != before.Image {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		if i == 1 && after.ID != first.ID {
			t.Fatal("the second time made another container")
		}
		first = after
	}
}

func recoversDown(t *testing.T, e core.Engine) {
	before, db := state(t, e, core.Auth), state(t, e, core.DB)
	captured, err := e.Capture(t.Context())
	must(t, err)
	for range 2 {
		must(t, e.Down(t.Context()))
		if o, err := e.Observe(t.Context()); err != nil || len(o.Containers) > 0 {
			t.Fatalf("%d containers are left, %v", len(o.Containers), err)
		}
	}
	must(t, e.Recover(t.Context(), captured))
	after := state(t, e, core.Auth)
	if after.State != "running" || after.Name != before.Name || after.ID == before.ID || state(t, e, core.DB).Name != db.Name {
		t.Fatalf("before %+v, after %+v", before, after)
	}
}

func recoversNonsense(t *testing.T, e core.Engine) {
	wantCode(t, e.Recover(t.Context(), []byte("nonsense")), core.Invalid)
	if c := state(t, e, core.Auth); c.State != "running" {
		t.Fatalf("auth is %s", c.State)
	}
}

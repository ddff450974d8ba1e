package core

import "testing"

func TestHandles(t *testing.T) {
	o := &Observation{
		Env:        EnvFile{Vars: []EnvVar{{Key: "A", Value: "a", Written: "a$"}}},
		Containers: []Container{{ID: "1", Service: DB, Env: map[string]Secret{"A": "db"}}, {ID: "2", ComposeService: "Own.thing", Env: map[string]Secret{"A": "own"}}},
	}
	for text, want := range map[string]Secret{"env:A": "a", "written:A": "a$", "svc:db:A": "db", "svc:Own.thing:A": "own", "given:A": "", "env:B": "", "svc:auth:A": ""} {
		h, ok := ParseHandle(text)
		if !ok || h.String() != text {
			t.Errorf("%s is read as %v: %v", text, h, ok)
		}
		if got, ok := o.Secret(h); got != want || ok != (want != "") {
			t.Errorf("%s is %q: %v", text, got.Reveal(), ok)
		}
	}
	for _, text := range []string{"", "A", "env:", "env:1A", "env:A\nB", "env:A:B", "svc:db", "svc::A", "svc:../x:A", "file:/etc/shadow"} {
		if h, ok := ParseHandle(text); ok {
			t.Errorf("%q is read as %v", text, h)
		}
	}
}

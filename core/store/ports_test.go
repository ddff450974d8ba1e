package store

import (
	"slices"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestPortsAreOfOneInstance(t *testing.T) {
	s := opened(t)
	for _, port := range []int{8000, 8443} {
		if err := s.ReservePort(t.Context(), "c1", "shop", "K", port); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ReservePort(t.Context(), "c2", "shop", "K", 8000); err != nil {
		t.Errorf("its own again: %v", err)
	}
	if err := s.ReservePort(t.Context(), "c3", "blog", "K", 8000); core.CodeOf(err) != core.Conflict {
		t.Errorf("another's: %v", err)
	}
	if ports, err := s.ReservedPorts(t.Context(), "blog"); err != nil || !slices.Equal(ports, []int{8000, 8443}) {
		t.Errorf("%v, %v", ports, err)
	}
	if ports, err := s.ReservedPorts(t.Context(), "shop"); err != nil || len(ports) != 0 {
		t.Errorf("its own are not taken: %v, %v", ports, err)
	}
	if err := s.ReleasePorts(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if ports, err := s.ReservedPorts(t.Context(), "blog"); err != nil || len(ports) != 0 {
		t.Errorf("%v, %v", ports, err)
	}
}

func TestExecIsAllowedToOneTextOfAPlaybook(t *testing.T) {
	s := opened(t)
	may := func(source string) bool {
		ok, err := s.MayExec(t.Context(), "tidy", source)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if may("v1") || may("") {
		t.Error("it is allowed by itself")
	}
	if err := s.AllowExec(t.Context(), "tidy", "v1", "cli:ana"); err != nil || !may("v1") || may("v2") || may("") {
		t.Errorf("%v; v1 %v, v2 %v", err, may("v1"), may("v2"))
	}
	if err := s.AllowExec(t.Context(), "tidy", "", "cli:ana"); err != nil || may("v1") || may("") {
		t.Errorf("%v; v1 %v", err, may("v1"))
	}
	audit, err := s.Audit(t.Context(), 2)
	if err != nil || len(audit) != 2 || audit[1].Action != "playbook.allow-exec" || audit[0].Action != "playbook.forbid-exec" || audit[0].Actor != "cli:ana" {
		t.Errorf("%+v, %v", audit, err)
	}
}

package repairs

import (
	"context"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestPlansNameThePort: what a person approves is the very port.
func TestPlansNameThePort(t *testing.T) {
	target := sickTarget(eyes{})
	target.Reserved = []int{8002}
	allocate := func(key string, from int) core.Action {
		return core.Action{Op: core.OpAllocatePort, Args: map[string]any{"key": key, "from": from}}
	}
	actions := []core.Action{allocate("KONG_HTTP_PORT", 8000), {Op: core.OpNote}, allocate("KONG_HTTPS_PORT", 8000)}
	if err := settlePorts(context.Background(), target, actions); err != nil {
		t.Fatal(err)
	}
	diff := Diff(target.Observation, actions, target.Key)
	if len(diff) != 2 || diff[0].After != "8003" || diff[1].After != "8004" {
		t.Errorf("%+v", diff)
	}
	actions = []core.Action{{Op: core.OpAllocatePort, Args: map[string]any{"key": "K", "from": 8000, "to": 8002}}}
	if err := settlePorts(context.Background(), target, actions); core.CodeOf(err) != core.Conflict {
		t.Errorf("no port is free: %v", err)
	}
}

func TestCommandsAreShownWordByWord(t *testing.T) {
	a := core.Action{Op: core.OpExec, Service: core.Auth, Args: map[string]any{"command": []any{"rm", "a b"}}}
	d := Diff(sickInstance(), []core.Action{a}, core.FingerprintKey("k"))
	if len(d) != 1 || d[0].After != `runs "rm" "a b"` || d[0].Before != "what it does cannot be undone but by the snapshot" {
		t.Errorf("%+v", d)
	}
}

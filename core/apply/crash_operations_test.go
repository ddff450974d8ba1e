package apply

import (
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// everything is a plan with every operation that the cure does without.
func (w *world) everything() core.Plan {
	args := func(kv ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	return w.cure(
		core.Action{Op: core.OpStop, Service: core.Gateway},
		core.Action{Op: core.OpStart, Service: core.Gateway},
		core.Action{Op: core.OpRestart, Service: core.Gateway},
		core.Action{Op: core.OpUp},
		core.Action{Op: core.OpUnsetEnv, Args: args("key", "KEEP")},
		core.Action{Op: core.OpSetEnv, Args: args("key", "JWT_SECRET", "value", "plain")},
		core.Action{Op: core.OpMintKeys},
		core.Action{Op: core.OpGenerateSecret, Args: args("key", "VAULT_ENC_KEY")},
		core.Action{Op: core.OpAllocatePort, Args: args("key", "KONG_HTTP_PORT", "from", 18000)},
		core.Action{Op: core.OpChmod, Args: args("path", "docker-compose.yml", "mode", "0600")},
		core.Action{Op: core.OpQuarantine, Args: args("path", "volumes/api/kong.yml")},
		core.Action{Op: core.OpSQL, Args: args("statement", "comment on table x is 'a'", "inverse", "comment on table x is null")},
		core.Action{Op: core.OpExec, Service: core.Gateway, Args: args("command", []any{"kong", "reload"}, "inverse", []any{"kong", "reload"})},
		core.Action{Op: core.OpConnectNetwork, Service: core.Gateway, Args: args("network", "shop_default")},
		core.Action{Op: core.OpRenameContainer, Service: core.Gateway, Args: args("name", "shop-kong")},
		core.Action{Op: core.OpCheck, Args: args("code", "PG-01")},
	)
}

// answered are operations whose waiting needs a service that answers.
var answered = []core.Op{core.OpWaitHTTP}

// mustPassEveryOperation is the law: an operation that is never killed is not
// shipped.
func mustPassEveryOperation(t *testing.T, points []string) {
	t.Helper()
	for op := range ops {
		killed := slices.ContainsFunc(points, func(p string) bool {
			return strings.HasPrefix(p, "action-") && strings.HasSuffix(p, "-"+string(op)+".do.after")
		})
		if !killed && !slices.Contains(answered, op) && op != "edit_file" {
			t.Errorf("%s has no run in which the agent is killed", op)
		}
	}
}

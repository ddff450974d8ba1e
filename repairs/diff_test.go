package repairs

import (
	"testing"

	"github.com/basewright/basewright/core"
)

// TestDiffOfAFile shows the lines of a file that change, and no secret in them.
func TestDiffOfAFile(t *testing.T) {
	o := &core.Observation{Env: core.EnvFile{Vars: []core.EnvVar{{Key: "JWT_SECRET", Value: "pl4nted-s3cret-value-42"}}}}
	edits := []any{
		map[string]any{"line": 3, "old": "    ports:", "new": "    ports:\n      - 127.0.0.1:80:80"},
		map[string]any{"line": 9, "old": "    image: a", "new": "    image: b"},
		map[string]any{"line": 12, "old": "      SECRET: pl4nted-s3cret-value-42", "new": "      SECRET: ${JWT_SECRET}"},
	}
	got := Diff(o, []core.Action{
		{Op: core.OpWriteFile, Args: map[string]any{"path": "docker-compose.yml", "edits": edits}},
		{Op: core.OpWriteFile, Args: map[string]any{"path": "pooler.exs", "lines": "lf"}},
		{Op: core.OpWriteFile, Args: map[string]any{"path": "new.sql", "content": "select 1;"}},
	}, core.FingerprintKey{})
	equalJSON(t, got, []core.Diff{
		{Target: "file docker-compose.yml:3 (added)", After: "- 127.0.0.1:80:80"},
		{Target: "file docker-compose.yml:9", Before: "image: a", After: "image: b"},
		{Target: "file docker-compose.yml:12", Before: "SECRET: •••", After: "SECRET: ${JWT_SECRET}"},
		{Target: "file pooler.exs", After: "every line ends with LF"},
		{Target: "file new.sql", After: "9 bytes"},
	})
}

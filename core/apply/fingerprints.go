package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// replaced names the secrets of the .env that are others than before the change, with
// the fingerprints of both, so that one may ask later when a value was in use. It is
// empty where it cannot be told, which holds no change up.
func (t *transaction) replaced(ctx context.Context) string {
	if t.Fingerprint == nil {
		return ""
	}
	f, err := t.e.ReadFile(ctx, cmp.Or(t.env, ".env")) // what is created has none yet at its begin
	if err != nil {
		return ""
	}
	now, err := supabase.ParseEnv(f.Data)
	if err != nil {
		return ""
	}
	before, after := valuesOf(t.before), valuesOf(now)
	var keys []string
	for _, v := range slices.Concat(t.before, now) {
		if core.TellsSecret(v.Key) && before[v.Key] != after[v.Key] && !slices.Contains(keys, v.Key) {
			keys = append(keys, v.Key)
		}
	}
	var said strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&said, "; %s %s, was %s", k, t.Fingerprint(after[k]), t.Fingerprint(before[k]))
	}
	return said.String()
}

// valuesOf holds what counts of each key.
func valuesOf(vars []core.EnvVar) map[string]core.Secret {
	values := map[string]core.Secret{}
	for _, v := range vars {
		values[v.Key] = v.Value
	}
	return values
}

package checks

import (
	"encoding/base64"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// TestSecretForms wants a mismatch told where a verifier holds another secret,
// and none where it holds the right one in another form.
func TestSecretForms(t *testing.T) {
	const secret = core.Secret(secret32 + "y")
	key, err := supabase.MintKey("anon", secret, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		env  map[string]core.Secret
		told bool
	}{
		"another secret":       {map[string]core.Secret{"PGRST_JWT_SECRET": secret32 + "z"}, true},
		"the secret":           {map[string]core.Secret{"PGRST_JWT_SECRET": secret}, false},
		"a key set":            {map[string]core.Secret{"PGRST_JWT_SECRET": ` {"keys":[]}`}, false},
		"a file":               {map[string]core.Secret{"PGRST_JWT_SECRET": "@/run/secrets/jwt"}, false},
		"in Base64":            {map[string]core.Secret{"PGRST_JWT_SECRET": core.Secret(base64.StdEncoding.EncodeToString([]byte(secret))), "PGRST_JWT_SECRET_IS_BASE64": "True"}, false},
		"in Base64, unsaid":    {map[string]core.Secret{"PGRST_JWT_SECRET": core.Secret(base64.StdEncoding.EncodeToString([]byte(secret)))}, true},
		"another in Base64":    {map[string]core.Secret{"PGRST_JWT_SECRET": "YWJj", "PGRST_JWT_SECRET_IS_BASE64": "true"}, true},
		"Base64 that is none":  {map[string]core.Secret{"PGRST_JWT_SECRET": "%%%", "PGRST_JWT_SECRET_IS_BASE64": "true"}, true},
		"nothing, as of DK-05": {map[string]core.Secret{"PGRST_JWT_SECRET": ""}, false},
	} {
		tgt := stack(map[core.Service]func(*core.Container){core.Rest: func(c *core.Container) { c.Env = row.env }})
		var f core.Finding
		mismatches(tgt, namedKey{"ANON_KEY", "anon", key}, &f)
		if got := len(f.Affects) > 0; got != row.told {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

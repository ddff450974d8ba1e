package apply

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/supabase"
)

// TestKeysAreMintedBothWays signs the keys with the secret that an earlier action
// made, and has a rollback bring the old ones back byte for byte.
func TestKeysAreMintedBothWays(t *testing.T) {
	actions := []core.Action{
		{Op: core.OpGenerateSecret, Args: map[string]any{"key": "JWT_SECRET"}},
		{Op: core.OpMintKeys, Args: map[string]any{"years": 2.0}},
	}
	for name, helps := range map[string]bool{"kept": true, "rolled back": false} {
		w := newWorld(t)
		w.e.Edit(func(e *coretest.Engine) {
			f := e.Files[".env"]
			f.Data = append(f.Data, "JWT_SECRET=old\nANON_KEY=stale # of the example\nSERVICE_ROLE_KEY=stale\n"...)
			e.Files[".env"] = f
		})
		w.spoil = func(d *core.Diagnosis) {
			if d.Findings = nil; !helps {
				d.Findings = []core.Finding{{Code: "PG-01"}}
			}
		}
		before := w.state()
		c, err := w.apply(t.Context(), w.plan(actions...))
		if c == nil || (c.State == core.Committed) != helps {
			t.Fatalf("%s: %+v, %v", name, c, err)
		}
		if !helps {
			w.mustBe(t, before)
			continue
		}
		files := w.state().Files
		secret := core.Secret(envValue(files, "JWT_SECRET"))
		for key, role := range map[string]string{"ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service_role"} {
			v := core.Secret(envValue(files, key))
			k, err := supabase.ReadKey(v)
			if err != nil || k.Role != role || len(secret) != 40 || !supabase.SignedBy(v, secret) || k.ExpiresAt.Sub(k.IssuedAt).Hours() > 366*48 {
				t.Errorf("%s: %+v, %v", key, k, err)
			}
			for _, e := range w.events {
				if strings.Contains(e.Step+e.Outcome, v.Reveal()) || strings.Contains(e.Step+e.Outcome, secret.Reveal()) {
					t.Errorf("an event holds %s", key)
				}
			}
		}
	}
}

func TestSecretsThatNobodyWouldAcceptAreRefused(t *testing.T) {
	for says, args := range map[string]map[string]any{
		"VAULT_ENC_KEY must be exactly 32 characters": {"key": "VAULT_ENC_KEY", "length": 40.0},
		"mint_keys makes it":                          {"key": "ANON_KEY"},
		"length is 4; it may be 8 to 256":             {"key": "X", "length": 4.0},
		`encoding is "token"`:                         {"key": "X", "encoding": "token"},
		"must be exactly 41 characters (token)":       {"key": "SUPABASE_SECRET_KEY", "encoding": "hex"},
	} {
		if err := validateAction(core.Action{Op: core.OpGenerateSecret, Args: args}); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	if err := validateAction(core.Action{Op: core.OpMintKeys, Args: map[string]any{"years": 50}}); core.CodeOf(err) != core.Invalid {
		t.Errorf("keys for 50 years: %v", err)
	}
}

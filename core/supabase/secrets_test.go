package supabase

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

// TestEverySecretIsDrawnAsItsReadersWantIt holds the lengths that services refuse
// to do without.
func TestEverySecretIsDrawnAsItsReadersWantIt(t *testing.T) {
	for key, shape := range map[string]string{
		"VAULT_ENC_KEY": `^[0-9a-f]{32}$`, "REALTIME_DB_ENC_KEY": `^[0-9a-f]{16}$`, "SECRET_KEY_BASE": `^[A-Za-z0-9+/]{64}$`,
		"JWT_SECRET": `^[A-Za-z0-9+/]{40}$`, "POSTGRES_PASSWORD": `^[0-9a-f]{32}$`, "PG_META_CRYPTO_KEY": `^[A-Za-z0-9+/]{32}$`,
		"S3_PROTOCOL_ACCESS_KEY_SECRET": `^[0-9a-f]{64}$`, "SOMETHING_ELSE": `^[A-Za-z0-9]{32}$`,
		"SUPABASE_SECRET_KEY": `^sb_secret_[A-Za-z0-9]{22}_[A-Za-z0-9_-]{8}$`, "SUPABASE_PUBLISHABLE_KEY": `^sb_publishable_[A-Za-z0-9]{22}_[A-Za-z0-9_-]{8}$`,
	} {
		r, err := RecipeOf(key)
		if err != nil {
			t.Fatal(err)
		}
		var seen []core.Secret
		for range 20 {
			v, err := r.Draw()
			if err != nil || !regexp.MustCompile(shape).MatchString(v.Reveal()) || len(v) != r.Length || slices.Contains(seen, v) {
				t.Fatalf("%s: %q does not look like %s, or came twice: %v", key, v.Reveal(), shape, err)
			}
			seen = append(seen, v)
		}
	}
	for key := range recipes {
		if r, err := RecipeOf(key); err != nil || r.Length < 16 {
			t.Errorf("%s: %+v, %v", key, r, err)
		}
	}
	for _, key := range []string{"ANON_KEY", "SERVICE_ROLE_KEY", "JWT_JWKS"} {
		if _, err := RecipeOf(key); core.CodeOf(err) != core.Invalid {
			t.Errorf("%s was to be drawn at random: %v", key, err)
		}
	}
}

// The EC key of RFC 7515, appendix A.3.
const rfcKey = `{"kty":"EC","crv":"P-256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`

func TestMintKeys(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	env := map[string]core.Secret{"JWT_SECRET": "the new secret"}
	lookup := func(key string) (core.Secret, bool) { v, ok := env[key]; return v, ok }
	made, err := MintKeys(lookup, now, 2)
	if err != nil || len(made) != 2 {
		t.Fatalf("%d made, %v", len(made), err)
	}
	for key, role := range map[string]string{"ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service_role"} {
		k, err := ReadKey(made[key])
		if err != nil || k.Role != role || !k.ExpiresAt.Equal(now.AddDate(2, 0, 0)) || !SignedBy(made[key], "the new secret") {
			t.Errorf("%s: %+v, %v", key, k, err)
		}
	}
	env["JWT_KEYS"] = core.Secret(`[` + rfcKey + `,{"kty":"oct","k":"b2xk","alg":"HS256"}]`)
	if made, err = MintKeys(lookup, now, 5); err != nil || len(made) != 6 {
		t.Fatalf("asymmetric: %d made, %v", len(made), err)
	}
	var private []map[string]any
	var public struct{ Keys []map[string]any }
	if json.Unmarshal([]byte(made["JWT_KEYS"].Reveal()), &private) != nil || json.Unmarshal([]byte(made["JWT_JWKS"].Reveal()), &public) != nil {
		t.Fatal("the key sets are no JSON")
	}
	copyOf := base64.RawURLEncoding.EncodeToString([]byte("the new secret"))
	if private[1]["k"] != copyOf || public.Keys[1]["k"] != copyOf || private[0]["d"] == nil || public.Keys[0]["d"] != nil || public.Keys[0]["x"] == nil {
		t.Errorf("private %v, public %v", private, public)
	}
	key, err := ecKey(private[0])
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Parse(made["SERVICE_ROLE_KEY_ASYMMETRIC"].Reveal(), func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil || token.Header["kid"] != "k1" || token.Claims.(jwt.MapClaims)["role"] != "service_role" {
		t.Errorf("%v, %v", token, err)
	}
}

func TestMintKeysRefuses(t *testing.T) {
	for name, row := range map[string]struct{ secret, keys, says string }{
		"no secret":          {"", "", "JWT_SECRET has no value"},
		"keys that are none": {"s", "planted-nonsense", "not a JSON array"},
		"no private key":     {"s", `[{"kty":"oct","k":"x"}]`, "no private EC key"},
		"a key off its curve": {"s", `[{"kty":"EC","crv":"P-256","x":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 32)) + `","y":"` +
			base64.RawURLEncoding.EncodeToString(make([]byte, 32)) + `","d":"` + base64.RawURLEncoding.EncodeToString(hexBytes("01", 32)) + `"}]`, "do not belong together"},
		"another curve": {"s", `[{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}]`, "not a P-256 key"},
	} {
		lookup := func(key string) (core.Secret, bool) {
			v := core.Secret(map[string]string{"JWT_SECRET": row.secret, "JWT_KEYS": row.keys}[key])
			return v, v != ""
		}
		if _, err := MintKeys(lookup, time.Now(), 5); err == nil || !regexp.MustCompile(row.says).MatchString(err.Error()) || regexp.MustCompile("planted").MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func hexBytes(b string, n int) []byte {
	one, _ := hex.DecodeString(b)
	return slices.Repeat(one, n)
}

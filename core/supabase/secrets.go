package supabase

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// Recipe says what a secret must look like to be accepted by the services that
// read it. Upstream's own scripts make them of these shapes.
type Recipe struct {
	Encoding string // hex, base64, alphanumeric or token
	Length   int    // in characters
	Exact    bool   // a service refuses any other length
	Prefix   string // of a token, with its random part and checksum behind it
}

// DefaultRecipe is for variables that are not known.
var DefaultRecipe = Recipe{Encoding: "alphanumeric", Length: 32}

// recipes by the name of the variable in .env. Values that go into connection
// strings are hex, which needs no escaping.
var recipes = map[string]Recipe{
	"POSTGRES_PASSWORD":               {Encoding: "hex", Length: 32},
	"DASHBOARD_PASSWORD":              {Encoding: "hex", Length: 32},
	"JWT_SECRET":                      {Encoding: "base64", Length: 40},
	"SECRET_KEY_BASE":                 {Encoding: "base64", Length: 64},
	"REALTIME_DB_ENC_KEY":             {Encoding: "hex", Length: 16, Exact: true},
	"DB_ENC_KEY":                      {Encoding: "hex", Length: 16, Exact: true},
	"VAULT_ENC_KEY":                   {Encoding: "hex", Length: 32, Exact: true},
	"PG_META_CRYPTO_KEY":              {Encoding: "base64", Length: 32},
	"LOGFLARE_API_KEY":                {Encoding: "base64", Length: 32},
	"LOGFLARE_LOGGER_BACKEND_API_KEY": {Encoding: "base64", Length: 32},
	"LOGFLARE_PUBLIC_ACCESS_TOKEN":    {Encoding: "base64", Length: 32},
	"LOGFLARE_PRIVATE_ACCESS_TOKEN":   {Encoding: "base64", Length: 32},
	"S3_PROTOCOL_ACCESS_KEY_ID":       {Encoding: "hex", Length: 32},
	"S3_PROTOCOL_ACCESS_KEY_SECRET":   {Encoding: "hex", Length: 64},
	"MINIO_ROOT_PASSWORD":             {Encoding: "hex", Length: 32},
	"SUPABASE_PUBLISHABLE_KEY":        {Encoding: "token", Prefix: "sb_publishable_", Length: 46, Exact: true},
	"SUPABASE_SECRET_KEY":             {Encoding: "token", Prefix: "sb_secret_", Length: 41, Exact: true},
}

// signed are the variables whose values are signed, not drawn.
var signed = map[string]bool{
	"ANON_KEY": true, "SERVICE_ROLE_KEY": true, "ANON_KEY_ASYMMETRIC": true, "SERVICE_ROLE_KEY_ASYMMETRIC": true,
	"JWT_KEYS": true, "JWT_JWKS": true,
}

// RecipeOf returns how the secret of a variable is made. One that is signed with
// another secret cannot be drawn.
func RecipeOf(key string) (Recipe, error) {
	if signed[key] {
		return Recipe{}, core.Errorf(core.Invalid, "%s is signed with JWT_SECRET and cannot be drawn at random; mint_keys makes it", key)
	}
	if r, ok := recipes[key]; ok {
		return r, nil
	}
	return DefaultRecipe, nil
}

// Draw makes a new random secret by the recipe.
func (r Recipe) Draw() (core.Secret, error) {
	switch r.Encoding {
	case "hex", "base64":
		b := make([]byte, r.Length) // more than enough for that many characters
		if _, err := rand.Read(b); err != nil {
			return "", err
		}
		text := hex.EncodeToString(b)
		if r.Encoding == "base64" {
			text = base64.StdEncoding.EncodeToString(b)
		}
		return core.Secret(text[:r.Length]), nil
	case "alphanumeric":
		return core.Secret(letters(r.Length)), nil
	case "token":
		body := r.Prefix + letters(22)
		sum := sha256.Sum256([]byte("supabase-self-hosted|" + body))
		return core.Secret(body + "_" + base64.RawURLEncoding.EncodeToString(sum[:])[:8]), nil
	}
	return "", fmt.Errorf("draw a secret: there is no encoding %q", r.Encoding)
}

// letters returns n random letters and digits, each as likely as any other.
func letters(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	for b.Len() < n {
		var raw [64]byte
		_, _ = rand.Read(raw[:]) // never fails: the program ends instead
		for _, x := range raw {
			if i := int(x); i < 4*len(alphabet) && b.Len() < n {
				b.WriteByte(alphabet[i%len(alphabet)])
			}
		}
	}
	return b.String()
}

// Secrets are those of one new stack, by the variable of its .env. They are of
// the shapes that their readers want.
type Secrets map[string]core.Secret

// NewSecrets returns the JWT secret of a new stack and the API keys that are
// signed with it; what else is asked for is drawn then.
func NewSecrets(now time.Time) (Secrets, error) {
	s := Secrets{}
	if _, err := s.Of("JWT_SECRET"); err != nil {
		return nil, err
	}
	keys, err := MintKeys(func(key string) (core.Secret, bool) { v, ok := s[key]; return v, ok }, now, DefaultKeyYears)
	maps.Copy(s, keys)
	return s, err
}

// Of returns the secret of a variable, drawn when it is first asked for.
func (s Secrets) Of(key string) (core.Secret, error) {
	if v, ok := s[key]; ok {
		return v, nil
	}
	recipe, err := RecipeOf(key)
	if err != nil {
		return "", err
	}
	v, err := recipe.Draw()
	s[key] = v
	return v, err
}

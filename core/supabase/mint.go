package supabase

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

// DefaultKeyYears is how long upstream's scripts let an API key be valid.
const DefaultKeyYears = 5

// MintKeys returns the .env variables that follow from JWT_SECRET, made anew:
// ANON_KEY and SERVICE_ROLE_KEY, and, where the stack has asymmetric keys, the
// tokens signed with them and the key sets, whose copy of the secret must follow
// it. The private key of the stack stays, and so do the sessions of its users.
func MintKeys(lookup func(key string) (core.Secret, bool), now time.Time, years int) (map[string]core.Secret, error) {
	secret, _ := lookup("JWT_SECRET")
	if secret == "" {
		return nil, core.Errorf(core.Conflict, "JWT_SECRET has no value, so nothing can be signed with it")
	}
	made := map[string]core.Secret{}
	for key, role := range map[string]string{"ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service_role"} {
		var err error
		if made[key], err = mintKey(role, secret, now, years); err != nil {
			return nil, fmt.Errorf("sign %s: %w", key, err)
		}
	}
	keys, _ := lookup("JWT_KEYS")
	if keys == "" {
		return made, nil
	}
	return made, mintAsymmetric(made, keys, secret, now, years)
}

// mintAsymmetric adds what follows from the private keys in JWT_KEYS.
func mintAsymmetric(made map[string]core.Secret, keys, secret core.Secret, now time.Time, years int) error {
	var set []map[string]any
	if json.Unmarshal([]byte(keys.Reveal()), &set) != nil { // whose message would quote it
		return core.Errorf(core.Conflict, "JWT_KEYS is not a JSON array of keys")
	}
	var signer map[string]any
	var public []map[string]any
	for i, k := range set {
		switch k["kty"] {
		case "EC":
			if k["d"] != nil && signer == nil {
				signer = k
			}
			public = append(public, publicOf(k))
		case "oct":
			set[i]["k"] = base64.RawURLEncoding.EncodeToString([]byte(secret.Reveal()))
			public = append(public, set[i])
		}
	}
	if signer == nil {
		return core.Errorf(core.Conflict, "JWT_KEYS holds no private EC key to sign with")
	}
	for key, role := range map[string]string{"ANON_KEY_ASYMMETRIC": "anon", "SERVICE_ROLE_KEY_ASYMMETRIC": "service_role"} {
		token, err := signEC(signer, keyClaimsOf(role, now, years))
		if err != nil {
			return err
		}
		made[key] = core.Secret(token)
	}
	for key, v := range map[string]any{"JWT_KEYS": set, "JWT_JWKS": map[string]any{"keys": public}} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
		made[key] = core.Secret(text)
	}
	return nil
}

// publicOf returns the part of an EC key that verifiers get.
func publicOf(k map[string]any) map[string]any {
	public := map[string]any{"key_ops": []string{"verify"}}
	for _, name := range []string{"kty", "crv", "x", "y", "kid", "use", "alg", "ext"} {
		if v, ok := k[name]; ok {
			public[name] = v
		}
	}
	return public
}

// ecKey reads a private P-256 key in JWK form.
func ecKey(k map[string]any) (*ecdsa.PrivateKey, error) {
	part := func(name string) []byte {
		text, _ := k[name].(string)
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(b) != 32 {
			return nil
		}
		return b
	}
	x, y, d := part("x"), part("y"), part("d")
	if k["crv"] != "P-256" || x == nil || y == nil || d == nil {
		return nil, core.Errorf(core.Conflict, "the EC key in JWT_KEYS is not a P-256 key that can be read")
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		return nil, core.Errorf(core.Conflict, "the EC key in JWT_KEYS is not on its curve")
	}
	public, err := key.PublicKey.Bytes()
	if err != nil || !bytes.Equal(public, slices.Concat([]byte{4}, x, y)) { // 4: uncompressed
		return nil, core.Errorf(core.Conflict, "the private and the public part of the EC key in JWT_KEYS do not belong together")
	}
	return key, nil
}

// signEC signs claims with a private P-256 key in JWK form.
func signEC(k map[string]any, claims jwt.MapClaims) (string, error) {
	key, err := ecKey(k)
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	if kid, ok := k["kid"].(string); ok {
		token.Header["kid"] = kid
	}
	return token.SignedString(key)
}

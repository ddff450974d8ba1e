package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// newECKey makes a private ES256 JWK.
func newECKey(t *testing.T) jwk {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := k.PublicKey.Bytes() // 4 || X || Y
	if err != nil {
		t.Fatal(err)
	}
	d, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := base64.RawURLEncoding.EncodeToString
	return jwk{Kty: "EC", Kid: "k1", Alg: "ES256", Crv: "P-256", X: b(raw[1:33]), Y: b(raw[33:]), D: b(d), KeyOps: []string{"sign", "verify"}}
}

func signES256(t *testing.T, k jwk, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = k.Kid
	s, err := token.SignedString(k.signer())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeySet(t *testing.T) {
	ec := newECKey(t)
	public := ec.public()
	oct := jwk{Kty: "oct", K: base64.RawURLEncoding.EncodeToString([]byte(jwtSecret))}
	set := func(keys ...jwk) string {
		b, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	hs := roleToken(t, jwtSecret, "anon", time.Hour)
	es := signES256(t, ec, jwt.MapClaims{"role": "anon"})
	for name, tt := range map[string]struct {
		keys, token string
		want        error
	}{
		"a raw secret":                             {jwtSecret, hs, nil},
		"another raw secret":                       {"another", hs, jwt.ErrTokenSignatureInvalid},
		"the secret as oct in a set":               {set(public, oct), hs, nil},
		"an ES256 token with its public key":       {set(public, oct), es, nil},
		"an ES256 token where only the secret is":  {jwtSecret, es, errNoKey},
		"an ES256 token and a set without its key": {set(oct), es, errNoKey},
		"an expired token":                         {jwtSecret, roleToken(t, jwtSecret, "anon", -time.Hour), jwt.ErrTokenExpired},
		"no keys at all":                           {"", hs, errNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseKeySet(tt.keys).verify(tt.token)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if public.D != "" || public.signer() != nil {
		t.Error("the public key can sign")
	}
}

func TestGotrueSignsWithTheECKey(t *testing.T) {
	ec := newECKey(t)
	keys, err := json.Marshal([]jwk{ec})
	if err != nil {
		t.Fatal(err)
	}
	e := gotrueEnv("postgres://u:p@127.0.0.1:1/x")
	e["GOTRUE_JWT_KEYS"] = string(keys)
	g := &gotrue{log: &lines{w: &buffer{}}}
	if g.conf, err = loadGotrueConfig(e); err != nil {
		t.Fatal(err)
	}
	token, err := g.newAccessToken(&authUser{ID: newUUID(), Role: "authenticated"}, newUUID(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseKeySet(jwtSecret).verify(token); !errors.Is(err, errNoKey) {
		t.Errorf("a verifier with the secret alone: %v", err)
	}
	_, body, _ := ask(t, g.handler(), "GET", "/.well-known/jwks.json", "")
	want(t, "jwks", body, `"kid":"k1"`)
	if _, err := parseKeySet(body).verify(token); err != nil {
		t.Errorf("a verifier with the published keys: %v", err)
	}
}

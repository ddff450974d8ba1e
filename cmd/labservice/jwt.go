package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// jwk is a JSON Web Key: oct (HMAC), EC P-256 or RSA (RFC 7517, 7518).
type jwk struct {
	Kty    string   `json:"kty"`
	Kid    string   `json:"kid,omitempty"`
	Alg    string   `json:"alg,omitempty"`
	Use    string   `json:"use,omitempty"`
	KeyOps []string `json:"key_ops,omitempty"`
	Crv    string   `json:"crv,omitempty"`
	X      string   `json:"x,omitempty"`
	Y      string   `json:"y,omitempty"`
	N      string   `json:"n,omitempty"`
	E      string   `json:"e,omitempty"`
	K      string   `json:"k,omitempty"`
	D      string   `json:"d,omitempty"`
}

func unb64(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil
	}
	return b
}

// verifier is the key that checks a token of algorithm alg, or nil when this key cannot.
func (k jwk) verifier(alg string) any {
	switch {
	case k.Kty == "oct" && strings.HasPrefix(alg, "HS"):
		return unb64(k.K)
	case k.Kty == "EC" && alg == "ES256":
		const uncompressed = 4 // SEC 1, section 2.3.3
		point := slices.Concat([]byte{uncompressed}, unb64(k.X), unb64(k.Y))
		if key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
			return key
		}
	case k.Kty == "RSA" && alg == "RS256":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(unb64(k.N)), E: int(new(big.Int).SetBytes(unb64(k.E)).Int64())}
	}
	return nil
}

// signer is the private key of an EC JWK, or nil.
func (k jwk) signer() *ecdsa.PrivateKey {
	if k.Kty != "EC" {
		return nil
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unb64(k.D))
	if err != nil {
		return nil
	}
	return key
}

// public is the key without its secret parts.
func (k jwk) public() jwk {
	k.D, k.K, k.KeyOps = "", "", []string{"verify"}
	return k
}

// keySet is what a service verifies tokens with.
type keySet []jwk

// parseKeySet reads a JWKS, a single JWK or a raw HMAC secret, as PostgREST's jwt-secret allows.
// The secret is used as it stands: it is not hex or base64.
func parseKeySet(s string) keySet {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		var one jwk
		if json.Unmarshal([]byte(s), &set) == nil && set.Keys != nil {
			return set.Keys
		}
		if json.Unmarshal([]byte(s), &one) == nil && one.Kty != "" {
			return keySet{one}
		}
	}
	if s == "" {
		return nil
	}
	return keySet{{Kty: "oct", K: base64.RawURLEncoding.EncodeToString([]byte(s))}}
}

var errNoKey = errors.New("no suitable key")

// verify checks the signature of token against every key that fits its algorithm and, where both name one, its kid.
func (s keySet) verify(token string, opts ...jwt.ParserOption) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		var fit jwt.VerificationKeySet
		for _, k := range s {
			if kid != "" && k.Kid != "" && k.Kid != kid {
				continue
			}
			if v := k.verifier(t.Method.Alg()); v != nil {
				fit.Keys = append(fit.Keys, v)
			}
		}
		if len(fit.Keys) == 0 {
			return nil, errNoKey
		}
		return fit, nil
	}, opts...)
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// signHS256 makes a token with the raw secret.
func signHS256(secret string, claims jwt.MapClaims) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
}

// bearer is the token of an Authorization header, or "".
func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// newUUID makes a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return uuidText(b)
}

// randomToken makes n random bytes as base64url.
func randomToken(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// claimText reads a claim as text, "" when it is missing.
func claimText(c jwt.MapClaims, key string) string {
	if v, ok := c[key]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

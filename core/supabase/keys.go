package supabase

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

// APIKey is what an ANON or SERVICE key says about itself.
type APIKey struct {
	Role      string
	Issuer    string
	Algorithm string
	IssuedAt  time.Time // zero when absent
	ExpiresAt time.Time // zero when absent
}

type keyClaims struct {
	Role string `json:"role"`
	jwt.RegisteredClaims
}

// ReadKey decodes an API key without verifying it.
func ReadKey(key core.Secret) (APIKey, error) {
	var c keyClaims
	token, _, err := jwt.NewParser().ParseUnverified(key.Reveal(), &c)
	if err != nil {
		return APIKey{}, core.Errorf(core.Invalid, "it is not a JSON Web Token")
	}
	k := APIKey{Role: c.Role, Issuer: c.Issuer, Algorithm: token.Method.Alg()}
	if c.IssuedAt != nil {
		k.IssuedAt = c.IssuedAt.Time
	}
	if c.ExpiresAt != nil {
		k.ExpiresAt = c.ExpiresAt.Time
	}
	return k, nil
}

// SignedBy reports whether key is an HS256 token signed with secret. The HMAC
// is over the raw string of the secret, never over decoded hex or base64
// (supabase/supabase#35459). Expiry is not looked at.
func SignedBy(key, secret core.Secret) bool {
	p := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithoutClaimsValidation())
	_, err := p.Parse(key.Reveal(), func(*jwt.Token) (any, error) { return []byte(secret.Reveal()), nil })
	return err == nil
}

// MintKey signs an API key for role, valid from now for as long as upstream's
// generate-keys.sh has it.
func MintKey(role string, secret core.Secret, now time.Time) (core.Secret, error) {
	return mintKey(role, secret, now, DefaultKeyYears)
}

func mintKey(role string, secret core.Secret, now time.Time, years int) (core.Secret, error) {
	if secret == "" {
		return "", errors.New("mint key: the JWT secret is empty")
	}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, keyClaimsOf(role, now, years)).SignedString([]byte(secret.Reveal()))
	return core.Secret(s), err
}

func keyClaimsOf(role string, now time.Time, years int) jwt.MapClaims {
	return jwt.MapClaims{"role": role, "iss": "supabase", "iat": now.Unix(), "exp": now.AddDate(years, 0, 0).Unix()}
}

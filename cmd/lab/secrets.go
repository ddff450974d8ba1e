package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// secrets are made for one stack, in the formats and lengths of upstream's
// docker/utils/generate-keys.sh.
type secrets struct {
	PostgresPassword, JWTSecret, AnonKey, ServiceRoleKey string
	DashboardPassword, SecretKeyBase                     string
	RealtimeEncKey, VaultEncKey, MetaCryptoKey           string
	LogflarePublic, LogflarePrivate                      string
	S3KeyID, S3KeySecret                                 string
}

func newSecrets(now time.Time) (secrets, error) {
	s := secrets{
		PostgresPassword:  hexOf(16),
		JWTSecret:         base64Of(30),
		DashboardPassword: hexOf(16),
		SecretKeyBase:     base64Of(48),
		RealtimeEncKey:    hexOf(8),  // AES-128: exactly 16 characters
		VaultEncKey:       hexOf(16), // AES-256: exactly 32 characters
		MetaCryptoKey:     base64Of(24),
		LogflarePublic:    base64Of(24),
		LogflarePrivate:   base64Of(24),
		S3KeyID:           hexOf(16),
		S3KeySecret:       hexOf(32),
	}
	var err error
	if s.AnonKey, err = mint("anon", s.JWTSecret, now); err != nil {
		return s, err
	}
	s.ServiceRoleKey, err = mint("service_role", s.JWTSecret, now)
	return s, err
}

// mint signs an API key for a role.
func mint(role, secret string, now time.Time) (string, error) {
	key, err := supabase.MintKey(role, core.Secret(secret), now)
	return key.Reveal(), err
}

func hexOf(n int) string    { return hex.EncodeToString(random(n)) }
func base64Of(n int) string { return base64.StdEncoding.EncodeToString(random(n)) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

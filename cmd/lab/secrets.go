package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

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

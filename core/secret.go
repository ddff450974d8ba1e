package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
)

const masked = "•••"

// Secret is a value that must not be shown: it prints, marshals and logs as
// dots. Every value of an environment is one, since nobody can tell by its name
// that it is not.
type Secret string

// Reveal returns the value itself, for the few places that use it.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string               { return masked }
func (s Secret) GoString() string             { return masked }
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(masked) }

// FingerprintKey is the local key that makes fingerprints of secrets. Two equal
// secrets have equal fingerprints under one key; without it a fingerprint tells
// nothing.
type FingerprintKey []byte

// Of returns the first 8 hexadecimal digits of the HMAC-SHA256 of s, or "empty".
func (k FingerprintKey) Of(s Secret) string {
	if s == "" {
		return "empty"
	}
	m := hmac.New(sha256.New, k)
	m.Write([]byte(s))
	return hex.EncodeToString(m.Sum(nil))[:8]
}

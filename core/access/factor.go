package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what authenticator apps speak; HMAC does not rest on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// A second factor is a code of six digits that changes every half minute, as
// authenticator apps make it (RFC 6238).
const (
	factorStep   = 30 * time.Second
	factorDigits = 6
	factorSize   = 20 // bytes of the secret
	recoveries   = 10
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewFactor draws the secret of a second factor.
func NewFactor() core.Secret {
	b := make([]byte, factorSize)
	_, _ = rand.Read(b) // never fails
	return core.Secret(base32Text.EncodeToString(b))
}

// FactorURI is what an authenticator app reads from a QR code.
func FactorURI(user string, secret core.Secret) string {
	q := url.Values{"secret": {secret.Reveal()}, "issuer": {"Basewright"}}
	return "otpauth://totp/" + url.PathEscape("Basewright:"+user) + "?" + q.Encode()
}

// FactorCode returns the code of a step.
func FactorCode(secret core.Secret, step int64) (string, error) {
	key, err := base32Text.DecodeString(strings.ToUpper(secret.Reveal()))
	if err != nil || len(key) < factorSize {
		return "", core.Errorf(core.Invalid, "the secret of the second factor is none that was proposed")
	}
	h := hmac.New(sha1.New, key)
	_ = binary.Write(h, binary.BigEndian, step)
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%0*d", factorDigits, (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000), nil
}

// FactorStep returns the step that a code is of: the one now, the one before or
// the one after, since clocks differ. Steps up to used are past: a code counts
// once.
func FactorStep(secret core.Secret, code string, now time.Time, used int64) (int64, bool) {
	code = strings.ReplaceAll(code, " ", "")
	at := now.Unix() / int64(factorStep/time.Second)
	found, right := int64(0), 0
	for _, step := range []int64{at - 1, at, at + 1} {
		want, err := FactorCode(secret, step)
		if err == nil && step > used && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found, right = step, 1
		}
	}
	return found, right == 1
}

// NewRecovery draws codes for the day on which the app is gone. Each counts once.
func NewRecovery() []string {
	codes := make([]string, recoveries)
	for i := range codes {
		text := strings.ToLower(rand.Text())
		codes[i] = text[:5] + "-" + text[5:10] + "-" + text[10:15]
	}
	return codes
}

// Seal closes the secret of a second factor, so that a copy of the database
// opens no login.
func Seal(key core.FingerprintKey, secret core.Secret) string {
	return shut(key, factors, []byte(secret.Reveal()))
}

// Unseal opens what Seal closed with the same key.
func Unseal(key core.FingerprintKey, sealed string) (core.Secret, error) {
	if text, right := unshut(key, factors, sealed); right {
		return core.Secret(text), nil
	}
	return "", &core.Error{Code: core.Unreachable, Message: "the second factor of this user cannot be opened: the key beside the database is another one",
		Hint: "put the right key back, or remove the factor with `basewright user reset-factor`"}
}

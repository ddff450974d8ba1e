package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"github.com/basewright/basewright/core"
)

// What is sealed. What is sealed for one purpose does not open for another.
const (
	factors  = "the second factors of users"
	attempts = "logins that are under way at the issuer"
	vouched  = "logins that wait for a second factor"
	devices  = "browsers in which somebody logged in"
)

// shut closes text for a purpose.
func shut(key core.FingerprintKey, purpose string, text []byte) string {
	gcm := sealer(key, purpose)
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base32Text.EncodeToString(gcm.Seal(nonce, nonce, text, nil))
}

// unshut opens what shut closed with the same key for the same purpose.
func unshut(key core.FingerprintKey, purpose, sealed string) (text []byte, right bool) {
	gcm := sealer(key, purpose)
	b, err := base32Text.DecodeString(sealed)
	if err != nil || len(b) <= gcm.NonceSize() {
		return nil, false
	}
	text, err = gcm.Open(nil, b[:gcm.NonceSize()], b[gcm.NonceSize():], nil)
	return text, err == nil
}

// shutValue and unshutValue are the same for a value. What does not open is the
// zero value.
func shutValue[T any](key core.FingerprintKey, purpose string, v T) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a struct of texts and times
	}
	return shut(key, purpose, b)
}

func unshutValue[T any](key core.FingerprintKey, purpose, sealed string) (v T) {
	if text, right := unshut(key, purpose, sealed); right {
		_ = json.Unmarshal(text, &v) // it is what shutValue made
	}
	return v
}

func sealer(key core.FingerprintKey, purpose string) cipher.AEAD {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(purpose))
	block, err := aes.NewCipher(m.Sum(nil))
	if err != nil {
		panic(err) // a key of 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

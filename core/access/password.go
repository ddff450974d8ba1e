// Package access proves who somebody is: passwords, the keys that sign logins,
// and the texts of API tokens. What somebody may do is package core's.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/basewright/basewright/core"
)

// Cost of a password hash (argon2id): about 30 ms and 19 MiB.
const (
	passes  = 2
	memory  = 19 << 10 // KiB
	lanes   = 1
	keySize = 32
)

// Bounds of a password, in bytes. The upper one bounds the work of a stranger.
const (
	MinPassword = 12
	MaxPassword = 256
)

// slots bound how many passwords are hashed at once, and with that the memory
// that strangers can make us use. Known addresses have one of their own.
var slots = struct{ strangers, known, waiting chan struct{} }{
	make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 32),
}

// CheckPassword says in a sentence what is wrong with a new password.
func CheckPassword(password string) error {
	switch {
	case len(password) < MinPassword:
		return core.Errorf(core.Invalid, "the password is shorter than %d characters", MinPassword)
	case len(password) > MaxPassword:
		return core.Errorf(core.Invalid, "the password is longer than %d characters", MaxPassword)
	case !utf8.ValidString(password):
		return core.Errorf(core.Invalid, "the password is not valid UTF-8")
	}
	return nil
}

// Hash returns what the store keeps of a password.
func Hash(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return encode(salt, derive(password, salt))
}

func derive(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, keySize)
}

func encode(salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, b.EncodeToString(salt), b.EncodeToString(key))
}

// nobody is compared with when there is no such user, so that it takes as long.
var nobody = encode(make([]byte, 16), make([]byte, keySize))

// Matches reports whether the password is the one of the hash; an empty hash
// is that of nobody. It waits for its turn; when too many wait, or ctx ends, it
// is core.Unreachable.
func Matches(ctx context.Context, hash, password string, known bool) (bool, error) {
	lane := slots.strangers
	if known {
		lane = slots.known
	} else {
		select {
		case slots.waiting <- struct{}{}:
			defer func() { <-slots.waiting }()
		default:
			return false, busy()
		}
	}
	select {
	case lane <- struct{}{}:
		defer func() { <-lane }()
	case <-ctx.Done():
		return false, busy()
	}
	exists := hash != ""
	if !exists {
		hash = nobody
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || len(password) > MaxPassword {
		return false, nil
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("read a password hash: %w", err)
	}
	same := subtle.ConstantTimeCompare([]byte(encode(salt, derive(password, salt))), []byte(hash)) == 1
	return same && exists, nil
}

func busy() error {
	return &core.Error{Code: core.Unreachable, Message: "too many logins at once", Hint: "try again in a moment"}
}

// TokenPrefix begins every API token, so that one is recognised where it lies
// about.
const TokenPrefix = "bw_"

// NewToken returns the text of a new API token.
func NewToken() string { return TokenPrefix + rand.Text() + rand.Text() }

// Digest is what the store keeps of a token, a cookie or the id of a JWT. These
// are random, so a fast hash does.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

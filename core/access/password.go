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

// cost is what it takes to try one password (argon2id).
type cost struct {
	passes, memory uint32 // memory in KiB
}

var (
	chosen = cost{2, 19 << 10} // of a person's own password, which others may guess: about 30 ms and 19 MiB
	drawn  = cost{1, 8}        // of one that was drawn: nobody guesses 130 bits, however fast each try is
)

const (
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

// Hash returns what the store keeps of a password that a person chose.
func Hash(password string) string { return hashed(password, chosen) }

// Draw returns a new password and what the store keeps of it. The agent's first
// start is not to wait for a hash that protects nothing here.
func Draw() (password, hash string) {
	password = rand.Text()
	return password, hashed(password, drawn)
}

func hashed(password string, c cost) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return c.encode(salt, c.derive(password, salt))
}

func (c cost) derive(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, lanes, keySize)
}

func (c cost) encode(salt, key []byte) string {
	b := base64.RawStdEncoding
	return c.prefix() + b.EncodeToString(salt) + "$" + b.EncodeToString(key)
}

func (c cost) prefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, c.memory, c.passes, lanes)
}

// nobody is compared with when there is no such user, so that it takes as long.
var nobody = chosen.encode(make([]byte, 16), make([]byte, keySize))

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
	found := chosen.encode(salt, chosen.derive(password, salt)) // always, so that a drawn password is not told from others by the time
	if strings.HasPrefix(hash, drawn.prefix()) {
		found = drawn.encode(salt, drawn.derive(password, salt))
	}
	return subtle.ConstantTimeCompare([]byte(found), []byte(hash)) == 1 && exists, nil
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

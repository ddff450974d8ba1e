package access

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

const (
	issuer   = "basewright"
	audience = "basewright-api"

	keyLife  = 30 * 24 * time.Hour // then a new key signs
	keysKept = 3                   // older ones verify nothing any more
)

// Claims is what a login's JWT says: who, and which session ends it.
type Claims struct {
	UserID  string
	Session string // its digest is the session's ID
	Expires time.Time
}

// Keyring holds the keys that sign logins. They lie in a file beside the
// database; the newest signs, a few older ones still verify.
type Keyring struct {
	path string

	mu   sync.Mutex
	read time.Time // modification time of the file as read
	keys []signingKey
}

type signingKey struct {
	ID      string    `json:"id"`
	Key     []byte    `json:"key"`
	Created time.Time `json:"created"`
}

// OpenKeyring reads the keys at path, and makes a new one when there is none or
// the newest is old.
func OpenKeyring(path string, now time.Time) (*Keyring, error) {
	k := &Keyring{path: path}
	if err := k.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(k.keys) == 0 || now.Sub(k.keys[0].Created) > keyLife {
		if err := k.Rotate(now); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Rotate makes a new key sign from now on.
func (k *Keyring) Rotate(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := signingKey{ID: core.NewID(), Key: make([]byte, 32), Created: now.UTC()}
	_, _ = rand.Read(fresh.Key) // never fails
	keys := append([]signingKey{fresh}, k.keys...)
	keys = keys[:min(len(keys), keysKept)]
	b, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	temp := k.path + "." + core.NewID()
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return errors.Join(&core.Error{Code: core.Unreachable, Message: "the signing keys cannot be written", Err: err}, os.Remove(temp))
	}
	if err := os.Rename(temp, k.path); err != nil {
		return fmt.Errorf("write the signing keys: %w", err)
	}
	k.keys = keys
	return nil
}

func (k *Keyring) load() error {
	info, err := os.Stat(k.path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(k.path)
	if err != nil {
		return err
	}
	var keys []signingKey
	if err := json.Unmarshal(b, &keys); err != nil || slices.ContainsFunc(keys, func(s signingKey) bool { return len(s.Key) < 32 }) {
		return &core.Error{Code: core.Unreachable, Message: "the file " + filepath.Clean(k.path) + " with the signing keys is damaged",
			Hint: "move it away; everybody then logs in again"}
	}
	k.keys, k.read = keys, info.ModTime()
	return nil
}

// Sign returns the JWT of a login.
func (k *Keyring) Sign(c Claims, now time.Time) (string, error) {
	k.mu.Lock()
	key := k.keys[0]
	k.mu.Unlock()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.UserID, ID: c.Session,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(c.Expires),
	})
	t.Header["kid"] = key.ID
	return t.SignedString(key.Key)
}

// Parse returns what a JWT says when one of the keys signed it, with our
// algorithm, for us, and it is not over. Otherwise it is core.Forbidden.
func (k *Keyring) Parse(text string, now time.Time) (Claims, error) {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(text, &claims, k.find,
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithStrictDecoding())
	if err != nil || claims.Subject == "" || claims.ID == "" {
		return Claims{}, &core.Error{Code: core.Forbidden, Message: "the login is not valid", Err: err}
	}
	return Claims{UserID: claims.Subject, Session: claims.ID, Expires: claims.ExpiresAt.Time}, nil
}

// find returns the key that a JWT names. A name that is not known may be of a
// key that another process just made.
func (k *Keyring) find(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	k.mu.Lock()
	defer k.mu.Unlock()
	for range 2 {
		if i := slices.IndexFunc(k.keys, func(s signingKey) bool { return s.ID == id }); i >= 0 {
			return k.keys[i].Key, nil
		}
		info, err := os.Stat(k.path)
		if err != nil || info.ModTime().Equal(k.read) || k.load() != nil {
			break
		}
	}
	return nil, errors.New("signed by an unknown key")
}

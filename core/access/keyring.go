package access

import (
	"errors"
	"io/fs"
	"os"
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
	read fs.FileInfo // of the file that the keys are from
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
	if k.due(now) {
		if err := k.replace(now, k.due); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// due reports whether a new key must be made.
func (k *Keyring) due(now time.Time) bool {
	return len(k.keys) == 0 || now.Sub(k.keys[0].Created) > keyLife
}

// Rotate makes a new key sign from now on.
func (k *Keyring) Rotate(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.replace(now, func(time.Time) bool { return true })
}

// follow takes over what another program did to the keys. While their file
// cannot be read, those that were read before hold.
func (k *Keyring) follow() {
	info, err := os.Stat(k.path)
	if err == nil && !(os.SameFile(info, k.read) && info.ModTime().Equal(k.read.ModTime())) {
		_ = k.load()
	}
}

// Sign returns the JWT of a login.
func (k *Keyring) Sign(c Claims, now time.Time) (string, error) {
	key := k.current(now)
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.UserID, ID: c.Session,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(c.Expires),
	})
	t.Header["kid"] = key.ID
	return t.SignedString(key.Key)
}

// current returns the key that signs. A program that runs for long makes a new
// one in time; when it cannot, the old one is better than that nobody logs in.
func (k *Keyring) current(now time.Time) signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.follow(); k.due(now) {
		_ = k.replace(now, k.due)
	}
	return k.keys[0]
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

// find returns the key that a JWT names.
func (k *Keyring) find(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.follow()
	if i := slices.IndexFunc(k.keys, func(s signingKey) bool { return s.ID == id }); i >= 0 {
		return k.keys[i].Key, nil
	}
	return nil, errors.New("signed by an unknown key")
}

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
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// load reads the keys. The file is replaced as a whole, so what is known of it
// before it is read may be too old, which is mended, but not too new.
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
	if len(keys) == 0 && len(k.keys) > 0 {
		return nil // somebody emptied it by hand, and something must sign
	}
	k.keys, k.read = keys, info
	return nil
}

// replace makes a new key on top of those that are in the file, while other
// programs wait. Whether it is wanted is asked again then, since one of them may
// just have made it.
func (k *Keyring) replace(now time.Time, wanted func(now time.Time) bool) error {
	release, err := k.turn()
	if err != nil {
		return unwritten(err)
	}
	defer release()
	var old []signingKey // none when the file was moved away, so that everybody logs in again
	switch err := k.load(); {
	case err == nil:
		old = k.keys
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if !wanted(now) {
		return nil
	}
	fresh := signingKey{ID: core.NewID(), Key: make([]byte, 32), Created: now.UTC()}
	_, _ = rand.Read(fresh.Key) // never fails
	keys := append([]signingKey{fresh}, old...)
	keys = keys[:min(len(keys), keysKept)]
	b, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	if err := durable.Replace(k.path, b); err != nil {
		return unwritten(err)
	}
	return k.load()
}

func unwritten(err error) error {
	return &core.Error{Code: core.Unreachable, Message: "the signing keys cannot be written", Err: err}
}

// turn waits until no other program makes a key. The lock has a file of its own,
// since that of the keys is another one after every new key.
func (k *Keyring) turn() (release func(), err error) {
	f, err := os.OpenFile(k.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another program's new key: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

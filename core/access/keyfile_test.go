package access

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openKeys(t *testing.T, path string, now time.Time) *Keyring {
	t.Helper()
	k, err := OpenKeyring(path, now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// crosswise fails when a login that one signed is refused by another.
func crosswise(t *testing.T, rings []*Keyring, now time.Time) {
	t.Helper()
	for i, signs := range rings {
		text, err := signs.Sign(Claims{UserID: "u", Session: "s", Expires: now.Add(time.Hour)}, now)
		if err != nil {
			t.Fatal(err)
		}
		for j, reads := range rings {
			if _, err := reads.Parse(text, now); err != nil {
				t.Errorf("%d refuses what %d signed: %v", j, i, err)
			}
		}
	}
}

func TestProgramsThatStartAtOnceSignWithTheSameKey(t *testing.T) {
	now := time.Now()
	for name, age := range map[string]time.Duration{"on a new folder": 0, "when the key is old": keyLife + time.Hour} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				path := filepath.Join(t.TempDir(), "signing-keys")
				if age > 0 {
					openKeys(t, path, now.Add(-age))
				}
				rings := make([]*Keyring, 8)
				var all sync.WaitGroup
				begin := make(chan bool)
				for i := range rings {
					all.Go(func() {
						<-begin
						k, err := OpenKeyring(path, now)
						if err != nil {
							t.Error(err)
						}
						rings[i] = k
					})
				}
				close(begin)
				all.Wait()
				if t.Failed() {
					return
				}
				for _, k := range rings {
					if k.keys[0].ID != rings[0].keys[0].ID {
						t.Fatal("two made a key each")
					}
				}
				crosswise(t, rings, now)
			}
		})
	}
}

func TestRotationsOfTwoProgramsBothStay(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "signing-keys")
	one, other := openKeys(t, path, now), openKeys(t, path, now)
	for _, k := range []*Keyring{one, other} {
		if err := k.Rotate(now); err != nil {
			t.Fatal(err)
		}
	}
	if again := openKeys(t, path, now); len(again.keys) != keysKept {
		t.Errorf("%d keys after two rotations, not %d: one wiped out the other", len(again.keys), keysKept)
	}
	crosswise(t, []*Keyring{one, other}, now)
}

func TestAKeyThatAnotherProgramRotatedOutEndsItsLogins(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "signing-keys")
	serving, command := openKeys(t, path, now), openKeys(t, path, now)
	text, err := serving.Sign(Claims{UserID: "u", Session: "s", Expires: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	for range keysKept {
		if err := command.Rotate(now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := serving.Parse(text, now); err == nil {
		t.Error("the program that serves still takes a login of a key that is rotated out")
	}
	crosswise(t, []*Keyring{serving, command}, now)
}

func TestAProgramThatRunsForMonthsMakesNewKeys(t *testing.T) {
	now := time.Now()
	k := openKeys(t, filepath.Join(t.TempDir(), "signing-keys"), now)
	first := k.keys[0].ID
	later := now.Add(keyLife + time.Hour)
	if _, err := k.Sign(Claims{UserID: "u", Session: "s", Expires: later.Add(time.Hour)}, later); err != nil {
		t.Fatal(err)
	}
	if k.keys[0].ID == first || len(k.keys) != 2 {
		t.Error("the key of the start still signs")
	}
}

func TestLoginsGoOnWhileNoKeyCanBeWritten(t *testing.T) {
	now := time.Now()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	k := openKeys(t, filepath.Join(dir, "signing-keys"), now)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	later := now.Add(keyLife + time.Hour)
	text, err := k.Sign(Claims{UserID: "u", Session: "s", Expires: later.Add(time.Hour)}, later)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(text, later); err != nil {
		t.Error(err)
	}
	if err := k.Rotate(later); err == nil {
		t.Error("a rotation that nothing could keep passes for done")
	}
}

// TestKeysAreOnTheDisk asks the kernel whether the file waits to be written: what
// waits is empty after a power cut.
func TestKeysAreOnTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing-keys")
	openKeys(t, path, time.Now())
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stat unix.Cachestat_t
	err = unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &stat, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) {
		t.Skip("this kernel does not tell what waits to be written")
	}
	if err != nil {
		t.Fatal(err)
	}
	if stat.Dirty > 0 {
		t.Errorf("%d pages of the signing keys are not on the disk", stat.Dirty)
	}
}

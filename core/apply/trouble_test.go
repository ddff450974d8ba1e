package apply

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// aside moves something into quarantine, which a rollback finds by the state alone.
var aside = core.Action{Op: core.OpQuarantine, Args: map[string]any{"path": "volumes/api/kong.yml"}}

// trouble is what befalls the file that holds the state.
type trouble struct {
	begin func(t *testing.T, w *world)
	end   func(t *testing.T, w *world)
	says  string // what the change that met it says
}

// troubled is a journal that meets trouble at its nth write: for that write, or
// until the agent has done what it could.
type troubled struct {
	port
	t       *testing.T
	w       *world
	n, made int
	once    bool
	trouble
}

func (j *troubled) write(do func() error) error {
	if j.made++; j.made != j.n {
		return do()
	}
	j.begin(j.t, j.w)
	err := do()
	if j.once {
		j.end(j.t, j.w)
	}
	return err
}

func (j *troubled) SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error {
	return j.write(func() error { return j.port.SaveChange(ctx, c, entries...) })
}

func (j *troubled) Intent(ctx context.Context, c core.Change, e core.JournalEntry) error {
	return j.write(func() error { return j.port.Intent(ctx, c, e) })
}

func (j *troubled) Outcome(ctx context.Context, c core.Change, e core.JournalEntry) error {
	return j.write(func() error { return j.port.Outcome(ctx, c, e) })
}

func (j *troubled) SaveSnapshot(ctx context.Context, s core.Snapshot) error {
	return j.write(func() error { return j.port.SaveSnapshot(ctx, s) })
}

// locked is another program that holds the database for longer than anybody waits.
func locked() trouble {
	var other *sql.DB
	var held *sql.Tx
	return trouble{
		begin: func(t *testing.T, w *world) {
			db, err := sql.Open("sqlite3", w.database()+"?_txlock=immediate")
			if err != nil {
				t.Fatal(err)
			}
			if held, err = db.Begin(); err != nil {
				t.Fatal(err)
			}
			other = db
		},
		end: func(t *testing.T, _ *world) {
			if other == nil {
				return
			}
			if err := errors.Join(held.Rollback(), other.Close()); err != nil {
				t.Error(err)
			}
			other = nil
		},
		says: "is locked by another program",
	}
}

// full is a file system without a free byte, for real.
func full() trouble {
	filler := func(w *world) string { return filepath.Join(w.dir, "data", "filler") }
	return trouble{
		begin: func(t *testing.T, w *world) {
			f, err := os.Create(filler(w))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for block := make([]byte, 4096); ; {
				if _, err := f.Write(block); err != nil {
					return
				}
			}
		},
		end:  func(t *testing.T, w *world) { _ = os.Remove(filler(w)) },
		says: "the disk is full",
	}
}

// meet lets a change meet trouble at its nth write, and then starts again. It
// reports whether there was an nth.
func (w *world) meet(t *testing.T, n int, once bool, trouble trouble) bool {
	t.Helper()
	j := &troubled{port: w.st, t: t, w: w, n: n, once: once, trouble: trouble}
	w.a.Journal = j
	before := w.state()
	c, err := w.apply(t.Context(), w.cure(aside))
	trouble.end(t, w)
	if j.made < n {
		if err != nil || n < 15 {
			t.Errorf("only %d writes, %v", j.made, err)
		}
		return false
	}
	what := fmt.Sprintf("write %d", n)
	if err != nil && !strings.Contains(err.Error(), trouble.says) && !(c != nil && strings.Contains(c.Reason, trouble.says)) {
		t.Errorf("%s: it does not say why: %v", what, err)
	}
	if err == nil && c.State != core.Committed {
		t.Errorf("%s: no error, and the change is %s", what, c.State)
	}
	w.a.Journal = w.st
	w.mustBeWholeOrAsBefore(t, what, before, c)
	return true
}

// TestTheStateIsLockedAtEveryWrite has another program hold the database at each
// write of a change, for longer than the agent waits.
func TestTheStateIsLockedAtEveryWrite(t *testing.T) {
	for name, once := range map[string]bool{"for one write": true, "until the agent gives up": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				w := swiftWorld(t)
				reopen(t, w, 20*time.Millisecond)
				more := w.meet(t, n, once, locked())
				_ = w.st.Close()
				if !more {
					break
				}
			}
		})
	}
}

func reopen(t *testing.T, w *world, patience time.Duration) {
	t.Helper()
	if err := w.st.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.st, err = store.OpenWithin(w.database(), patience); err != nil {
		t.Fatal(err)
	}
	w.a.Journal = w.st
}

// TestTheStateIsLockedForAMoment: whoever holds the database for less than the
// agent waits is not noticed.
func TestTheStateIsLockedForAMoment(t *testing.T) {
	w := swiftWorld(t)
	defer w.st.Close()
	trouble := locked()
	j := &troubled{port: w.st, t: t, w: w, n: 7, trouble: trouble}
	j.begin = func(t *testing.T, w *world) {
		trouble.begin(t, w)
		time.AfterFunc(busy/10, func() { trouble.end(t, w) })
	}
	w.a.Journal = j
	c, err := w.apply(t.Context(), w.cure(aside))
	w.mustBeCured(t, c, err)
}

// TestTheDiskIsFullForReal fills the file system of the state before each write.
func TestTheDiskIsFullForReal(t *testing.T) {
	for name, once := range map[string]bool{"for one write": true, "until a person makes room": false} {
		for n, more := 1, true; more; n++ {
			t.Run(fmt.Sprintf("%s, write %d", name, n), func(t *testing.T) { more = onSmallDisk(t).meet(t, n, once, full()) })
		}
	}
}

// onSmallDisk is a world whose state is on a file system of its own. What the engine
// keeps is elsewhere.
func onSmallDisk(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(data, 0); err != nil {
			t.Error(err)
		}
	})
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.st.Close() })
	return w
}

// damages are what can befall the files of the state behind the agent's back.
var damages = map[string]func(w *world) error{
	"its pages are overwritten": func(w *world) error { return overwrite(w.database(), 4096, 1<<20) },
	"its header is overwritten": func(w *world) error { return overwrite(w.database(), 0, 100) },
	"it is cut off":             func(w *world) error { return os.Truncate(w.database(), 8192) },
	"what is not yet in it is overwritten": func(w *world) error {
		return overwrite(w.database()+"-wal", 64, 1<<20)
	},
	"what is not yet in it is cut off": func(w *world) error { return os.Truncate(w.database()+"-wal", 32) },
	"it is removed": func(w *world) error {
		for _, end := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(w.database() + end); err != nil {
				return err
			}
		}
		return nil
	},
}

// overwrite puts garbage into a file from an offset on, up to its end.
func overwrite(name string, from, most int64) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(max(0, min(most, info.Size()-from)))), from)
	return err
}

// TestTheStateIsDamagedMeanwhile damages the files of the state in the middle of a
// change. The instance is as it was, or wholly changed and said to be; the next
// start works, or refuses in a sentence and touches nothing, and works again with
// the backup in its place.
func TestTheStateIsDamagedMeanwhile(t *testing.T) {
	for name, damage := range damages {
		for _, n := range []int{1, 2, 6, 9, 14, 19, 21} {
			t.Run(fmt.Sprintf("%s before write %d", name, n), func(t *testing.T) {
				t.Parallel()
				w := swiftWorld(t)
				defer func() { _ = w.st.Close() }()
				if err := w.st.Append(t.Context(), core.AuditEntry{At: time.Now(), Actor: "cli:ana", Action: "backup", Outcome: "ok"}); err != nil {
					t.Fatal(err)
				}
				backup := filepath.Join(tempDir(t), "backup")
				if _, err := w.st.Backup(t.Context(), backup); err != nil {
					t.Fatal(err)
				}
				reopen(t, w, busy) // which puts all that is in the log into the file
				j := &troubled{port: w.st, t: t, w: w, n: n, trouble: trouble{begin: func(t *testing.T, w *world) {
					if err := damage(w); err != nil {
						t.Fatal(err)
					}
				}}}
				w.a.Journal = j
				before := w.state()
				c, err := w.apply(t.Context(), w.cure(aside))
				if name == "it is cut off" && n < 20 && err == nil {
					t.Error("the change did not meet the damage")
				}
				w.mustHoldAWholeInstance(t, before, c, err)
				w.startAgain(t, backup)
				w.mustHoldAWholeInstance(t, before, c, err)
			})
		}
	}
}

// mustHoldAWholeInstance wants what the change says: all of it, or nothing.
func (w *world) mustHoldAWholeInstance(t *testing.T, before worldState, c *core.Change, err error) {
	t.Helper()
	if err == nil {
		w.mustBeCured(t, c, nil)
		return
	}
	w.mustBe(t, before)
}

// startAgain opens the state as the next start does. One that cannot be used is
// refused in a sentence that says what to do; then the backup is put in its place.
func (w *world) startAgain(t *testing.T, backup string) {
	t.Helper()
	_ = w.st.Close()
	again := func() error {
		st, err := store.Open(w.database())
		if err != nil {
			return err
		}
		w.st, w.a.Journal = st, st
		if _, err = w.a.Recover(t.Context()); err == nil {
			_, err = st.Verify(t.Context())
		}
		return err
	}
	err := again()
	if err == nil {
		return
	}
	ours, ok := errors.AsType[*core.Error](err)
	if !ok || ours.Hint == "" && core.CodeOf(err) != core.Conflict {
		t.Errorf("the next start does not say what to do: %v", err)
	}
	_ = w.st.Close()
	if _, err := store.RestoreBackup(t.Context(), backup, w.database(), ""); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Errorf("with the backup in its place: %v", err)
	}
}

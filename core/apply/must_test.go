package apply

import (
	"context"
	"encoding/base64"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// failing makes one operation of the engine fail, but not what a rollback needs.
func failing(op string, err error) func(string, string) error {
	return func(o, _ string) error {
		if o == op {
			return err
		}
		return nil
	}
}

// deaf is a journal that cannot write some entries.
type deaf struct {
	port
	to func(core.JournalEntry) bool
}

// port is the Journal to embed, whose own name is also a method's.
type port = Journal

var errFull = core.Errorf(core.Unreachable, "the disk is full")

func (d deaf) Intent(ctx context.Context, c core.Change, e core.JournalEntry) error {
	if d.to(e) {
		return errFull
	}
	return d.port.Intent(ctx, c, e)
}

func (d deaf) Outcome(ctx context.Context, c core.Change, e core.JournalEntry) error {
	if d.to(e) {
		return errFull
	}
	return d.port.Outcome(ctx, c, e)
}

func (w *world) mustBe(t *testing.T, want worldState) {
	t.Helper()
	if got := w.state(); !reflect.DeepEqual(got, want) {
		t.Errorf("the instance is not as it was:\ngot  %+v\nwant %+v", got, want)
	}
}

// mustBeCured checks that everything the cure does is done.
func (w *world) mustBeCured(t *testing.T, c *core.Change, err error) {
	t.Helper()
	s := w.state()
	want := "# settings\nPOSTGRES_PASSWORD=" + planted + "\nKEEP=as it is\nMARK=1\n"
	if got := s.Files[".env"]; string(got.Data) != want || got.Mode != 0o640 || got.UID != 1000 {
		t.Errorf(".env %q %v %d", got.Data, got.Mode, got.UID)
	}
	if f := s.Files["volumes/api/new.yml"]; string(f.Data) != "new: true\n" || f.Mode != 0o644 || f.UID != 1000 {
		t.Errorf("new.yml %+v", f)
	}
	if !accepts(*s.Roles["authenticator"], planted) || *s.Roles["supabase_admin"] != oldVerifier("supabase_admin") {
		t.Error("the roles are not as they should be")
	}
	if s.Containers[1].Env["GOTRUE_DB_PASSWORD"] != planted {
		t.Error("auth was not recreated")
	}
	if err != nil || c.Before.Status != core.Unhealthy || c.After.Status == core.Unhealthy {
		t.Errorf("%v, before %+v, after %+v", err, c.Before, c.After)
	}
}

// mustBeTold checks that what is stored and shown of a change is whole.
func (w *world) mustBeTold(t *testing.T, c *core.Change) {
	t.Helper()
	ctx := context.Background()
	saved, err := w.st.Change(ctx, c.ID)
	if err != nil || saved.State != c.State || saved.Reason != c.Reason || saved.Finished.IsZero() || saved.Snapshot != c.Snapshot {
		t.Errorf("stored: %+v, %v", saved, err)
	}
	audit, err := w.st.Audit(ctx, 2)
	if err != nil || len(audit) != 2 || audit[1].Action != "change.apply" || audit[1].Outcome != "intent" || audit[0].Action != "change.end" ||
		(audit[0].Outcome == "ok") != (c.State == core.Committed) || audit[0].Actor != "cli:ana" {
		t.Errorf("audit %+v, %v", audit, err)
	}
	if _, err := w.st.Verify(ctx); err != nil {
		t.Error(err)
	}
	if open, err := w.st.Unfinished(ctx); err != nil || len(open) > 0 {
		t.Errorf("unfinished %v, %v", open, err)
	}
	if len(w.events) == 0 || w.events[len(w.events)-1].State != c.State {
		t.Errorf("events %+v", w.events)
	}
}

// mustHoldNoSecret looks for secrets in all that is stored and shown, but in
// the snapshots, which are private.
func (w *world) mustHoldNoSecret(t *testing.T, err error) {
	t.Helper()
	secrets := []string{planted, url.QueryEscape(planted), url.PathEscape(planted), base64.StdEncoding.EncodeToString([]byte(planted)), "SCRAM-SHA-256$4"}
	look := func(where, text string) {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds a secret", where)
			}
		}
	}
	if err != nil {
		look("the error", err.Error())
	}
	for _, e := range w.events {
		look("an event", e.Step+" "+e.Outcome)
	}
	files := 0
	walk := filepath.WalkDir(filepath.Join(w.dir, "data"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, fi.Mode())
		}
		if filepath.Base(name) == "archive.tar.zst" || strings.Contains(name, "/displaced/") {
			return err
		}
		b, err := os.ReadFile(name)
		look(name, string(b))
		files++
		return err
	})
	if walk != nil || files < 4 {
		t.Errorf("only %d files were looked at, %v", files, walk)
	}
}

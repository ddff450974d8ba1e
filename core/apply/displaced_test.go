package apply

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestAnEditByHandIsKept kills the agent in the middle of a change, lets a person
// edit a file, and starts again.
func TestAnEditByHandIsKept(t *testing.T) {
	base := prepared(t, nil)
	points, _ := run(t, copied(t, base), "a change that cures", 0)
	broken := copied(t, base)
	for n, p := range points {
		if strings.HasPrefix(p, "verify.do.before") {
			run(t, broken, "a change that cures", n+1)
		}
	}
	before := stateOf(t, base)
	for name, edit := range map[string]struct{ file, text string }{
		"a file that the plan writes":  {"volumes/api/new.yml", "mine: true\n"},
		"the .env":                     {".env", "POSTGRES_PASSWORD=" + planted + "\nMINE=1\n"},
		"a file the plan knows not of": {"volumes/api/kong.yml", "mine: true\n"},
		"no file":                      {},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := openWorld(copied(t, broken))
			if err != nil {
				t.Fatal(err)
			}
			defer w.st.Close()
			if edit.file != "" {
				w.e.Edit(func(e *coretest.Engine) {
					e.Files[edit.file] = core.File{Name: edit.file, Data: []byte(edit.text), Mode: 0o644}
				})
			}
			done, err := w.a.Recover(t.Context())
			if err != nil || len(done) != 1 || done[0].State != core.RolledBack {
				t.Fatalf("%+v, %v", done, err)
			}
			w.mustBe(t, before)
			mustBeKept(t, w, done[0], edit.file, edit.text)
		})
	}
}

func mustBeKept(t *testing.T, w *world, c core.Change, file, text string) {
	t.Helper()
	folder := filepath.Join(w.shots.Dir, "shop", c.Snapshot, "displaced")
	if says := strings.Contains(c.Reason, "; the files as they were found are in ") && strings.HasSuffix(c.Reason, c.Snapshot+"/displaced"); says != (file != "") {
		t.Errorf("the reason is %q", c.Reason)
	}
	listed, err := w.st.Quarantine(t.Context(), "shop")
	if err != nil || (len(listed) == 1) != (file != "") {
		t.Errorf("in quarantine: %+v, %v", listed, err)
	}
	if file == "" {
		return
	}
	if a := listed[0]; a.Kind != core.AsideFiles || !strings.HasSuffix(a.In(), c.Snapshot+"/displaced") || a.From() != "/nowhere/shop" || a.Size == 0 || a.Snapshot != c.Snapshot {
		t.Errorf("in quarantine: %+v", a)
	}
	kept := filepath.Join(folder, file)
	b, err := os.ReadFile(kept)
	fi, statErr := os.Stat(kept)
	if err := errors.Join(err, statErr); err != nil || string(b) != text || fi.Mode().Perm() != 0o600 {
		t.Errorf("kept %q, %v", b, err)
	}
}

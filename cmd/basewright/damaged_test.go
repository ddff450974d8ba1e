package main

import (
	"bytes"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// damagePage overwrites the first page of a table on the disk.
func damagePage(t *testing.T, path, table string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	must(t, err)
	var page, size int64
	must(t, db.QueryRow("select rootpage from sqlite_master where name = ?", table).Scan(&page))
	must(t, db.QueryRow("pragma page_size").Scan(&size))
	_, err = db.Exec("pragma wal_checkpoint(truncate)") // or the page may be read from there
	must(t, err)
	must(t, db.Close())
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, int(size)), (page-1)*size)
	must(t, err)
	must(t, f.Close())
}

// stately does something with the state of a data folder by the command of that name.
func stately(t *testing.T, data string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	if code := run(t.Context(), append([]string{"--data", data, "state"}, args...), console{out: &said, err: &said, in: strings.NewReader("")}); code != exitOK {
		t.Fatalf("state %v: %d %s", args, code, said.String())
	}
}

// wantsDamage wants to be told which file is damaged, and what to do.
func (s *served) wantsDamage(method, path, token, body string) {
	s.t.Helper()
	code, text, err := s.ask(method, path, token, body)
	if err != nil || code != http.StatusServiceUnavailable || !strings.Contains(text, filepath.Join(s.data, "basewright.db")+" is damaged") || !strings.Contains(text, "basewright state restore") {
		s.t.Errorf("%s %s: %d %s %v", method, path, code, text, err)
	}
}

// TestServeWithADamagedPage: a page is damaged that the start reads, or one that it
// does not. Either way the agent answers and says which file it is and what to do, a
// login does not fail without a word, and a restored backup makes it well.
func TestServeWithADamagedPage(t *testing.T) {
	for table, row := range map[string]struct {
		opens, enters bool   // the state can be opened all the same, and somebody log in
		asked         string // what meets the page
	}{
		"users":    {false, false, "/api/users"},
		"audit":    {false, false, "/api/audit"},
		"sessions": {true, false, "/api/me"},
		"tokens":   {true, true, "/api/tokens"},
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			data, backup := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
			s := startServe(t, data, noEngine).ready()
			token, login := s.logIn(), s.login()
			s.stop()
			stately(t, data, "backup", backup)
			damagePage(t, filepath.Join(data, "basewright.db"), table)

			s = startServe(t, data, noEngine)
			s.wait(time.Minute, func() bool {
				_, body := s.get("/readyz", "")
				return strings.Contains(body, "is damaged") || strings.Contains(body, `"state":"ok"`)
			})
			s.wantsDamage(http.MethodGet, row.asked, token, "")
			if !row.enters {
				s.wantsDamage(http.MethodPost, "/api/login", "", login)
			}
			s.tellsOfDamage(token, row.opens, row.enters)
			s.stop()
			if strings.Contains(s.out.String(), "panic") {
				t.Error(s.out)
			}
			stately(t, data, "restore", backup)
			s = startServe(t, data, noEngine).ready()
			if code, body := s.get(row.asked, token); code != http.StatusOK {
				t.Errorf("after the restore: %d %s", code, body)
			}
		})
	}
}

// tellsOfDamage wants it on /readyz and, where somebody can log in, on a page that has
// nothing to do with it.
func (s *served) tellsOfDamage(token string, opens, enters bool) {
	s.t.Helper()
	if !opens {
		s.wantsDamage(http.MethodGet, "/readyz", "", "")
		return
	}
	path := filepath.Join(s.data, "basewright.db")
	if code, body := s.get("/readyz", ""); code != http.StatusOK || !strings.Contains(body, `"status":"degraded"`) || !strings.Contains(body, path+" is damaged") {
		s.t.Errorf("readyz: %d %s", code, body)
	}
	if !enters {
		return
	}
	if code, body := s.get("/settings", token); code != http.StatusOK || !strings.Contains(body, path) || !strings.Contains(body, "basewright state restore") {
		s.t.Errorf("the panel: %d %s", code, body)
	}
}

// TestADiagnosisOutlivesADamagedState: an instance is still diagnosed when what was
// found cannot be kept, and what it was like when healthy cannot be read.
func TestADiagnosisOutlivesADamagedState(t *testing.T) {
	c := newClockwork(t)
	i, err := c.store.Instance(t.Context(), "till")
	must(t, err)
	for _, table := range []string{"diagnoses", "healthy"} {
		damagePage(t, filepath.Join(c.data(), "basewright.db"), table)
	}
	d, err := c.Diagnoses.Run(t.Context(), i, core.Quick, core.ByHand)
	if err != nil || d == nil || len(d.Results) == 0 {
		t.Errorf("%+v %v", d, err)
	}
	if c.store.Damaged() == nil {
		t.Error("nobody met the damage")
	}
}

// TestServeOnAFullDisk: no byte is free when the agent starts, first without a state
// and then with one. It answers and says so, and goes on when there is room.
func TestServeOnAFullDisk(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(data, 0o700))
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(data, 0)) })
	var token string
	for _, state := range []string{"none", "one"} {
		ballast := filepath.Join(data, "ballast")
		f, err := os.Create(ballast)
		must(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		must(t, f.Close())
		s := startServe(t, data, noEngine)
		s.wait(time.Minute, func() bool { _, body := s.get("/readyz", ""); return strings.Contains(body, "the disk is full") })
		if code, _ := s.get("/healthz", ""); code != http.StatusOK {
			t.Errorf("with a state, %s: healthz %d", state, code)
		}
		if code, body := s.get("/readyz", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "make room") || !strings.Contains(body, filepath.Join(data, "basewright.db")) {
			t.Errorf("with a state, %s: readyz %d %s", state, code, body)
		}
		must(t, os.Remove(ballast))
		s.ready()
		if token == "" {
			token = s.logIn()
		}
		if code, body := s.get("/api/me", token); code != http.StatusOK {
			t.Errorf("with a state, %s, and room again: %d %s", state, code, body)
		}
		s.stop()
	}
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// whole is everything of a stack that a rollback must bring back, as text: what
// state holds, all that the engine says of it, its folder, and every role and row of
// its databases.
func (w *world) whole(t *testing.T, stack string) string {
	t.Helper()
	return w.state(t, stack) + w.inspected(t, stack) + entries(t, w.folder(stack)) + w.dump(t, stack)
}

// note is an extended attribute as people set them.
const note = "user.note"

// entries is a folder as text: each file with its bytes, each entry with its mode,
// owner and extended attributes. The files of the running database change with every
// checkpoint; dump says what is in them.
func entries(t *testing.T, top string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		if rel == "volumes/db/data" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d:%d", rel, info.Mode(), owner.Uid, owner.Gid)
		for _, a := range attributes(t, name) {
			b.WriteString(" " + a)
		}
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// attributes lists the extended attributes of a file with their values.
func attributes(t *testing.T, name string) (list []string) {
	t.Helper()
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(name, names)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	for a := range strings.SplitSeq(strings.TrimRight(string(names[:max(n, 0)]), "\x00"), "\x00") {
		if a == "" {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(name, a, value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s=%q", a, value[:n]))
	}
	slices.Sort(list)
	return list
}

// madeAnew begins the rows that realtime deletes and inserts at each of its starts,
// under new ids: to start it again, as before, changes them.
const madeAnew = "COPY _realtime."

// dump is every role and database as pg_dumpall writes them. The rows of a table
// are sorted: which place they have in its file is nobody's.
func (w *world) dump(t *testing.T, stack string) string {
	t.Helper()
	text := dumpFrame.ReplaceAllString(w.inDB(t, stack, "", "pg_dumpall", "-h", "127.0.0.1", "-U", "supabase_admin"), "")
	lines := strings.Split(text, "\n")
	for from := 0; from < len(lines); from++ {
		if !strings.HasPrefix(lines[from], "COPY ") {
			continue
		}
		to := from + 1
		for to < len(lines) && lines[to] != `\.` {
			to++
		}
		if strings.HasPrefix(lines[from], madeAnew) {
			lines = slices.Delete(lines, from+1, to)
			to = from + 1
		}
		slices.Sort(lines[from+1 : to])
		from = to
	}
	return strings.Join(lines, "\n")
}

// mark gives files of a stack what a careless rewrite of them loses: an owner, a
// mode and an extended attribute of their own.
func (w *world) mark(t *testing.T, stack string) {
	t.Helper()
	for i, name := range []string{".env", "docker-compose.yml", "volumes/api/kong.yml", "volumes/functions/main/index.ts"} {
		path := filepath.Join(w.folder(stack), name)
		err := unix.Setxattr(path, note, []byte("of "+name+" \x00 whole"), 0)
		if errors.Is(err, unix.ENOTSUP) {
			t.Logf("no extended attributes here: %v", err)
			err = nil
		}
		if err := errors.Join(err, os.Chown(path, 1200+i, 1300+i), os.Chmod(path, 0o604)); err != nil && os.Geteuid() == 0 {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(w.folder(stack), ".env"), 0o600); err != nil { // or it is a finding
		t.Fatal(err)
	}
}

// TestTakenBackWhole has each kind of change taken back, by a rollback after the
// agent was killed behind its last action, and by an undo: everything of the stack
// is byte for byte what it was.
func TestTakenBackWhole(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	for _, row := range []struct {
		what, fault string
		args        []string // STACK stands for the stack
	}{
		{"a file", "DK-09", []string{"repair", "STACK", "fix-line-endings", "--finding", "DK-09", "--yes"}},
		{"a setting", "SEC-15", []string{"repair", "STACK", "require-function-tokens", "--finding", "SEC-15", "--yes"}},
		{"SQL", "REST-07", []string{"repair", "STACK", "grant-api-usage", "--finding", "REST-07", "--yes"}},
		{"passwords of roles", "PG-01", []string{"repair", "STACK", "align-database-passwords", "--finding", "PG-01", "--yes"}},
		{"an edit of the configuration", "", []string{"config", "STACK", "set", "DISABLE_SIGNUP=true", "--yes"}},
		{"a compose file", "DK-15", []string{"repair", "STACK", "add-log-rotation", "--finding", "DK-15", "--yes"}},
		{"containers", "DK-07", []string{"repair", "STACK", "recreate-stale-containers", "--finding", "DK-07", "--yes"}},
		{"new keys", "", []string{"rotate", "STACK", "jwt-secret", "--yes"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			if row.fault != "" {
				p.lab("break", stack, row.fault)
				p.has(stack, row.fault, true)
			}
			w.mark(t, stack)
			args := slices.Clone(row.args)
			args[1] = stack
			before := w.whole(t, stack)
			points := slices.DeleteFunc(p.steps(`action-`, args...), func(point string) bool {
				return !strings.HasSuffix(point, ".do.after") || strings.Contains(point, "wait_")
			})
			if len(points) == 0 || difference(before, w.whole(t, stack)) == "" {
				t.Fatalf("it changed nothing by %q", points)
			}
			p.basewright(0, "change", "undo", lastChange(p.basewright(0, "change", "list", stack)))
			if d := difference(before, w.whole(t, stack)); d != "" {
				t.Fatalf("undoing did not bring back what was: %s", d)
			}
			p.kill(points[len(points)-1], args...)
			p.recovered(stack)
			if d := difference(before, w.whole(t, stack)); d != "" {
				t.Errorf("killed at %s: the rollback did not bring back what was: %s", points[len(points)-1], d)
			}
			p.lab("mend", stack)
		})
	}
	t.Run("a restore", func(t *testing.T) {
		t.Parallel()
		stack, p := w.borrow(t), w.person(t)
		w.seed(t, stack)
		w.mark(t, stack)
		restore := []string{"snapshot", "restore", p.snapshot(stack, "full"), "--yes"}
		points := p.steps(`restore\.`, restore...)
		w.sql(t, stack, spoil)
		w.store(t, stack, "two")
		before := w.whole(t, stack)
		p.kill(points[len(points)-1], restore...)
		p.recovered(stack)
		if d := difference(before, w.whole(t, stack)); d != "" {
			t.Errorf("killed at %s: the rollback did not bring back what was: %s", points[len(points)-1], d)
		}
	})
}

// recovered lets the next start put back what a killed agent left.
func (p *person) recovered(stack string) {
	p.t.Helper()
	p.basewright(0, "change", "recover")
	if list := p.basewright(0, "change", "list", stack); !strings.Contains(strings.Split(list, "\n")[1], "rolled_back") {
		p.t.Fatalf("the change ended so:\n%s", list)
	}
}

package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
	"github.com/basewright/basewright/core/supabase"
)

// swapName is the file beside a safety snapshot that says what a restore put
// aside, so that it can be put back, whatever happened since.
const swapName = "swap.json"

// loadedName is what that file is called once services may have run on what a Load
// brought: what is written since is in it, so it is not to be taken back. To rename
// it takes no room, which a full disk may not have.
const loadedName = "swap.loaded.json"

// swap is what a restore of data put aside. Nothing of it is removed before
// somebody says so: putting back is renaming.
type swap struct {
	From      string            `json:"from"` // the snapshot that is restored
	Databases []swappedDatabase `json:"databases,omitempty"`
	Volumes   []swappedVolume   `json:"volumes,omitempty"`
	Roles     *rolesBefore      `json:"roles,omitempty"`
}

type swappedDatabase struct {
	Name  string `json:"name"`
	OID   int64  `json:"oid"`   // of the one that was there; 0 when there was none
	Aside string `json:"aside"` // what it is called while it is aside
}

// swappedVolume is a folder whose contents were replaced.
type swappedVolume struct {
	Source string `json:"source"`
	Inode  uint64 `json:"inode"` // of the folder that was there
	Aside  string `json:"aside"`
	Fresh  string `json:"fresh"` // where the snapshot's is unpacked
}

func (f *Folder) writeSwap(dir string, s swap) error {
	temp := filepath.Join(dir, swapName+"."+core.NewID())
	err := f.writeFile(temp, func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, swapName))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write down what is put aside: %w", err), os.RemoveAll(temp))
	}
	return durable.SyncDir(dir)
}

func readSwap(dir, name string) (s swap, found bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("read what was put aside: %w", err)
	}
	return s, true, nil
}

// readAnySwap reads it whether or not services have run since.
func readAnySwap(dir string) (swap, bool, error) {
	s, found, err := readSwap(dir, loadedName)
	if err != nil || found {
		return s, found, err
	}
	return readSwap(dir, swapName)
}

// asideSQL renames a database, after everybody in it was sent away.
func asideSQL(from, to string) string {
	return "ALTER DATABASE " + supabase.QuoteIdentifier(from) + " WITH ALLOW_CONNECTIONS false;\n" +
		emptySQL(from) +
		"ALTER DATABASE " + supabase.QuoteIdentifier(from) + " RENAME TO " + supabase.QuoteIdentifier(to) + ";\n"
}

// emptySQL ends all sessions of a database and waits until they are gone.
func emptySQL(name string) string {
	return `DO $bw$ BEGIN
  FOR i IN 1..150 LOOP
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ` + supabase.QuoteLiteral(name) + `;
    EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = ` + supabase.QuoteLiteral(name) + `);
    PERFORM pg_sleep(0.1);
    PERFORM pg_stat_clear_snapshot();
  END LOOP;
END $bw$;
`
}

// oids returns the databases that there are, by name, those that were put aside
// too.
func oids(ctx context.Context, in run) (map[string]int64, error) {
	out, err := script(ctx, in, "template1", "select json_build_object('name', datname, 'oid', oid::int8) from pg_database;\n")
	if err != nil {
		return nil, fmt.Errorf("list the databases: %w", err)
	}
	all := map[string]int64{}
	for line := range strings.Lines(out) {
		var d database
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return nil, fmt.Errorf("list the databases: %w", err)
		}
		all[d.Name] = d.OID
	}
	return all, nil
}

// putAside takes a database out of the way. What stands in its place already,
// when it is aside, was made by a restore that did not end.
func putAside(ctx context.Context, in run, d swappedDatabase) error {
	now, err := oids(ctx, in)
	if err != nil {
		return err
	}
	_, aside := now[d.Aside]
	_, there := now[d.Name]
	switch {
	case !there:
		return nil
	case d.OID == 0 || aside:
		return dropMade(ctx, in, d.Name)
	}
	if _, err := script(ctx, in, "template1", asideSQL(d.Name, d.Aside)); err != nil {
		return fmt.Errorf("put database %s aside: %w", d.Name, err)
	}
	return nil
}

// dropMade removes a database that a restore of this program made and that did
// not come to stay: all that is in it is in the snapshot.
func dropMade(ctx context.Context, in run, name string) error {
	if _, err := script(ctx, in, "template1", "DROP DATABASE "+supabase.QuoteIdentifier(name)+" WITH (FORCE);\n"); err != nil {
		return fmt.Errorf("remove the half restored database %s: %w", name, err)
	}
	return nil
}

// putBack gives a database that was put aside its name again. What stands in its
// place was made by the restore.
func putBack(ctx context.Context, in run, d swappedDatabase) error {
	now, err := oids(ctx, in)
	if err != nil {
		return err
	}
	_, aside := now[d.Aside]
	_, there := now[d.Name]
	if there && (aside || d.OID == 0) {
		if err := dropMade(ctx, in, d.Name); err != nil {
			return err
		}
	}
	sql := ""
	if aside {
		sql = "ALTER DATABASE " + supabase.QuoteIdentifier(d.Aside) + " RENAME TO " + supabase.QuoteIdentifier(d.Name) + ";\n"
	}
	if aside || there && d.OID != 0 {
		sql += "ALTER DATABASE " + supabase.QuoteIdentifier(d.Name) + " WITH ALLOW_CONNECTIONS true;\n"
	}
	if sql == "" {
		return nil
	}
	if _, err := script(ctx, in, "template1", sql); err != nil {
		return fmt.Errorf("put database %s back: %w", d.Name, err)
	}
	return nil
}

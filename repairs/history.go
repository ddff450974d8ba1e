package repairs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core/durable"
)

// History is the good versions of the user's playbooks on disk, a folder for each
// playbook. A version that was bad is not among them.
type History struct {
	Dir string
	Now func() time.Time // nil means time.Now
}

// Version is one that was good.
type Version struct {
	Name string    // of its file, the time first
	At   time.Time // when it was first seen
	Text string
}

const versionTime = "20060102T150405Z"

// Keep adds the text of a playbook, unless it is the newest version already.
func (h History) Keep(id, text string) error {
	all, err := h.Versions(id)
	if err != nil {
		return err
	}
	if len(all) > 0 && all[len(all)-1].Text == text {
		return nil
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	sum := sha256.Sum256([]byte(text))
	dir := filepath.Join(h.Dir, id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep a version of playbook %s: %w", id, err)
	}
	name := filepath.Join(dir, now().UTC().Format(versionTime)+"-"+hex.EncodeToString(sum[:4])+".lua")
	if err := durable.Replace(name, []byte(text)); err != nil {
		return fmt.Errorf("keep a version of playbook %s: %w", id, err)
	}
	return nil
}

// Versions returns the good versions of a playbook, the newest last.
func (h History) Versions(id string) ([]Version, error) {
	if !idShape.MatchString(id) {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(h.Dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("versions of playbook %s: %w", id, err)
	}
	var list []Version
	for _, e := range entries {
		at, err := time.Parse(versionTime, strings.SplitN(e.Name(), "-", 2)[0])
		if err != nil || !strings.HasSuffix(e.Name(), ".lua") {
			continue
		}
		text, p := readSource(os.DirFS(filepath.Join(h.Dir, id)), e.Name())
		if p != nil {
			continue
		}
		list = append(list, Version{Name: e.Name(), At: at, Text: text})
	}
	slices.SortStableFunc(list, func(a, b Version) int { return a.At.Compare(b.At) })
	return list, nil
}

// last returns the newest good version of a playbook.
func (h History) last(id string) (string, bool) {
	all, err := h.Versions(id)
	if err != nil || len(all) == 0 {
		return "", false
	}
	return all[len(all)-1].Text, true
}

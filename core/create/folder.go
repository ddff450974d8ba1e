package create

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// marker lies in a folder while it is being made, and holds the change that
// makes it: what has it may be removed again, and nothing else.
const marker = ".basewright-creating"

// makeFolder renders the stack beside its place, checks it, and moves it in:
// there is a whole folder or none.
func (j *Job) makeFolder(ctx context.Context, change string) error {
	temp := j.temp(change)
	if err := os.MkdirAll(j.place.Root, 0o711); err != nil {
		return err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return err
	}
	if err := write(filepath.Join(temp, marker), []byte(change+"\n"), 0o600); err != nil {
		return err
	}
	if err := render(ctx, temp, j.Order, j.Subnet, time.Now()); err != nil {
		return err
	}
	if err := j.lint(ctx, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, j.Instance.Dir); err != nil {
		return err
	}
	return durable.SyncDir(j.place.Root)
}

func (j *Job) temp(change string) string { return tempDir(j.Instance.Dir, change) }

func tempDir(dir, change string) string { return dir + ".creating-" + change }

// lint refuses a stack that would be born with a fault.
func (j *Job) lint(ctx context.Context, dir string) error {
	if j.place.Lint == nil {
		return nil
	}
	findings, err := j.place.Lint(ctx, dir)
	if err != nil {
		return err
	}
	var bad []string
	for _, f := range findings {
		if f.Severity == core.Critical {
			bad = append(bad, f.Code+" "+f.Title)
		}
	}
	if len(bad) > 0 {
		return core.Errorf(core.Internal, "the rendered files have faults: %s", strings.Join(bad, "; "))
	}
	return nil
}

// RemoveFolder removes what a change made of an instance's folder, and nothing
// that somebody else put there.
func (p *Place) RemoveFolder(dir, change string) error {
	if err := os.RemoveAll(tempDir(dir, change)); err != nil {
		return err
	}
	note, err := os.ReadFile(filepath.Join(dir, marker))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(dir); err == nil {
			return core.Errorf(core.Conflict, "%s was not made by this creation and is left alone", dir)
		}
		return nil
	case err != nil:
		return err
	case strings.TrimSpace(string(note)) != change:
		return core.Errorf(core.Conflict, "%s was made by change %s and is left alone", dir, strings.TrimSpace(string(note)))
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the folder: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

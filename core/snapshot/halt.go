package snapshot

import (
	"context"
	"encoding/json"
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

// haltName is the file in the temporary folder of a snapshot that says which
// database was stopped for it.
const haltName = "halted.json"

// startTimeout is how long a database may take to be started again.
const startTimeout = time.Minute

// halt stops the database while volumes are copied. Its zero value stops nothing.
type halt struct {
	e    core.Engine
	inst core.Instance
	on   bool // it runs, and is to be stopped
	down bool // it was stopped
}

func newHalt(e core.Engine, obs *core.Observation, inst core.Instance, stop bool) *halt {
	_, running := runningData(obs)
	return &halt{e: e, inst: inst, on: stop && running}
}

// asStopped returns the observation as it will be when volumes are copied.
func (h *halt) asStopped(obs *core.Observation) *core.Observation {
	if !h.on {
		return obs
	}
	as := *obs
	as.Containers = nil
	for _, c := range obs.Containers {
		if c.Service == core.DB {
			c.State = "exited"
		}
		as.Containers = append(as.Containers, c)
	}
	return &as
}

// begin stops the database, once. That is written down first, so that it comes
// back when the agent is killed meanwhile.
func (h *halt) begin(ctx context.Context, dir string) error {
	if !h.on || h.down {
		return nil
	}
	b, err := json.Marshal(h.inst)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, haltName), b, 0o600); err != nil {
		return err
	}
	if err := durable.SyncDir(dir); err != nil {
		return err
	}
	h.down = true
	if err := h.e.Stop(ctx, core.DB); err != nil {
		return fmt.Errorf("stop the database to copy its data directory: %w", err)
	}
	return nil
}

// end starts the database again, whatever became of the snapshot.
func (h *halt) end(ctx context.Context, dir string) error {
	if !h.down {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	if err := h.e.Start(ctx, core.DB); err != nil {
		return fmt.Errorf("start the database again: %w", err)
	}
	h.down = false
	return os.Remove(filepath.Join(dir, haltName))
}

// Wake starts the databases that an agent stopped which was killed before it could
// start them again.
func (f *Folder) Wake(ctx context.Context, open func(core.Instance) (core.Engine, error)) error {
	marks, err := filepath.Glob(filepath.Join(f.Dir, "*", tempPrefix+"*", haltName))
	var errs []error
	for _, name := range marks {
		errs = append(errs, wake(ctx, name, open))
	}
	return errors.Join(append(errs, err)...)
}

func wake(ctx context.Context, name string, open func(core.Instance) (core.Engine, error)) error {
	release, err := lock(filepath.Dir(name))
	if err != nil {
		return nil // whoever takes the snapshot lives
	}
	defer release()
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var inst core.Instance
	if err == nil {
		err = json.Unmarshal(b, &inst)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", strings.TrimSuffix(name, haltName), err)
	}
	e, err := open(inst)
	if err == nil {
		err = e.Start(ctx, core.DB)
	}
	if err != nil {
		return fmt.Errorf("start the database of %s, which was stopped for a snapshot: %w", inst.ID, err)
	}
	return os.Remove(name)
}

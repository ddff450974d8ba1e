package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/basewright/basewright/core"
)

// shelf is a DataSnapshots on the disk of a world, which keeps count of the
// databases that loading puts aside as the real one does.
type shelf struct {
	vault
}

// shelved is what lasts of a shelf.
type shelved struct {
	Loads int
	Aside []string // databases that are aside
	Swap  string   // the one that the next Load takes back, unless it is done
	Done  bool     // services may have run since
}

func (s *shelf) read() (now shelved, err error) {
	b, err := os.ReadFile(filepath.Join(s.w.dir, "shelf"))
	if errors.Is(err, fs.ErrNotExist) {
		return now, nil
	}
	return now, errors.Join(err, json.Unmarshal(b, &now))
}

func (s *shelf) write(now shelved, what string) error {
	b, err := json.Marshal(now)
	s.w.hook("shelf " + what + ".before")
	err = errors.Join(err, os.WriteFile(filepath.Join(s.w.dir, "shelf"), b, 0o600))
	s.w.hook("shelf " + what + ".after")
	return err
}

func (s *shelf) Load(ctx context.Context, e core.Engine, _ core.Instance, _ core.Snapshot) error {
	now, err := s.read()
	if err != nil {
		return err
	}
	if now.Done {
		return nil
	}
	if err := stopServices(ctx, e); err != nil {
		return err
	}
	if now, err = s.back(now); err != nil {
		return err
	}
	now.Loads++
	now.Swap = fmt.Sprintf("basewright_before_%d_1", now.Loads)
	now.Aside = append(now.Aside, now.Swap)
	if err := s.write(now, "load"); err != nil {
		return err
	}
	now.Done = true
	return s.write(now, "keep") // the rollback lets the services run again
}

// stopServices stops all that runs but the database.
func stopServices(ctx context.Context, e core.Engine) error {
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	for _, c := range obs.Containers {
		if c.Service == core.DB || c.State != "running" {
			continue
		}
		if err := e.Stop(ctx, c.Service); err != nil {
			return err
		}
	}
	return nil
}

// Unload implements DataSnapshots.
func (s *shelf) Unload(ctx context.Context, e core.Engine, _ core.Snapshot) error {
	now, err := s.read()
	if err != nil || now.Done || now.Swap == "" {
		return err
	}
	if err := stopServices(ctx, e); err != nil {
		return err
	}
	_, err = s.back(now)
	return err
}

// back takes a Load back that is not done.
func (s *shelf) back(now shelved) (shelved, error) {
	if now.Swap == "" {
		return now, nil
	}
	now.Aside = slices.DeleteFunc(now.Aside, func(name string) bool { return name == now.Swap })
	now.Swap = ""
	return now, s.write(now, "back")
}

func (s *shelf) Loaded(core.Snapshot) (begun, done bool, err error) {
	now, err := s.read()
	return now.Swap != "", now.Done, err
}

func (s *shelf) Settle(_ context.Context, _ core.Engine, _ core.Snapshot, list func([]core.Aside) error) error {
	now, err := s.read()
	if err != nil || now.Swap == "" {
		return err
	}
	if err := list([]core.Aside{{Kind: core.AsideDatabase, Origin: "postgres", Place: now.Swap, Snapshot: "data1"}}); err != nil {
		return err
	}
	now.Swap, now.Done = "", false
	return s.write(now, "settle")
}

// loses is a plan of high risk that changes data, and does not help.
func (w *world) loses() error {
	w.a.Data = &shelf{vault{w: w}}
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01", Severity: core.Critical}} }
	p := w.cure(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "drop table x"}})
	p.Risk, p.Scope = core.HighRisk, core.DatabaseScope
	if err := p.Seal(); err != nil {
		return err
	}
	c, err := w.apply(context.Background(), p)
	if c == nil || c.State != core.RolledBack {
		return errors.Join(errors.New("it was not rolled back"), err)
	}
	return nil
}

// mustListWhatIsAside checks that the list of the quarantine names the databases that
// are aside, and no other, and that a rollback put no more than one aside.
func (w *world) mustListWhatIsAside(t *testing.T) {
	t.Helper()
	now, err := (&shelf{vault{w: w}}).read()
	if err != nil {
		t.Fatal(err)
	}
	items, err := w.st.Quarantine(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, a := range items {
		if a.Kind == core.AsideDatabase {
			listed = append(listed, a.Place)
		}
	}
	if !slices.Equal(listed, now.Aside) || len(now.Aside) > 1 || now.Swap != "" {
		t.Errorf("the list has %q, and aside are %q (to be taken back: %q), after %d loads", listed, now.Aside, now.Swap, now.Loads)
	}
}

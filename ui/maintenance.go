package ui

import (
	"cmp"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

type windowsOut struct {
	Reply
	Windows []core.Window `json:"windows"`
}

type windowOut struct {
	Reply
	Window core.Window `json:"window"`
}

type windowIn struct {
	Instance string     `json:"instance_id" doc:"or * for all"`
	Begins   *time.Time `json:"begins,omitempty" doc:"now when left out"`
	Ends     *time.Time `json:"ends,omitempty"`
	Minutes  int        `json:"minutes,omitempty" doc:"how long, in place of ends"`
	Reason   string     `json:"reason,omitempty"`
}

func (c *call) listWindows() (any, error) {
	all, err := c.Store.Windows(c, c.Now())
	return windowsOut{ok(""), slices.DeleteFunc(all, func(w core.Window) bool {
		return w.Instance != core.EveryInstance && !c.who.may(core.MayRead, w.Instance)
	})}, err
}

// addWindow begins a time in which nothing happens by itself, now or later.
func (c *call) addWindow() (any, error) {
	var in windowIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if (in.Ends == nil) == (in.Minutes == 0) {
		return nil, core.Errorf(core.Invalid, "say when the window ends: either ends or minutes")
	}
	now := c.Now().UTC()
	w := core.Window{ID: core.NewID(), Instance: in.Instance, Begins: now, Reason: cmp.Or(in.Reason, "maintenance"), Actor: c.who.actor(), Created: now}
	if in.Begins != nil {
		w.Begins = in.Begins.UTC()
	}
	w.Ends = w.Begins.Add(time.Duration(in.Minutes) * time.Minute)
	if in.Ends != nil {
		w.Ends = in.Ends.UTC()
	}
	if err := w.Check(now); err != nil {
		return nil, err
	}
	if _, err := displayName(w.Reason); err != nil {
		return nil, core.Errorf(core.Invalid, "the reason has more than 80 characters, or invisible ones")
	}
	if err := c.mayQuiet(w.Instance); err != nil {
		return nil, err
	}
	e := c.entry("maintenance.add", "ok", "until "+w.Ends.Format(time.RFC3339)+": "+w.Reason)
	e.Instance = w.Instance
	return windowOut{ok("nothing happens by itself until " + w.Ends.Format(time.RFC3339)), w}, c.Store.AddWindow(c, w, e)
}

// mayQuiet wants the instance to be there and the caller to keep its schedules.
func (c *call) mayQuiet(instance string) error {
	if instance != core.EveryInstance {
		if _, err := c.Store.Instance(c, instance); err != nil && core.CodeOf(err) != core.NotFound {
			return err
		} else if err != nil || !c.who.sees(instance) {
			return core.Errorf(core.NotFound, "there is no instance %q", clip(instance, 60))
		}
	}
	if !c.who.may(core.MaySchedule, instance) {
		return forbidden(core.MaySchedule)
	}
	return nil
}

func (c *call) endWindow() (any, error) {
	id := c.Param("window")
	e := c.entry("maintenance.end", "ok", "window "+id)
	return ok("the maintenance is over"), c.Store.EndWindow(c, id, e)
}

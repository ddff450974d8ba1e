package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// windowMinutes are the lengths of a maintenance window that the form offers.
var windowMinutes = []int{30, 60, 120, 240, 720, 1440}

// formTime is how browsers send a moment; the form says that it is in UTC.
const formTime = "2006-01-02T15:04"

// windowsOf are the maintenance windows of an instance, open and to come, the
// next first.
func (c *call) windowsOf(instance string) ([]core.Window, error) {
	all, err := c.Store.Windows(c, c.Now())
	all = slices.DeleteFunc(all, func(w core.Window) bool { return w.Instance != instance && w.Instance != core.EveryInstance })
	slices.SortFunc(all, func(a, b core.Window) int { return a.Begins.Compare(b.Begins) })
	return all, err
}

// quietUntil says when the maintenance of an instance ends, nil outside of one.
func quietUntil(windows []core.Window, instance string, now time.Time) *time.Time {
	var until *time.Time
	for _, w := range windows {
		if w.Holds(instance, now) && (until == nil || w.Ends.After(*until)) {
			until = &w.Ends
		}
	}
	return until
}

func (c *call) addWindowByForm() (any, error) {
	in := windowIn{Instance: c.instance.ID, Reason: strings.TrimSpace(c.PostForm("reason"))}
	minutes, err := number(c.PostForm("minutes"))
	if err != nil {
		return c.wrongWindow(err)
	}
	in.Minutes = minutes
	if text := c.PostForm("begins"); text != "" {
		at, err := time.Parse(formTime, text)
		if err != nil {
			return c.wrongWindow(core.Errorf(core.Invalid, "%s is not a moment such as 2026-01-31T22:00", clip(text, 30)))
		}
		in.Begins = &at
	}
	c.given = in
	if _, err := c.addWindow(); core.CodeOf(err) == core.Invalid {
		return c.wrongWindow(err)
	} else if err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/schedules", "saved")
}

func (c *call) wrongWindow(err error) (any, error) {
	return c.again(err, func(problem string) (panel.Page, error) { return c.schedulesWith(scheduleIn{}, "", problem) })
}

func (c *call) endWindowByForm() (any, error) {
	if _, err := c.endWindow(); err != nil {
		return nil, err
	}
	return c.goTo(backOf(c.Context), "saved")
}

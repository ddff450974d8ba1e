package ui

import (
	"errors"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
)

// instanceTabs are the pages of an instance, with what each needs.
var instanceTabs = []struct {
	panel.Tab
	may core.Verb
}{
	{panel.Tab{ID: "overview"}, read},
	{panel.Tab{ID: "history", Path: "/history"}, read},
	{panel.Tab{ID: "logs", Path: "/logs"}, tail},
	{panel.Tab{ID: "config", Path: "/config"}, conf},
	{panel.Tab{ID: "snapshots", Path: "/snapshots"}, read},
	{panel.Tab{ID: "schedules", Path: "/schedules"}, read},
	{panel.Tab{ID: "changes", Path: "/changes"}, read},
	{panel.Tab{ID: "keys", Path: "/keys"}, admin},
}

// of is the head of an instance's pages.
func (c *call) of(tab string) (panel.Instance, error) {
	i := c.instance
	v, err := c.view(i)
	if err != nil {
		return panel.Instance{}, err
	}
	production, err := c.production()
	if err != nil {
		return panel.Instance{}, err
	}
	windows, err := c.windowsOf(i.ID)
	may := func(verb core.Verb) bool { return c.who.may(verb, i.ID) }
	controlled := i.Mode == core.Control
	out := panel.Instance{Instance: i, Status: v.Status, Change: v.Change, Quiet: quietUntil(windows, i.ID, c.Now()), Tab: tab, Production: slices.Contains(production, i.ID),
		May: panel.Rights{Diagnose: may(core.MayDiagnose), Power: may(core.MayRestart) && controlled, Repair: may(core.MayRepair) && controlled,
			Snapshot: may(core.MaySnapshot) && controlled, Verify: may(core.MaySnapshot), Schedule: may(core.MaySchedule), Admin: may(core.MayAdmin)}}
	for _, t := range instanceTabs {
		if may(t.may) {
			out.Tabs = append(out.Tabs, t.Tab)
		}
	}
	return out, err
}

// productionSetting holds the ids of the instances that are marked.
const productionSetting = "panel.production"

// production returns the instances that people marked as what users rely on.
func (c *call) production() ([]string, error) {
	text, err := c.Store.Setting(c, productionSetting)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return nil, err
	}
	return strings.Fields(text), nil
}

// mark says whether users rely on the instance.
func (c *call) mark(production bool) error {
	marks := &c.panel.marks
	marks.Lock()
	defer marks.Unlock()
	all, err := c.production()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(id string) bool { return id == c.instance.ID })
	detail := "not production"
	if production {
		all, detail = append(all, c.instance.ID), "production"
	}
	if err := c.Store.Append(c, c.entry("instance.mark", "ok", detail)); err != nil {
		return err
	}
	return c.Store.SetSetting(c, productionSetting, strings.Join(all, " "))
}

func (c *call) home() string { return "/instances/" + c.instance.ID }

func (c *call) diagnoseOne() (any, error) {
	_, err := c.runDiagnostics()
	if _, soon := errors.AsType[*queue.Limited](err); soon {
		return c.goTo(c.home(), "recent")
	}
	if err != nil {
		return nil, err
	}
	return c.goTo(c.home(), "diagnosed")
}

func (c *call) powerOne() (any, error) {
	what := Operation(c.PostForm("what"))
	if !slices.Contains([]Operation{Start, Stop, SafeRestart}, what) {
		return nil, core.Errorf(core.Invalid, "%q is not start, stop or safe-restart", clip(string(what), 20))
	}
	return c.follow(operate(what)(c))
}

// follow leads to the page of a change that was begun.
func (c *call) follow(out any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	begun, ok := out.(changeOut)
	if !ok {
		return nil, core.Errorf(core.Internal, "%s began no change", c.route.path)
	}
	return c.goTo("/changes/"+begun.Change.ID, "")
}

// editOne changes what an admin says about an instance.
func (c *call) editOne() (any, error) {
	if p := c.PostForm("production"); p != "" {
		if err := c.mark(p == "yes"); err != nil {
			return nil, err
		}
		return c.goTo(c.home(), "saved")
	}
	in := patchIn{}
	if text, sent := c.GetPostForm("tags"); sent {
		tags, err := tagsIn(text)
		if err != nil {
			return nil, err
		}
		in.Tags = &tags
	}
	if mode := core.Mode(c.PostForm("mode")); mode != "" {
		in.Mode = &mode
	}
	if name := c.PostForm("name"); name != "" {
		in.Name = &name
	}
	c.given = in
	if _, err := c.patchInstance(); err != nil {
		return nil, err
	}
	return c.goTo(c.home(), "saved")
}

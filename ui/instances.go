package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// instanceView is an instance with what is known of it now.
type instanceView struct {
	core.Instance
	Status    core.Status `json:"status" doc:"of the last diagnosis; unknown without one"`
	Diagnosed *time.Time  `json:"diagnosed_at"`
	Change    string      `json:"change_id,omitempty" doc:"the change that is under way"`
}

type instancesOut struct {
	Reply
	Instances []instanceView `json:"instances"`
}

type instanceOut struct {
	Reply
	Instance instanceView `json:"instance"`
}

// view adds to an instance what was last seen of it.
func (c *call) view(i core.Instance) (instanceView, error) {
	seen, err := c.Store.Glances(c)
	return c.viewed(i, seen), err
}

// viewed is view for who has looked already.
func (c *call) viewed(i core.Instance, seen map[string]store.Glance) instanceView {
	v := instanceView{Instance: i, Status: core.Unknown, Change: c.Changes.Holder(i.ID)}
	if v.Files == nil {
		v.Files = []string{}
	}
	if g, known := seen[i.ID]; known {
		v.Status, v.Diagnosed = g.Status, &g.At
	}
	return v
}

func (c *call) show(i core.Instance, message string) (any, error) {
	v, err := c.view(i)
	return instanceOut{ok(message), v}, err
}

func (c *call) listInstances() (any, error) {
	mine, seen, err := c.visible()
	out := instancesOut{ok(""), []instanceView{}}
	for _, i := range mine {
		out.Instances = append(out.Instances, c.viewed(i, seen))
	}
	return out, err
}

// visible are the instances that the caller may see, and what their last
// diagnoses said. For the caller there are no others.
func (c *call) visible() ([]core.Instance, map[string]store.Glance, error) {
	all, err := c.Store.Instances(c)
	if err != nil {
		return nil, nil, err
	}
	glances, err := c.Store.Glances(c)
	return slices.DeleteFunc(all, func(i core.Instance) bool { return !c.who.may(core.MayRead, i.ID) }), glances, err
}

func (c *call) showInstance() (any, error) { return c.show(c.instance, "") }

type discovered struct {
	core.Instance
	Adopted bool `json:"adopted"`
}

type discoverOut struct {
	Reply
	Instances []discovered `json:"instances"`
}

func (c *call) discover() (any, error) {
	found, err := c.Discover(c)
	if err != nil {
		return nil, err
	}
	have, err := c.Store.Instances(c)
	out := discoverOut{ok(""), []discovered{}}
	for _, i := range found {
		if i.Files == nil {
			i.Files = []string{}
		}
		known := slices.ContainsFunc(have, func(h core.Instance) bool { return h.Project == i.Project })
		out.Instances = append(out.Instances, discovered{i, known})
	}
	return out, err
}

type adoptIn struct {
	Project string `json:"project" doc:"Compose project, or the id that discover shows"`
	Name    string `json:"name,omitempty" doc:"for people"`
}

// reserved are words that stand where the id of an instance does in a path.
var reserved = []string{"adopt", "audit", "check-all-health", "preflight"}

func (c *call) adopt() (any, error) {
	var in adoptIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if in.Project == "" {
		return nil, core.Errorf(core.Invalid, "the project is missing; GET /api/discover lists those of the engine")
	}
	i, err := Adoptable(c, c.Discover, in.Project)
	if err != nil {
		return nil, err
	}
	if in.Name != "" {
		if i.Name, err = displayName(in.Name); err != nil {
			return nil, err
		}
	}
	c.instance = i
	if err := c.Store.AddInstance(c, i, c.entry("instance.adopt", "ok", "the project "+i.Project+", to observe it")); err != nil {
		return nil, err
	}
	c.firstLook(i)
	return c.show(i, "the instance is adopted and observed; switch its mode to control to change it")
}

// firstLook begins a diagnosis of an instance that was just adopted, of which nothing
// would be known until somebody asks. It does not count as asked for, so that who
// does need not wait.
func (c *call) firstLook(i core.Instance) {
	ctx, a := context.WithoutCancel(c.ctx), c.Agent
	go func() {
		if _, err := a.Diagnoses.Run(ctx, i, core.Full, core.ByHand); err != nil {
			a.Log.Warn("the first diagnosis of an adopted instance failed", "instance", i.ID, "error", err)
		}
	}()
}

// Adoptable returns the instance that a project would be. It begins in the mode
// that only observes.
func Adoptable(ctx context.Context, discover func(context.Context) ([]core.Instance, error), project string) (core.Instance, error) {
	found, err := discover(ctx)
	if err != nil {
		return core.Instance{}, err
	}
	n := slices.IndexFunc(found, func(i core.Instance) bool { return i.Project == project })
	if n < 0 {
		n = slices.IndexFunc(found, func(i core.Instance) bool { return i.ID == project })
	}
	if n < 0 {
		return core.Instance{}, core.Errorf(core.NotFound, "this Docker Engine has no Supabase project %q", clip(project, 60))
	}
	i := found[n]
	i.Origin, i.Mode = core.Adopted, core.Observe
	if slices.Contains(reserved, i.ID) {
		return i, core.Errorf(core.Invalid, "an instance cannot have the id %s, which is a word of the API", i.ID)
	}
	return i, nil
}

// displayName refuses names that would not stay on their line.
func displayName(s string) (string, error) {
	bad := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > 80 || slices.ContainsFunc([]rune(s), bad) {
		return "", core.Errorf(core.Invalid, "a display name has 1 to 80 characters, none of which are invisible")
	}
	return s, nil
}

type patchIn struct {
	Name *string    `json:"name,omitempty"`
	Mode *core.Mode `json:"mode,omitempty" doc:"observe or control"`
	Tags *[]string  `json:"tags,omitempty" doc:"all that it has afterwards; to find and group it by"`
}

func (c *call) patchInstance() (any, error) {
	var in patchIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	i := c.instance
	detail := "nothing"
	if in.Name != nil {
		name, err := displayName(*in.Name)
		if err != nil {
			return nil, err
		}
		i.Name, detail = name, "the display name"
	}
	if in.Mode != nil {
		if *in.Mode != core.Observe && *in.Mode != core.Control {
			return nil, core.Errorf(core.Invalid, "%q is not a mode: observe or control", clip(string(*in.Mode), 60))
		}
		i.Mode, detail = *in.Mode, "mode "+string(*in.Mode)
	}
	if in.Tags != nil {
		tags, err := core.Tags(*in.Tags)
		if err != nil {
			return nil, err
		}
		i.Tags = tags
		if err := c.Store.SetTags(c, i.ID, tags, c.entry("instance.edit", "ok", "tags "+strings.Join(tags, " "))); err != nil {
			return nil, err
		}
	}
	if in.Name != nil || in.Mode != nil || in.Tags == nil {
		if err := c.Store.SetInstance(c, i.ID, i.Name, i.Mode, c.entry("instance.edit", "ok", detail)); err != nil {
			return nil, err
		}
	}
	return c.show(i, "the instance is changed")
}

func (c *call) forgetInstance() (any, error) {
	if id := c.Changes.Holder(c.instance.ID); id != "" {
		return nil, core.Errorf(core.Conflict, "change %s is under way on %s", id, c.instance.ID)
	}
	err := c.Store.RemoveInstance(c, c.instance.ID, c.entry("instance.forget", "ok", "its containers and data are not touched"))
	if err == nil {
		c.JSON(http.StatusOK, ok("the instance is forgotten; its containers and data are as they were"))
	}
	return nil, err
}

// deleteInstance takes an instance that Basewright created off the engine, and
// forgets one that it adopted.
func (c *call) deleteInstance() (any, error) {
	data, adopted := c.Query("data"), c.instance.Origin != core.Created
	shelve := data == "quarantine"
	switch {
	case data != "" && data != "keep" && !shelve:
		return nil, core.Errorf(core.Invalid, "data=%q is not one of: keep, quarantine", clip(data, 20))
	case adopted && shelve:
		return nil, core.Errorf(core.Invalid, "%s was adopted: it can be forgotten, and its data stays where it is", c.instance.ID)
	case adopted:
		return c.forgetInstance()
	case shelve && c.Query("confirm") != c.instance.ID:
		return nil, core.Errorf(core.Invalid, `this moves data; "confirm" must be the instance's id, %s`, c.instance.ID)
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.DeleteInstance(c.instance, shelve, c.who.actor()))
}

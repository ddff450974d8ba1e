package ui

import (
	"context"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// Setting is a variable of an instance's .env, as those who may read the
// configuration see it.
type Setting struct {
	Key      string   `json:"key"`
	Value    string   `json:"value" doc:"masked when it is a secret: its fingerprint"`
	Set      bool     `json:"set" doc:"it stands in the .env"`
	Type     string   `json:"type"`
	Default  string   `json:"default,omitempty"`
	Allowed  []string `json:"allowed,omitempty"`
	Help     string   `json:"help,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Locked   string   `json:"locked,omitempty" doc:"why it is not changed by an edit"`
	Services []string `json:"services" doc:"that are recreated when it changes"`
}

type configOut struct {
	Reply
	Name     string    `json:"name"`
	Settings []Setting `json:"settings"`
}

type configIn struct {
	Field   string                 `json:"field,omitempty" doc:"a setting, or name, dashboard_username, dashboard_password"`
	Value   core.Secret            `json:"value,omitempty"`
	Changes map[string]core.Secret `json:"changes,omitempty" doc:"several at once"`
}

func (c *call) showConfig() (any, error) {
	settings, err := c.Settings(c, c.instance)
	return configOut{ok(""), c.instance.Name, settings}, err
}

// editConfig changes settings as one change and answers when it has ended. One
// that was taken back is a conflict with the reason.
func (c *call) editConfig() (any, error) {
	var in configIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	changes, err := in.all()
	if err != nil {
		return nil, err
	}
	if name, ok := changes["name"]; ok {
		if len(changes) > 1 {
			return nil, core.Errorf(core.Invalid, "change the name by itself: it is no setting of the stack")
		}
		return c.rename(name.Reveal())
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	job, err := c.Configure(c, c.instance, changes, c.who.actor())
	if err != nil {
		return nil, err
	}
	return c.beginAndWait(job)
}

func (in configIn) all() (map[string]core.Secret, error) {
	switch {
	case in.Field != "" && len(in.Changes) > 0:
		return nil, core.Errorf(core.Invalid, `give "field" and "value", or "changes", not both`)
	case in.Field != "":
		return map[string]core.Secret{in.Field: in.Value}, nil
	case len(in.Changes) == 0:
		return nil, core.Errorf(core.Invalid, `nothing to change: give "field" and "value", or "changes"`)
	}
	return in.Changes, nil
}

func (c *call) rename(name string) (any, error) {
	name, err := displayName(name)
	if err != nil {
		return nil, err
	}
	if err := c.Store.SetInstance(c, c.instance.ID, name, c.instance.Mode, c.entry("instance.edit", "ok", "the display name")); err != nil {
		return nil, err
	}
	return changeOut{Reply: ok("the instance is called " + name), Change: whole(core.Change{}), Journal: []journalLine{}}, nil
}

// beginAndWait starts a change and answers when it has ended.
func (c *call) beginAndWait(job queue.Job) (any, error) {
	ended := make(chan error, 1)
	watched := func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		ch, err := job(ctx, id, progress)
		if ch != nil && ch.State != core.Committed && err == nil {
			err = core.Errorf(core.Conflict, "change %s was taken back: %s", ch.ID, ch.Reason)
		}
		ended <- err
		return ch, err
	}
	begun, err := c.begin(watched)
	if err != nil {
		return nil, err
	}
	id := begun.(changeOut).Change.ID
	select {
	case err := <-ended:
		if err != nil {
			return nil, c.takenBack(id, err)
		}
		return c.change(id, "the settings are changed")
	case <-c.Request.Context().Done(): // who asked waited long enough, or left
		c.ctx = context.WithoutCancel(c.ctx)
		return c.change(id, "the change is still under way")
	}
}

// takenBack says why a change did not come to stay, as the receipt does.
func (c *call) takenBack(id string, cause error) error {
	ch, err := c.Store.Change(c, id)
	if err != nil {
		return cause
	}
	return &core.Error{Code: core.Conflict, Message: "change " + id + " is " + string(ch.State) + ": " + ch.Reason}
}

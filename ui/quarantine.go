package ui

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
)

type quarantineOut struct {
	Reply
	Quarantine []core.Aside `json:"quarantine" doc:"the oldest first; nothing goes by itself"`
}

type asideOut struct {
	Reply
	Item core.Aside `json:"item"`
}

type purgeIn struct {
	Confirm string `json:"confirm" doc:"the id once more: what is purged is gone for good"`
}

// listQuarantine lists what is in quarantine of the instances that the caller
// may see, and for an admin of all also of those that are no more.
func (c *call) listQuarantine() (any, error) {
	list, err := c.asides()
	return quarantineOut{ok(""), listed(list)}, err
}

func (c *call) asides() ([]core.Aside, error) {
	list, err := c.Store.Quarantine(c, c.Query("instance"))
	return slices.DeleteFunc(list, func(a core.Aside) bool { return !c.who.may(core.MayRead, a.Instance) }), err
}

func (c *call) restoreAside() (any, error) {
	if c.gone {
		return nil, c.nowhere()
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	// It goes on when whoever asked is gone: half of a move helps nobody.
	a, err := c.RestoreAside(context.WithoutCancel(c.ctx), c.Param("aside"), c.who.actor())
	if err != nil {
		return nil, err
	}
	return asideOut{ok("it is back at " + a.From()), a}, nil
}

// nowhere says that what is in quarantine was set aside from an instance that is no
// more, and where a person finds it.
func (c *call) nowhere() error {
	a, err := c.Store.Aside(c, c.Param("aside"))
	if err != nil {
		return err
	}
	return &core.Error{Code: core.Conflict, Message: "the instance " + a.Instance + " is no more, so nothing can be put back into it",
		Hint: "adopt it again and switch it to control, or take what you need from " + a.In()}
}

// purgeAside deletes for good, and so wants a person who says what.
func (c *call) purgeAside() (any, error) {
	var in purgeIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := c.Param("aside")
	switch {
	case c.who.token != nil:
		return nil, core.Errorf(core.Invalid, "an API token is no person, and only a person purges; log in")
	case in.Confirm != id:
		return nil, core.Errorf(core.Invalid, `what is purged is gone for good; "confirm" must be its id, %s`, id)
	}
	a, err := c.PurgeAside(context.WithoutCancel(c.ctx), id, c.who.actor())
	if err != nil {
		return nil, err
	}
	return asideOut{ok("it is deleted"), a}, nil
}

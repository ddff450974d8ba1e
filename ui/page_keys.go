package ui

import (
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// keysPage lists the address and the keys of an instance, secrets masked.
func (c *call) keysPage() (any, error) { return c.keys("") }

// revealKey shows one of them, once that is written down. The value is in no
// page before, and in no log or audit entry ever.
func (c *call) revealKey() (any, error) { return c.keys(c.PostForm("key")) }

// keys makes the page with the value of one secret in it, or of none.
func (c *call) keys(shown string) (any, error) {
	of, err := c.of("keys")
	if err != nil {
		return nil, err
	}
	all, err := c.Handover(c, c.instance)
	if err != nil {
		return nil, err
	}
	p, found := &panel.Keys{Frame: c.framed("fleet", c.instance.Name), Of: of}, false
	for _, h := range all {
		k := panel.Handed{Key: h.Key, Secret: h.Secret}
		if k.Shown = !h.Secret || h.Key == shown; k.Shown {
			k.Value = h.Value.Reveal()
		}
		found = found || h.Secret && h.Key == shown
		p.Keys = append(p.Keys, k)
	}
	if shown == "" {
		return p, nil
	}
	if !found {
		return nil, core.Errorf(core.NotFound, "%s has no key %q", c.instance.ID, clip(shown, 60))
	}
	return p, c.Store.Append(c, c.entry("instance.reveal", "ok", shown+" was shown"))
}

package ui

import (
	"errors"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/ui/panel"
)

// askStill asks a person to show that it is still they, with what they sent kept.
// The editor and the list of keys ask in the place of their answer; who logs in at an issuer may do that
// in another tab.
func (a *Agent) askStill(c *gin.Context, refused Problem, cause error) {
	who, _ := a.authenticate(c)
	p := &panel.StillYou{Frame: a.frame(c, who), Action: c.Request.URL.Path, Code: who.user.SecondFactor}
	p.Title = p.Lang.T("still.title")
	if !errors.Is(cause, errOldLogin) {
		p.Problem = refused.Detail
	}
	if who.user.Subject != "" {
		p.Issuer = a.issuer()
	}
	for _, name := range slices.Sorted(maps.Keys(c.Request.PostForm)) {
		if name == "proof" || name == "proof_code" {
			continue
		}
		for _, value := range c.Request.PostForm[name] {
			p.Sent = append(p.Sent, panel.Sent{Name: name, Value: value})
		}
	}
	a.press(c, refused.Status, p, "still-"+partOf(c))
}

package ui

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) usersPage() (any, error) { return c.users(nil, "") }

// users is the page of users; once is a password that is shown on it, once.
func (c *call) users(once *panel.Once, problem string) (*panel.Users, error) {
	p := &panel.Users{Frame: c.framed("users", ""), Roles: core.Roles, Once: once, Problem: problem}
	if problem != "" {
		p.Name = clip(c.PostForm("name"), 64)
	}
	p.Title = p.Lang.T("nav.users")
	out, err := c.listUsers()
	if err != nil {
		return nil, err
	}
	for _, u := range out.(usersOut).Users {
		p.Users = append(p.Users, panel.User{User: u, Roles: grantsOf(u), Self: u.ID == c.who.user.ID})
	}
	all, err := c.Store.Instances(c)
	for _, i := range all {
		p.Instances = append(p.Instances, i.ID)
	}
	return p, err
}

func (c *call) wrongUser(err error) (any, error) {
	return c.again(err, func(problem string) (panel.Page, error) { return c.users(nil, problem) })
}

// userAdded adds a user. Without a password one is drawn, and shown once.
func (c *call) userAdded() (any, error) {
	in := userIn{Name: c.PostForm("name"), Password: c.PostForm("password")}
	if role := core.Role(c.PostForm("role")); role != "" {
		on := c.PostForm("instance")
		if on == "" {
			on = core.EveryInstance
		}
		in.Grants = map[string]core.Role{on: role}
	}
	drawn := in.Password == ""
	if drawn {
		in.Password = rand.Text()
	}
	c.given = in
	if _, err := c.addUser(); err != nil {
		return c.wrongUser(err)
	}
	if !drawn {
		return c.goTo("/users", "added")
	}
	return c.users(&panel.Once{Of: in.Name, Text: in.Password}, "")
}

// userChanged sets a password, or locks a user out and lets them in again.
func (c *call) userChanged() (any, error) {
	var in userPatch
	if password := c.PostForm("password"); password != "" {
		in.Password = &password
	}
	if disabled := c.PostForm("disabled"); disabled != "" {
		yes := disabled == "yes"
		in.Disabled = &yes
	}
	c.given = in
	if _, err := c.patchUser(); err != nil {
		return c.wrongUser(err)
	}
	return c.goTo("/users", "saved")
}

func (c *call) userRemoved() (any, error) {
	if _, err := c.removeUser(); err != nil {
		return c.wrongUser(err)
	}
	return c.goTo("/users", "removed")
}

// grantChanged gives a role, or takes it away when none is named. The form
// names the instance, which stands in the API's path.
func (c *call) grantChanged() (any, error) {
	instance := c.PostForm("instance")
	if instance == "" {
		instance = core.EveryInstance
	}
	c.Params = append(c.Params, gin.Param{Key: "instance", Value: instance})
	change := c.revokeGrant
	if role := core.Role(c.PostForm("role")); role != "" {
		c.given, change = grantIn{role}, c.grant
	}
	if _, err := change(); err != nil {
		return c.wrongUser(err)
	}
	return c.goTo("/users", "saved")
}

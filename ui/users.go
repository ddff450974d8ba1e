package ui

import (
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

type usersOut struct {
	Reply
	Users []core.User `json:"users"`
}

type userOut struct {
	Reply
	User core.User `json:"user"`
}

type userIn struct {
	Name     string               `json:"name"`
	Password string               `json:"password"`
	Grants   map[string]core.Role `json:"grants,omitempty" doc:"instance, or * for all, to role"`
}

type userPatch struct {
	Password *string `json:"password,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	Subject  *string `json:"subject,omitempty" doc:"who they are at the issuer of single sign-on: its address, # and their id there"`
	NoFactor bool    `json:"remove_second_factor,omitempty" doc:"for who lost it"`
}

type grantIn struct {
	Role core.Role `json:"role"`
}

func (c *call) listUsers() (any, error) {
	users, err := c.Store.Users(c)
	return usersOut{ok(""), users}, err
}

func (c *call) addUser() (any, error) {
	var in userIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if !core.ValidUserName(in.Name) {
		return nil, core.Errorf(core.Invalid, "a user name has 1 to 64 letters, digits and . _ @ -, and begins with a letter or a digit")
	}
	if err := access.CheckPassword(in.Password); err != nil {
		return nil, err
	}
	u := core.User{ID: core.NewID(), Name: in.Name, Created: c.Now().UTC(), Grants: map[string]core.Role{}}
	for instance, role := range in.Grants {
		if err := checkGrant(instance, role); err != nil {
			return nil, err
		}
		u.Grants[instance] = role
	}
	err := c.Store.AddUser(c, u, access.Hash(in.Password), c.entry("user.add", "ok", u.Name))
	return userOut{ok("the user is added"), u}, err
}

func checkGrant(instance string, role core.Role) error {
	if instance != core.EveryInstance && !core.ValidID(instance) {
		return core.Errorf(core.Invalid, "%q is not the id of an instance, nor * for all", clip(instance, 60))
	}
	if !slices.Contains(core.Roles, role) {
		return core.Errorf(core.Invalid, "%q is not a role: viewer, operator or admin", clip(string(role), 60))
	}
	return nil
}

// user answers with a user as they are now.
func (c *call) user(id, message string) (any, error) {
	u, err := c.Store.User(c, id)
	return userOut{ok(message), u}, err
}

func (c *call) patchUser() (any, error) {
	var in userPatch
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := c.Param("uid")
	u, err := c.Store.User(c, id)
	if err != nil {
		return nil, err
	}
	if in.Password != nil {
		if err := access.CheckPassword(*in.Password); err != nil {
			return nil, err
		}
		if err := c.Store.SetPassword(c, id, access.Hash(*in.Password), "", c.entry("user.password", "ok", u.Name)); err != nil {
			return nil, err
		}
	}
	if in.Disabled != nil {
		action := map[bool]string{true: "user.disable", false: "user.enable"}[*in.Disabled]
		if err := c.Store.DisableUser(c, id, *in.Disabled, c.entry(action, "ok", u.Name)); err != nil {
			return nil, err
		}
	}
	if in.Subject != nil {
		if err := c.Store.SetSubject(c, id, *in.Subject, c.entry("user.subject", "ok", u.Name+" is "+clip(*in.Subject, 200))); err != nil {
			return nil, err
		}
	}
	if in.NoFactor {
		if err := c.Store.SetFactor(c, id, "", 0, nil, "", c.entry("user.factor", "ok", "no second factor any more for "+u.Name)); err != nil {
			return nil, err
		}
	}
	return c.user(id, "the user is changed")
}

func (c *call) removeUser() (any, error) {
	id := c.Param("uid")
	u, err := c.Store.User(c, id)
	if err != nil {
		return nil, err
	}
	return ok("the user is removed"), c.Store.RemoveUser(c, id, c.entry("user.remove", "ok", u.Name))
}

func (c *call) grant() (any, error) {
	var in grantIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := checkGrant(c.Param("instance"), in.Role); err != nil {
		return nil, err
	}
	return c.setGrant(in.Role, "the role is given")
}

func (c *call) revokeGrant() (any, error) { return c.setGrant("", "the role is taken away") }

func (c *call) setGrant(role core.Role, message string) (any, error) {
	id, instance := c.Param("uid"), c.Param("instance")
	u, err := c.Store.User(c, id)
	if err != nil {
		return nil, err
	}
	e := c.entry("user.grant", "ok", u.Name+": "+string(role)+" on "+clip(instance, 60))
	if role == "" {
		e.Action, e.Detail = "user.revoke", u.Name+": nothing more on "+clip(instance, 60)
	}
	if err := c.Store.Grant(c, id, instance, role, e); err != nil {
		return nil, err
	}
	return c.user(id, message)
}

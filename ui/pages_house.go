package ui

// housePages are about Basewright itself rather than one instance: who may use
// it, what it did, what it can do.
var housePages = []route{
	page(get, "/palette", read, anybody, "Where somebody can go", (*call).palettePage),
	page(get, "/settings", read, anybody, "How I like it, and my password", (*call).settingsPage),
	page(post, "/settings/password", admin, anybody, "Change my password", (*call).settingsPassword),
	page(get, "/about", read, anybody, "This program and how it is", (*call).aboutPage),

	page(get, "/tokens", admin, anybody, "My API tokens", (*call).tokensPage),
	page(post, "/tokens", admin, anybody, "Make one", (*call).tokenMade),
	page(post, "/tokens/:tid/revoke", admin, anybody, "Revoke one", (*call).tokenRevoked),

	page(get, "/users", admin, everything, "Who may use it", (*call).usersPage),
	page(post, "/users", admin, everything, "Add a user", (*call).userAdded),
	page(post, "/users/:uid", admin, everything, "Set a password, lock out or let in", (*call).userChanged),
	page(post, "/users/:uid/remove", admin, everything, "Remove a user", (*call).userRemoved),
	page(post, "/users/:uid/grants", admin, everything, "Give or take a role", (*call).grantChanged),

	page(get, "/audit", admin, everything, "Who did what", (*call).auditPage),
}

package ui

// housePages are about Basewright itself rather than one instance: who may use
// it, what it did, what it can do.
var housePages = []route{
	page(get, "/palette", read, anybody, "Where somebody can go", (*call).palettePage),
	page(get, "/settings", read, anybody, "How I like it, and my password", (*call).settingsPage),
	page(post, "/settings/password", admin, anybody, "Change my password", (*call).settingsPassword),
	page(get, "/settings/factor", admin, anybody, "My second factor", (*call).factorPage),
	page(post, "/settings/factor", admin, anybody, "Have one", (*call).factorSet),
	page(post, "/settings/factor/remove", admin, anybody, "Have none any more", (*call).factorRemoved),
	page(get, "/about", read, anybody, "This program and how it is", (*call).aboutPage),

	page(get, "/tokens", admin, anybody, "My API tokens", (*call).tokensPage),
	page(post, "/tokens", admin, anybody, "Make one", (*call).tokenMade, fresh),
	page(post, "/tokens/:tid/revoke", admin, anybody, "Revoke one", (*call).tokenRevoked),

	page(get, "/users", admin, everything, "Who may use it", (*call).usersPage),
	page(post, "/users", admin, everything, "Add a user", (*call).userAdded, fresh),
	page(post, "/users/:uid", admin, everything, "Set a password, lock out or let in", (*call).userChanged, fresh),
	page(post, "/users/:uid/remove", admin, everything, "Remove a user", (*call).userRemoved, fresh),
	page(post, "/users/:uid/grants", admin, everything, "Give or take a role", (*call).grantChanged, fresh),

	page(get, "/adopt", admin, everything, "Stacks that run and could be adopted", (*call).adoptPage, heavy),
	page(post, "/adopt", admin, everything, "Adopt some", (*call).adoptSeveral, heavy),
	page(get, "/new", admin, everything, "The form for a new instance", (*call).createPage),
	page(post, "/new/check", admin, everything, "What is in the way of it", (*call).createLook, heavy),
	page(post, "/new", admin, everything, "Create it", (*call).createSent, heavy),
	page(post, "/instances/:id/handover", admin, oneInstance, "Its address and keys, once", (*call).handOver, heavy, fresh),

	page(get, "/playbooks", read, anybody, "What mends, and how that went", (*call).playbooksPage),
	page(get, "/playbooks/new", admin, everything, "Write one", (*call).editorPage),
	page(get, "/playbooks/:pid", read, anybody, "One of them, its text and its versions", (*call).playbookPage),
	page(get, "/playbooks/:pid/plan", read, anybody, "Plan it for an instance", (*call).planPlaybook),
	page(get, "/playbooks/:pid/edit", admin, everything, "Change its text", (*call).editorPage),
	page(post, "/playbooks/:pid/edit", admin, everything, "Check a text, run its examples, plan it", (*call).editorSent, heavy),
	page(post, "/playbooks/:pid/save", admin, everything, "Save it", (*call).editorSaved, heavy, fresh),

	page(get, "/security", read, anybody, "What stacks share and leave open", (*call).securityPage),
	page(get, "/quarantine", read, anybody, "What was moved out of the way", (*call).quarantinePage),
	page(post, "/quarantine/:aside/restore", mend, oneAside, "Put it back", (*call).asideRestored),
	page(post, "/quarantine/:aside/purge", admin, oneAside, "Delete it for good", (*call).asidePurged),
	page(get, "/audit", admin, everything, "Who did what", (*call).auditPage, heavy),
}

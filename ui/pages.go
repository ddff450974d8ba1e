package ui

import (
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// pages is the panel: what people see and the forms that they send, with who
// may. A form calls what the API calls; only its answer is another page.
var pages = slices.Concat(instancePages, housePages)

// instancePages are the way in, the list of instances, and each of them.
var instancePages = []route{
	page(get, "/login", "", everybody, "Log in", (*call).loginPage),
	page(post, "/login", "", everybody, "Log in", (*call).enter, takes[loginIn]),
	page(get, "/login/sso", "", everybody, "Log in at the issuer", (*call).leaveForIssuer),
	page(get, "/login/sso/return", "", everybody, "Come back from the issuer", (*call).backFromIssuer),
	page(post, "/login/sso/code", "", everybody, "Show the code of a second factor after the issuer", (*call).codeAfterIssuer, takes[loginIn]),
	page(post, "/logout", read, anybody, "Log out", (*call).leave),
	page(post, "/language", "", everybody, "Choose a language", (*call).chooseLanguage, takes[loginIn]),
	page(post, "/theme", "", everybody, "Choose light or dark", (*call).chooseTheme, takes[loginIn]),
	page(get, panel.AssetsPath+":hash/:file", "", everybody, "Styles, scripts, icons", (*call).asset),

	page(get, "/", read, anybody, "The instances", kept((*call).fleetPage)),
	page(post, "/diagnose", diagnose, anybody, "Diagnose several", (*call).diagnoseSeveral),
	page(get, "/instances/:id", read, oneInstance, "An instance", (*call).overviewPage),
	page(post, "/instances/:id/diagnose", diagnose, oneInstance, "Diagnose it", (*call).diagnoseOne),
	page(post, "/instances/:id/power", power, oneInstance, "Start, stop, restart", (*call).powerOne, heavy),
	page(post, "/instances/:id/edit", admin, oneInstance, "Mode and name", (*call).editOne),
	page(get, "/instances/:id/history", read, oneInstance, "Its past", (*call).historyPage),
	page(get, "/instances/:id/fix", mend, oneInstance, "What a repair would do", (*call).fixPage, heavy),
	page(post, "/instances/:id/fix", mend, oneInstance, "Repair it", (*call).applyFix, heavy),
	page(get, "/instances/:id/changes", read, oneInstance, "What was changed", (*call).changesPage),
	page(get, "/changes/:cid", read, oneChange, "A change under way, or its receipt", (*call).changePage),
	page(post, "/changes/:cid/undo", mend, oneChange, "Undo a change", (*call).undoChange, heavy),
	page(get, "/instances/:id/logs", tail, oneInstance, "What the services logged", (*call).logsPage, heavy),
	page(get, "/instances/:id/keys", admin, oneInstance, "Its address and keys, masked", (*call).keysPage, heavy),
	page(post, "/instances/:id/keys", admin, oneInstance, "Show one of them", (*call).revealKey, heavy, fresh),
	page(get, "/instances/:id/config", conf, oneInstance, "Its settings", (*call).configPage, heavy),
	page(post, "/instances/:id/config", mend, oneInstance, "Preview an edit", (*call).previewConfig, heavy),
	page(get, "/instances/:id/config/:draft", mend, oneInstance, "What an edit would do", (*call).draftPage),
	page(post, "/instances/:id/config/:draft", mend, oneInstance, "Apply an edit", (*call).applyDraft, heavy),
	page(get, "/instances/:id/files", admin, everything, "Its files, one as a text", (*call).filesPage, heavy),
	page(post, "/instances/:id/files", admin, everything, "Preview another text", (*call).previewFile, heavy),
	page(get, "/instances/:id/files/:draft", admin, everything, "What that would do", (*call).fileDraftPage),
	page(post, "/instances/:id/files/:draft", admin, everything, "Apply it", (*call).applyFile, heavy, fresh),
	page(get, "/instances/:id/snapshots", read, oneInstance, "Its snapshots", (*call).snapshotsPage),
	page(post, "/instances/:id/snapshots", shoot, oneInstance, "Take a snapshot", (*call).takeSnapshotByForm, heavy),
	page(post, "/snapshots/:sid/verify", shoot, oneSnapshot, "Read a snapshot back", (*call).verifySnapshotByForm, heavy),
	page(get, "/instances/:id/clone", admin, everything, "The form for a clone", (*call).clonePage),
	page(get, "/instances/:id/clone/plan", admin, everything, "How a clone would be made", (*call).clonePlan, heavy),
	page(post, "/instances/:id/clone", admin, everything, "Make a clone", (*call).cloneByForm, heavy),
	page(get, "/instances/:id/upgrade", admin, oneInstance, "To which releases it can go", (*call).upgradePage, heavy),
	page(get, "/instances/:id/upgrade/plan", admin, oneInstance, "What an upgrade would do", (*call).upgradePlanPage, heavy),
	page(post, "/instances/:id/upgrade", admin, oneInstance, "Upgrade it", (*call).upgradeByForm, heavy),
	page(post, "/instances/:id/upgrade/rehearsal", admin, everything, "Try it with a clone", (*call).rehearseByForm, heavy),
	page(get, "/snapshots/:sid/restore", mend, oneSnapshot, "What a restore would replace", (*call).restorePage, heavy),
	page(post, "/snapshots/:sid/restore", mend, oneSnapshot, "Restore a snapshot", (*call).restoreByForm, heavy),
	page(get, "/instances/:id/schedules", read, oneInstance, "What happens by itself", (*call).schedulesPage),
	page(post, "/instances/:id/schedules", plan, oneInstance, "Add a schedule", (*call).addScheduleByForm),
	page(post, "/schedules/:schedule/turn", plan, oneSchedule, "Switch a schedule off or on", (*call).turnSchedule),
	page(post, "/instances/:id/maintenance", plan, oneInstance, "Silence it for a time", (*call).addWindowByForm),
	page(post, "/maintenance/:window/end", plan, oneWindow, "End a maintenance window", (*call).endWindowByForm),
	page(post, "/schedules/:schedule/remove", plan, oneSchedule, "Remove a schedule", (*call).removeScheduleByForm),
}

// page makes a line of the panel.
func page(method, path string, may core.Verb, on scope, does string, serve func(*call) (any, error), more ...func(*route)) route {
	r := to(method, path, may, on, does, serve, more...)
	r.page = true
	return r
}

// sections are the groups of the navigation, with the pages in them.
var sections = []panel.NavGroup{
	{Items: []panel.NavItem{{ID: "fleet", Href: "/"}, {ID: "playbooks", Href: "/playbooks"}, {ID: "tokens", Href: "/tokens"}}},
	{Title: "nav.administration", Items: []panel.NavItem{{ID: "security", Href: "/security"}, {ID: "quarantine", Href: "/quarantine"}, {ID: "users", Href: "/users"}, {ID: "audit", Href: "/audit"}, {ID: "about", Href: "/about"}}},
}

// navigation leads to the pages that somebody may see.
func (p *pressroom) navigation(who identity) []panel.NavGroup {
	var nav []panel.NavGroup
	for _, s := range sections {
		var items []panel.NavItem
		for _, item := range s.Items {
			r := p.pages[item.Href]
			if r != nil && (r.on != everything || who.may(r.may, core.EveryInstance)) {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			nav = append(nav, panel.NavGroup{Title: s.Title, Items: items})
		}
	}
	return nav
}

package ui

import (
	"net/http"

	"github.com/basewright/basewright/core"
)

const (
	get   = http.MethodGet
	post  = http.MethodPost
	put   = http.MethodPut
	del   = http.MethodDelete
	patch = http.MethodPatch

	read, tail, conf = core.MayRead, core.MayReadLogs, core.MayReadConf
	diagnose, power  = core.MayDiagnose, core.MayRestart
	shoot, mend      = core.MaySnapshot, core.MayRepair
	plan, admin      = core.MaySchedule, core.MayAdmin
)

var askLogs = asks("services: roles, with commas", "service: as services", "level: least level", "range: 15m, 1h or 2d", "tail: lines of each service")

// routes is everything that the agent answers, with who may ask. To add one is
// to add a line.
var routes = []route{
	to(get, "/healthz", "", everybody, "The process lives", (*call).health, gives[healthOut]),
	to(get, "/readyz", "", everybody, "What works and what does not", (*call).ready, gives[readyOut], orGives[readyOut](http.StatusServiceUnavailable)),
	to(get, "/metrics", "", everybody, "Figures for Prometheus", (*call).metrics, streams("text/plain")),
	to(get, "/api", "", everybody, "This description, to read", (*call).readAPI, streams("text/html")),
	to(get, "/api/openapi.json", "", everybody, "This description", (*call).openapi, streams("application/json")),

	to(post, "/api/login", "", everybody, "Log in by password; answers a JWT", (*call).login, takes[loginIn], gives[loginOut]),
	to(post, "/api/session", "", everybody, "Log in by password; sets a cookie", (*call).openSession, takes[loginIn], gives[meOut]),
	to(post, "/api/logout", read, anybody, "End this login", (*call).logout, gives[Reply]),
	to(get, "/api/me", read, anybody, "Who I am and what I may", (*call).me, gives[meOut]),
	to(post, "/api/me/password", admin, anybody, "Change my password; ends my other logins", (*call).changePassword, takes[passwordIn], gives[Reply]),

	to(post, "/api/me/proof", admin, anybody, "Show by password that it is still me; for 15 minutes what needs that is open", (*call).proof, takes[proofIn], gives[proofOut]),

	to(get, "/api/me/factor", admin, anybody, "A secret for a second factor; nothing is kept yet", (*call).proposeFactor, gives[factorOut]),
	to(put, "/api/me/factor", admin, anybody, "Have a second factor from now on", (*call).setFactor, takes[factorIn], gives[factorSetOut]),
	to(post, "/api/me/factor/remove", admin, anybody, "Have no second factor any more", (*call).removeFactor, takes[factorOffIn], gives[Reply]),

	to(get, "/api/instances", read, anybody, "The instances that I may see", (*call).listInstances, gives[instancesOut]),
	to(post, "/api/instances", admin, everything, "Create an instance", (*call).createInstance, heavy, takes[CreateOrder], accepts),
	to(post, "/api/instances/preflight", admin, everything, "All that is in the way of making an instance", (*call).preflight, heavy, takes[CreateOrder], gives[preflightOut]),
	to(get, "/api/discover", admin, everything, "Supabase projects of the Docker Engine", (*call).discover, heavy, gives[discoverOut]),
	to(post, "/api/instances/adopt", admin, everything, "Register a project that runs, to observe it", (*call).adopt, heavy, takes[adoptIn], creates[instanceOut]),
	to(get, "/api/instances/check-all-health", admin, everything, "The status of every instance", (*call).checkAllHealth, gives[allHealthOut]),
	to(get, "/api/health-report", read, anybody, "Uptime, trend, most common findings of every instance that I may see", (*call).fleetReport, gives[fleetReportOut], otherReports, askReport),
	to(get, "/api/instances/audit", admin, everything, "What the host's stacks share or have half written", (*call).auditStacks, heavy, gives[stackAuditOut]),
	to(get, "/api/instances/:id", read, oneInstance, "One instance", (*call).showInstance, gives[instanceOut]),
	to(patch, "/api/instances/:id", admin, oneInstance, "Change its display name, its mode or its tags", (*call).patchInstance, takes[patchIn], gives[instanceOut]),
	to(del, "/api/instances/:id", admin, oneInstance, "Delete an instance that Basewright created, never its data; forget an adopted one, which answers 200", (*call).deleteInstance, accepts, orGives[Reply](http.StatusOK),
		asks("data: keep, which is usual, or quarantine", "confirm: the instance's id, to put its data into quarantine")),

	to(get, "/api/instances/:id/run-diagnostics", diagnose, oneInstance, "Diagnose it now", (*call).runDiagnostics, gives[diagnosticOut], asks("mode: quick, full or deep")),
	to(post, "/api/instances/:id/run-diagnostics", diagnose, oneInstance, "Diagnose it now", (*call).runDiagnostics, gives[diagnosticOut], asks("mode: quick, full or deep")),
	to(get, "/api/instances/:id/last-diagnostic", read, oneInstance, "The last diagnosis, if it is not older than 5 minutes", (*call).lastDiagnostic, gives[lastOut]),
	to(get, "/api/instances/:id/diagnostics/:category", diagnose, oneInstance, "One category, looked at now", (*call).category, heavy, gives[categoryOut]),
	to(get, "/api/instances/:id/diagnostic-history", read, oneInstance, "The last diagnoses, newest first", (*call).history, gives[historyOut], asks("limit: 1 to 100")),
	to(get, "/api/instances/:id/health-report", read, oneInstance, "Uptime, trend, most common findings", (*call).healthReport, gives[reportOut], otherReports, askReport),
	to(post, "/api/instances/:id/test/user-creation", diagnose, oneInstance, "The sign-up probe: a user comes and goes", (*call).testUserCreation, heavy, gives[signupOut]),
	to(get, "/api/instances/:id/logs", tail, oneInstance, "What the services logged", (*call).showLogs, heavy, gives[logsOut], askLogs),
	to(get, "/api/instances/:id/diagnostic-logs", tail, oneInstance, "What the services logged", (*call).showLogs, heavy, gives[logsOut], askLogs),
	to(get, "/api/instances/:id/logs/stream", tail, oneInstance, "The logs as they come (SSE); Last-Event-ID goes on after that moment", (*call).streamLogs, heavy, streams(eventStream), askLogs, asks("after: the moment of the newest line that is known")),

	to(post, "/api/instances/:id/start", power, oneInstance, "Start every service", operate(Start), heavy, accepts),
	to(post, "/api/instances/:id/stop", power, oneInstance, "Stop every service, the database last", operate(Stop), heavy, accepts),
	to(post, "/api/instances/:id/safe-restart", power, oneInstance, "Restart it under a snapshot, verified", operate(SafeRestart), heavy, accepts),
	to(get, "/api/instances/:id/config", conf, oneInstance, "Its settings, secrets masked", (*call).showConfig, heavy, gives[configOut]),
	to(put, "/api/instances/:id/config", mend, oneInstance, "Change settings; answers when they are proven or taken back", (*call).editConfig, heavy, takes[configIn], gives[changeOut]),
	to(post, "/api/instances/:id/config/file/plan", admin, everything, "What another text of one of its files would do: a compose file reaches the whole host", (*call).planFile, heavy, takes[FileEdit], gives[planOut]),
	to(put, "/api/instances/:id/config/file", admin, everything, "Give one of its files the text with this plan_hash", (*call).editFile, heavy, freshCookie, takes[FileEdit], accepts),
	to(post, "/api/instances/:id/clone/plan", admin, everything, "How a clone of it would be made", (*call).planClone, heavy, takes[CloneOrder], gives[planOut]),
	to(post, "/api/instances/:id/clone", admin, everything, "Make a clone of it, by the plan with this hash", (*call).clone, heavy, takes[CloneOrder], accepts),
	to(get, "/api/instances/:id/upgrade", admin, oneInstance, "To which newer releases it can go, and what breaks on the way", (*call).upgradeWays, heavy, gives[waysOut]),
	to(post, "/api/instances/:id/upgrade/plan", admin, oneInstance, "How it would go to a newer release of Supabase, its own changes kept; 409 lists what a person must decide first", (*call).planUpgrade, heavy, takes[UpgradeOrder], gives[planOut]),
	to(post, "/api/instances/:id/upgrade", admin, oneInstance, "Upgrade it by the plan with this hash; put back when it is worse", (*call).upgrade, heavy, takes[UpgradeOrder], accepts),
	to(post, "/api/instances/:id/upgrade/rehearsal", admin, everything, "Try that plan with a clone, which is removed afterwards", (*call).rehearse, heavy, takes[UpgradeOrder], begins[rehearsalOut]),
	to(get, "/api/instances/:id/upgrade/rehearsal", admin, oneInstance, "How far the last rehearsal is, or what came of it", (*call).showRehearsal, gives[rehearsalOut]),
	to(post, "/api/instances/:id/repairs/plan", mend, oneInstance, "Exactly what a playbook would do now", (*call).planRepair, heavy, takes[RepairOrder], gives[planOut]),
	to(post, "/api/instances/:id/repairs", mend, oneInstance, "Apply the plan with this hash", (*call).repair, heavy, takes[RepairOrder], accepts),
	to(post, "/api/instances/:id/rotate/plan", mend, oneInstance, "How secrets would be made anew, and who must be told", (*call).planRotation, heavy, takes[RotateOrder], gives[rotationOut]),
	to(post, "/api/instances/:id/rotate", mend, oneInstance, "Make secrets anew, by the plan with this hash", (*call).rotate, heavy, takes[RotateOrder], accepts),
	to(get, "/api/instances/:id/changes", read, oneInstance, "Its changes, newest first", (*call).listChanges, gives[changesOut], asks("limit: 1 to 1000")),
	to(get, "/api/changes/:cid", read, oneChange, "A change, its journal and receipt", (*call).showChange, gives[changeOut]),
	to(post, "/api/changes/:cid/undo", mend, oneChange, "Put the instance back to before a change", (*call).undo, heavy, accepts),

	to(get, "/api/instances/:id/snapshots", read, oneInstance, "Its snapshots, newest first", (*call).listSnapshots, gives[snapshotsOut]),
	to(post, "/api/instances/:id/snapshots", shoot, oneInstance, "Take a snapshot", (*call).takeSnapshot, heavy, takes[snapshotIn], creates[snapshotOut]),
	to(post, "/api/snapshots/:sid/verify", shoot, oneSnapshot, "Read a snapshot back and compare, or restore it into a throwaway database", (*call).verifySnapshot, heavy, gives[snapshotOut],
		asks("level: readable, which is usual, or proven, by a drill")),
	to(post, "/api/snapshots/:sid/restore/plan", mend, oneSnapshot, "What a restore would replace now", (*call).planRestore, heavy, takes[RestoreOrder], gives[planOut]),
	to(post, "/api/snapshots/:sid/restore", mend, oneSnapshot, "Put the instance back from a snapshot", (*call).restoreSnapshot, heavy, takes[RestoreOrder], accepts),

	to(get, "/api/quarantine", read, anybody, "What was moved out of the way instead of being deleted", (*call).listQuarantine, gives[quarantineOut], asks("instance: only of this one")),
	to(post, "/api/quarantine/:aside/restore", mend, oneAside, "Put it back where it was", (*call).restoreAside, gives[asideOut]),
	to(post, "/api/quarantine/:aside/purge", admin, oneAside, "Delete it for good; only a person does", (*call).purgeAside, takes[purgeIn], gives[asideOut]),

	to(get, "/api/schedules", read, anybody, "The schedules that I may see", (*call).listSchedules, gives[schedulesOut]),
	to(post, "/api/schedules", plan, anybody, "Add a schedule", (*call).addSchedule, takes[scheduleIn], creates[scheduleOut]),
	to(put, "/api/schedules/:schedule", plan, oneSchedule, "Change a schedule", (*call).editSchedule, takes[scheduleIn], gives[scheduleOut]),
	to(del, "/api/schedules/:schedule", plan, oneSchedule, "Remove a schedule", (*call).removeSchedule, gives[Reply]),
	to(get, "/api/instances/:id/schedule-config", read, oneInstance, "Lines for the system's crontab", (*call).scheduleConfig, gives[crontabOut], asks("interval: 1h, 6h, 12h or 24h")),

	to(get, "/api/maintenance", read, anybody, "Times in which nothing happens by itself, open and to come", (*call).listWindows, gives[windowsOut]),
	to(post, "/api/maintenance", plan, anybody, "Silence an instance, or all, for a time", (*call).addWindow, takes[windowIn], creates[windowOut]),
	to(del, "/api/maintenance/:window", plan, oneWindow, "End a maintenance window now", (*call).endWindow, gives[Reply]),

	to(get, "/api/playbooks", read, anybody, "The playbooks, built in and your own", (*call).listPlaybooks, gives[playbooksOut]),
	to(put, "/api/playbooks/:pid", admin, everything, "Write a playbook of your own", (*call).savePlaybook, heavy, fresh, takes[playbookIn], gives[playbookCheckOut]),
	to(post, "/api/playbooks/check", admin, everything, "Check a playbook's text", (*call).checkPlaybook, heavy, takes[playbookIn], gives[playbookCheckOut]),
	to(post, "/api/playbooks/test", admin, everything, "Run the examples of a playbook's text", (*call).testPlaybook, heavy, takes[playbookIn], gives[playbookTestOut]),
	to(get, "/api/playbooks/:pid/versions", read, anybody, "The good versions of a playbook of your own, newest first", (*call).listVersions, gives[versionsOut]),
	to(get, "/api/checks", read, anybody, "Every check and the codes that it finds", (*call).listChecks, gives[checksOut]),

	to(get, "/api/events", read, anybody, "What happens, as it happens (SSE)", (*call).events, streams(eventStream), asks("instance: only of this one")),

	to(get, "/api/audit", admin, everything, "Who did what, newest first", (*call).listAudit, gives[auditOut],
		asks("limit: 1 to 1000", "q: text in the entry", "instance: only of this one", "outcome: intent, ok, denied or failed", "before: only entries older than this number")),
	to(get, "/api/audit/verify", admin, everything, "Prove that the audit log is whole", (*call).verifyAudit, heavy, gives[auditVerifyOut]),
	to(get, "/api/audit/export", admin, everything, "Every entry as a line of JSON, oldest first", (*call).exportAudit, heavy, streams("application/x-ndjson"), asks("after: only entries after this number")),

	to(get, "/api/users", admin, everything, "Every user", (*call).listUsers, gives[usersOut]),
	to(post, "/api/users", admin, everything, "Add a user", (*call).addUser, freshCookie, takes[userIn], creates[userOut]),
	to(patch, "/api/users/:uid", admin, everything, "Set a password or a subject of single sign-on, remove a second factor, lock out or let in", (*call).patchUser, freshCookie, takes[userPatch], gives[userOut]),
	to(del, "/api/users/:uid", admin, everything, "Remove a user", (*call).removeUser, freshCookie, gives[Reply]),
	to(put, "/api/users/:uid/grants/:instance", admin, everything, "Give a role on an instance, or on * for all", (*call).grant, freshCookie, takes[grantIn], gives[userOut]),
	to(del, "/api/users/:uid/grants/:instance", admin, everything, "Take a role away", (*call).revokeGrant, freshCookie, gives[userOut]),
	to(get, "/api/tokens", admin, anybody, "My API tokens; for an admin with all=1 everybody's", (*call).listTokens, gives[tokensOut], asks("all: 1 for everybody's")),
	to(post, "/api/tokens", admin, anybody, "Make an API token; its text is shown once", (*call).addToken, fresh, takes[tokenIn], creates[tokenOut]),
	to(del, "/api/tokens/:tid", admin, anybody, "Revoke an API token", (*call).revokeToken, gives[Reply]),
}

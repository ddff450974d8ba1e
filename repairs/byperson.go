package repairs

import (
	"maps"
	"slices"
)

// byPerson says of each code that no playbook claims why a program cannot mend it:
// the cause lies outside the stack, or somebody has to decide.
var byPerson = map[string]string{
	"AUTH-05": "The trigger's function is the owner's own; only they know what it is to do.",
	"AUTH-09": "The mail server, its login and its certificate are not part of the stack.",
	"CFG-01":  "Only who wrote the line knows what it is to say.",
	"CFG-02":  "Only who wrote the value knows what it is to be.",
	"DK-04":   "Which networks can go is known to the host's owner; other pools restart every stack.",
	"DK-13":   "Why a service ends differs each time; its own last lines say it.",
	"DK-16":   "The processor, or that of the virtual machine, is outside the stack.",
	"DK-17":   "The image for this machine must be pulled, and may not exist.",
	"DK-24":   "The clock belongs to the host.",
	"DK-26":   "It takes another image of Vector, which must be pulled with the rest of its release.",
	"FN-02":   "The function is the owner's own code.",
	"FN-03":   "The token comes from a client, which must be given the right one.",
	"FN-04":   "The way to the internet is closed outside the stack.",
	"FN-05":   "Whether the function is too heavy or the limit too low is its author's to tell.",
	"GW-08":   "Where TLS ends, at a proxy in front or at another gateway, is a decision.",
	"GW-09":   "What was added to kong.yml must be said anew in Envoy's words, by who knows what it is for.",
	"GW-15":   "The proxy in front is not part of the stack.",
	"HOST-01": "The host needs more memory, or less to do.",
	"HOST-02": "The resolver belongs to the host.",
	"HOST-03": "The schedule belongs to the host, and other things than stacks may rely on it.",
	"LOG-00":  "It is a line that no check knows, so no program knows what to do about it.",
	"LOG-05":  "What killed analytics is told by the code above it: the host's memory or its processor.",
	"LOG-06":  "The host needs more memory; to raise the limit would hide that.",
	"NET-01":  "The firewall belongs to the host.",
	"PG-08":   "The image and the database's configuration are of different releases; which one is meant is a decision.",
	"PG-23":   "Whose transaction may be lost is a decision.",
	"POOL-08": "The client must use the session port, or no prepared statements.",
	"RT-02":   "It tells that a health check is blind; there is nothing in the stack to change.",
	"RT-11":   "What stopped the migration must be taken out of its way first, and its log line names it.",
	"RT-13":   "Which of two realtimes that share a database is to stop is a decision.",
	"SEC-06":  "TLS needs a name and a proxy in front, which are not part of the stack.",
	"SEC-09":  "The guard belongs into one route of kong.yml, beside the owner's own; the release's whole file would take those out.",
	"SEC-13":  "Who may see which rows is a decision.",
	"SEC-17":  "Whether logs are worth that right is a decision.",
	"SEC-18":  "It takes another release, whose images must be pulled.",
	"SIGN-01": "The probe tries again by itself; what keeps the user from being deleted is the owner's own.",
	"SIGN-02": "The step that fails is another one each time, and has a code of its own where the cause is known.",
	"SIGN-03": "The step that fails is another one each time, and has a code of its own where the cause is known.",
	"ST-01":   "The file system is the host's; files must be moved to another.",
	"ST-02":   "Owners of folders, and SELinux, are the host's.",
	"ST-04":   "How large files may be is a decision.",
	"ST-06":   "The client must use the stack's key, secret and region.",
	"ST-08":   "The attributes are in the copy that the folder was restored from, wherever that is.",
	"ST-09":   "What storage misses in the database differs each time; its own log says it.",
	"STU-02":  "It takes another release, whose images must be pulled.",
	"SVC-05":  "Why the database does not listen differs each time; its own log says it.",
	"UPG-04":  "Whether the stack is to gather logs is a decision.",
	"UPG-08":  "Nothing is broken: a script is not to be run.",
	"UPG-09":  "It takes another release, whose images must be pulled.",
	"VEC-08":  "Only who wrote the line knows what it is to say.",
}

// ByPerson returns why no playbook mends a code, and whether that is known.
func ByPerson(code string) (reason string, ok bool) {
	reason, ok = byPerson[code]
	return reason, ok
}

// LeftToAPerson lists the codes that no playbook mends, in order.
func LeftToAPerson() []string { return slices.Sorted(maps.Keys(byPerson)) }

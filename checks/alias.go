package checks

// alias is a row of the failures that people look up by a code which is told
// under others: it is the same fault of another service, or seen another way.
type alias struct {
	codes []string
	why   string
}

var aliases = map[string]alias{
	"FN-07":   {[]string{"GW-18"}, "kong.yml is older than the route of functions"},
	"GW-14":   {[]string{"SEC-09"}, "since release 0.7.0 /rest/v1/ answers 403 to the anon key and 401 without one: point the monitor at a table, or use the service key"},
	"POOL-10": {[]string{"DK-19"}, "the pooler may not open as many files as it wants"},
	"POOL-11": {[]string{"DK-09", "DK-08"}, "pooler.exs has Windows line endings, or is a folder"},
	"LOG-11":  {[]string{"DK-08"}, "gcloud.json is missing, so Docker made a folder of its name"},
	"PG-27":   {[]string{"PG-22", "AUTH-04", "ST-03"}, "a restore with plain pg_dump leaves objects with the wrong owner; the restore's own messages are not kept"},
	"RT-16":   {[]string{"DK-27", "DK-19"}, "realtime cannot read a boolean, or may not open as many files as it wants"},
	"STU-05":  {[]string{"DK-07", "GW-04"}, "the dashboard asks for its password again and again: the gateway was made with another one than .env has"},
	"UPG-01":  {[]string{"PG-05"}, "release 0.6.0 names an image of PostgreSQL 17, and the data is that of 15"},
	"UPG-02":  {[]string{"AUTH-11", "SEC-09"}, "since release 0.7.0 API_EXTERNAL_URL ends in /auth/v1, and the anon key no longer reads the API's description"},
	"UPG-05":  {[]string{"PG-22", "SEC-12"}, "since June 2026 Studio works as postgres, and older tables belong to supabase_admin"},
	"UPG-11":  {[]string{"ST-03", "AUTH-04"}, "storage or auth went back to an image that is older than its migrations in the database"},
	"VEC-07":  {[]string{"DK-26"}, "Vector is too old for this Docker Engine"},
}

// ToldAs returns the codes under which a row is told that has none of its own,
// and what it is.
func ToldAs(code string) (codes []string, why string, ok bool) {
	a, ok := aliases[code]
	return a.codes, a.why, ok
}

package checks

import (
	"context"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

var alarming = compile(`(?i)\b(fatal|panic|error|exception|failed|denied|refused)\b|\*\* \(`)

// signature is a log line that tells a known failure.
type signature struct {
	service core.Service
	pattern pattern
	code    string
	title   string

	// live signatures count while the service is well: they are about requests.
	// The others are last words, and count only for a service in trouble.
	live bool

	// until names the service that the line is about: once that is well and came
	// up after the line, it is no news.
	until core.Service
}

func line(s core.Service, pattern, code, title string) signature {
	return signature{service: s, pattern: compile(pattern), code: code, title: title}
}

// Sources: lab recordings of GoTrue v2.196.0; the issue threads named in the
// explanations below; upstream sources of realtime, supavisor and edge-runtime.
var signatures = []signature{
	line(core.Auth, `password authentication failed`, "AUTH-01", "The database rejects auth's password"),
	line(core.Auth, `no schema has been selected to create in|permission denied for schema auth`, "AUTH-02", "Auth has no schema to work in"),
	line(core.Auth, `executing migrations/\S+`, "AUTH-04", "A database migration of auth fails"),
	{service: core.Auth, pattern: compile(`Database error saving new user.*SQLSTATE|SQLSTATE.*Database error saving new user`), code: "AUTH-05", title: "The database refuses new users", live: true},
	line(core.Gateway, `(?i)is a directory`, "DK-08", "The gateway's configuration file is a directory"),
	line(core.Gateway, `error parsing declarative config|failed parsing declarative configuration`, "GW-01", "The gateway cannot read its configuration"),
	line(core.Pooler, `Unknown cipher or invalid key size`, "POOL-03", "The pooler's VAULT_ENC_KEY has the wrong length"),
	line(core.Realtime, `Unknown cipher or invalid key size|[Bb]ad key size`, "RT-03", "Realtime's encryption key has the wrong length"),
	line(core.Realtime, `could not fetch environment variable "METRICS_JWT_SECRET"`, "RT-07", "Realtime lacks METRICS_JWT_SECRET"),
	line(core.Realtime, `could not fetch environment variable "SECRET_KEY_BASE"|APP_NAME not available`, "RT-08", "Realtime lacks SECRET_KEY_BASE or APP_NAME"),
	line(core.Functions, `failed to determine entrypoint`, "FN-01", "The main edge function is missing"),
	line(core.Analytics, `28P01|password authentication failed`, "LOG-02", "The database rejects analytics' password"),
	line(core.Pooler, `3D000|database "_supabase" does not exist`, "PG-04", "The database _supabase is missing"),
	line(core.Analytics, `3D000|database "_supabase" does not exist`, "PG-04", "The database _supabase is missing"),
	line(core.DB, `database files are incompatible with server`, "PG-05", "The data folder belongs to another major version of PostgreSQL"),
	line(core.DB, `invalid secret key|pgsodium_root\.key: Permission denied`, "PG-06", "The database cannot read its root key"),
	line(core.DB, `No space left on device`, "PG-12", "The database has no room to write"),
	line(core.DB, `could not locate a valid checkpoint record|invalid page in block`, "PG-18", "The database files are damaged"),
}

func init() {
	register(core.Checker{
		ID: "logs.signatures", Title: "No service logs a known failure", Category: core.ServiceHealth,
		Depth: core.Quick, Check: logSignatures,
		Finds: []core.Explanation{
			{
				Code: "AUTH-01", Title: "The database rejects auth's password", Severity: core.Critical, Level: core.Crash,
				What:   "Auth ends at its start because PostgreSQL answered 28P01 to its login.",
				Breaks: "Nobody can sign up or sign in.", Do: "See PG-01, which compares every role.",
				Data: "No data is at risk, unless somebody follows the common advice to delete the data folder.", Sources: "supabase/supabase#11957",
			},
			{
				Code: "AUTH-02", Title: "Auth has no schema to work in", Severity: core.Critical,
				What:   "The role supabase_auth_admin reaches the database, and has no schema it may create its tables in: the schema auth, its owner or the role's search_path is missing.",
				Breaks: "Auth does not start; nobody can sign in.",
				Do:     "As superuser: `create schema if not exists auth authorization supabase_auth_admin; alter role supabase_auth_admin set search_path = 'auth';`",
				Data:   "No data is at risk.", Sources: "supabase/supabase#34066, #7969",
			},
			{
				Code: "AUTH-04", Title: "A database migration of auth fails", Severity: core.Critical,
				What:   "Auth ends at its start because one of its migrations fails, often since objects in schema auth belong to another role.",
				Breaks: "Auth does not start; nobody can sign in.",
				Do:     "Take a snapshot, then give the objects of schema auth back to supabase_auth_admin, or go back to the image that worked.",
				Data:   "Data may be at risk: take a database snapshot first.", Sources: "supabase/cli#3580",
			},
			{
				Code: "AUTH-05", Title: "The database refuses new users", Severity: core.Critical,
				What:   "Inserting into auth.users fails inside the database, mostly in a trigger that somebody added.",
				Breaks: "Sign-up answers 500 \"Database error saving new user\"; sign-in still works.",
				Do:     "Mend the trigger's function: security definer, an empty search_path, and grants for what it touches.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#563, #3292",
			},
			{
				Code: "DK-08", Title: "A file that is mounted is a directory", Severity: core.Critical,
				What:   "The file did not exist when the container was created, so Docker made an empty directory of its name.",
				Breaks: "The service that reads the file does not start.",
				Do:     "Put the release's file in its place and recreate the container.",
				Data:   "No data is at risk, unless it was an init script of the database.", Sources: "supabase/supabase#6423, #41475",
			},
			{
				Code: "GW-01", Title: "The gateway cannot read its configuration", Severity: core.Critical, SymptomOf: []string{"DK-08", "DK-14"},
				What:   "kong.yml, after its variables were filled in, is not a valid declarative configuration.",
				Breaks: "The gateway does not start: no client request succeeds.",
				Do:     "Restore kong.yml of your release and recreate the gateway.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#23132, #18847",
			},
			{
				Code: "POOL-03", Title: "VAULT_ENC_KEY has the wrong length", Severity: core.Critical,
				What:   "The pooler encrypts with AES-256 and needs a key of exactly 32 characters.",
				Breaks: "The pooler restarts again and again; clients of ports 5432 and 6543 cannot connect.",
				Do:     "Set a VAULT_ENC_KEY of 32 characters. If tenants were stored with another key, restore that one.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#30210, #35918",
			},
			{
				Code: "RT-03", Title: "Realtime's encryption key has the wrong length", Severity: core.Critical,
				What:   "Realtime encrypts tenant settings with AES-128 and needs a DB_ENC_KEY of exactly 16 characters.",
				Breaks: "Realtime restarts again and again.", Do: "Set REALTIME_DB_ENC_KEY to 16 characters and recreate realtime.", Data: "No data is at risk.",
			},
			{
				Code: "RT-07", Title: "Realtime lacks METRICS_JWT_SECRET", Severity: core.Critical,
				What:   "This image of realtime asks for METRICS_JWT_SECRET, which an older compose file does not set.",
				Breaks: "Realtime does not start.", Do: "Add METRICS_JWT_SECRET: ${JWT_SECRET} to the service and recreate it.", Data: "No data is at risk.",
			},
			{
				Code: "RT-08", Title: "Realtime lacks SECRET_KEY_BASE or APP_NAME", Severity: core.Critical,
				What:   "Realtime does not start without SECRET_KEY_BASE (64 characters or more) and APP_NAME.",
				Breaks: "Realtime does not start.", Do: "Set them and recreate realtime.", Data: "No data is at risk.",
			},
			{
				Code: "FN-01", Title: "The main edge function is missing", Severity: core.Warning,
				What:   "The edge runtime finds no readable index.ts in its main service's folder.",
				Breaks: "No edge function runs.", Do: "Restore volumes/functions/main/index.ts of your release and recreate functions.",
				Data: "No data is at risk.", Sources: "coolify#10903, supabase/cli#6254",
			},
			{
				Code: "LOG-02", Title: "The database rejects analytics' password", Severity: core.Warning, Level: core.Crash,
				What:   "Analytics cannot log in to PostgreSQL (28P01).",
				Breaks: "Logs are not stored; in older releases the whole stack waits for analytics.", Do: "See PG-01.", Data: "No data is at risk.",
			},
			{
				Code: "PG-05", Title: "The data folder belongs to another major version of PostgreSQL", Severity: core.Critical,
				What:   "The image's PostgreSQL cannot read a data folder that another major version wrote.",
				Breaks: "The database does not start, and nothing works.",
				Do:     "Pin the image of the data's own version, start, take a snapshot, and then upgrade by the documented procedure.",
				Data:   "Data is at risk if the folder is changed or removed: do neither.", Sources: "supabase self-hosted upgrades.json 0.6.0",
			},
			{
				Code: "PG-06", Title: "The database cannot read its root key", Severity: core.Critical,
				What:   "pgsodium_root.key in the volume db-config is not readable by the image's postgres user, whose number differs between PostgreSQL 15 and 17.",
				Breaks: "The database does not start.",
				Do:     "Give /etc/postgresql-custom back to postgres with the running image. Never delete the volume: Vault's secrets need the key.",
				Data:   "Vault's secrets are lost with the key.", Sources: "supabase/supabase#30834, #23710",
			},
			{
				Code: "PG-12", Title: "The database has no room to write", Severity: core.Critical, SymptomOf: []string{"DK-14"},
				What:   "PostgreSQL could not write: no space left on device.",
				Breaks: "Writes fail; the server may stop.", Do: "Free space elsewhere; never delete files of pg_wal.",
				Data: "Data is at risk if files of the data folder are removed.",
			},
			{
				Code: "PG-18", Title: "The database files are damaged", Severity: core.Critical,
				What:   "PostgreSQL cannot use what is in its data folder.",
				Breaks: "The database does not start, or some tables cannot be read.",
				Do:     "Stop, copy the data folder, and restore a snapshot. pg_resetwal is the last resort.", Data: "Data is at risk.",
			},
		},
	})
}

// pauseBetweenDeaths is how long Docker waits at most before it starts a
// container again that keeps dying, and some for its life.
const pauseBetweenDeaths = 75 * time.Second

// recentRequest is how long a failed request stays news.
const recentRequest = 10 * time.Minute

func logSignatures(_ context.Context, t core.Target) ([]core.Finding, error) {
	var found []core.Finding
	for _, s := range signatures {
		c, ok := t.Container(s.service)
		if !ok || !s.live && well(t, c) {
			continue
		}
		l, ok := lastMatch(t, c, s)
		if !ok || slices.ContainsFunc(found, func(f core.Finding) bool { return f.Code == s.code }) {
			continue
		}
		service := s.service
		if s.code == "PG-04" {
			service = core.DB
		}
		found = append(found, core.Finding{
			Code: s.code, Service: service, Title: s.title,
			Affects:  slices.Compact([]core.Service{service, s.service}),
			Evidence: []core.Evidence{logEvidence(s.service, l), evidence("inspect:"+c.Name, describe(c))},
		})
	}
	return found, nil
}

// oneDeath is within how long of each other the last words of one life are said.
const oneDeath = 3 * time.Second

// diedSince reports whether c has told of another error since l: then it has died
// of something else in the meantime.
func diedSince(c core.Container, l core.LogLine) bool {
	for _, later := range slices.Backward(c.Logs) {
		if alarming.MatchString(later.Text) {
			return later.At.Sub(l.At) > oneDeath
		}
	}
	return false
}

// well reports whether c gives no reason to read its last words.
func well(t core.Target, c core.Container) bool {
	return c.State == "running" && c.Health != "unhealthy" && !looping(t, c)
}

// lastMatch returns the last line of c's present or last life that matches s.
func lastMatch(t core.Target, c core.Container, s signature) (core.LogLine, bool) {
	since := c.StartedAt.Add(-time.Second)
	if looping(t, c) {
		since = since.Add(-pauseBetweenDeaths) // this life may be too young to have said anything
	}
	for _, l := range slices.Backward(c.Logs) {
		if l.At.Before(since) || s.live && t.At.Sub(l.At) > recentRequest {
			break
		}
		if s.live && signedUp.MatchString(l.Text) {
			break // it has worked since
		}
		if s.pattern.MatchString(l.Text) {
			return l, s.live || !diedSince(c, l)
		}
	}
	return core.LogLine{}, false
}

// signedUp matches GoTrue's request line of a sign-up that worked. To list the users,
// which every diagnosis does, is a GET of the same path.
var signedUp = compile(`"method":"POST".*"path":"/(signup|admin/users)".*"status":2\d\d`)

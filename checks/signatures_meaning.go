package checks

import "github.com/basewright/basewright/core"

func init() {
	register(core.Checker{
		ID: "logs.known", Title: "No service logs a rarer failure that is known", Category: core.ServiceHealth,
		Check: knownLines, Finds: append(crashMeanings, requestMeanings...),
	})
}

// crashMeanings are of signatures that a service ends with.
var crashMeanings = []core.Explanation{
	{
		Code: "DK-04", Title: "Docker has no network addresses left", Severity: core.Critical,
		What:   "Docker could not make a network: its address pools, about 31 by default, are used up.",
		Breaks: "The stack cannot be brought up.", Do: "Remove unused networks (`docker network prune`), or set smaller default-address-pools in daemon.json, which restarts every stack.",
		Data: "No data is at risk.", Sources: "docker/for-linux#599",
	},
	{
		Code: "DK-17", Title: "An image is built for another processor", Severity: core.Critical,
		What:   "The container's program cannot be run here: exec format error.",
		Breaks: "The service does not start.", Do: "Pull the image for this machine's platform and recreate the service.", Data: "No data is at risk.",
	},
	{
		Code: "DK-19", Title: "A service may not raise its limit of open files", Severity: core.Warning,
		What:   "The image asks for more open files than Docker, or rootless mode, permits, and ends.",
		Breaks: "The service restarts again and again.", Do: "Set RLIMIT_NOFILE of the service to a lower value or to nothing, or give it ulimits, and recreate it.",
		Data: "No data is at risk.", Sources: "supabase/cli#4443; supabase/supabase PR#33078",
	},
	{
		Code: "FN-04", Title: "Functions cannot load modules from the internet", Severity: core.Warning, SymptomOf: []string{"HOST-02"},
		What:   "The main function imports modules that are not in the cache, and the way to jsr.io or another registry is closed.",
		Breaks: "No edge function runs.", Do: "Allow outgoing HTTPS from the stack's network, or keep the deno-cache volume.",
		Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/functions/main/index.ts",
	},
	{
		Code: "ST-03", Title: "A database migration of storage fails", Severity: core.Warning,
		What:   "Storage ends at its start, since its list of migrations and the database do not agree, or objects belong to another role.",
		Breaks: "Uploads and downloads fail.", Do: "Take a snapshot; then use storage v1.37.1 or later, give schema storage back to supabase_storage_admin, or go back to the image that worked.",
		Data: "Data may be at risk: take a database snapshot first.", Sources: "supabase/storage#808, #826; supabase/supabase PR#42504",
	},
	{
		Code: "PG-08", Title: "The database lacks the script that reads its root key", Severity: core.Critical,
		What:   "The configuration names a getkey script that this image does not have.",
		Breaks: "The database does not start.", Do: "Use the configuration of the image, or go back to the image that worked.",
		Data: "No data is at risk; do not delete any volume.", Sources: "supabase/postgres#1445, #276",
	},
	{
		Code: "PG-10", Title: "The database refuses its configuration", Severity: core.Critical, SymptomOf: []string{"PG-05"},
		What:   "The configuration has a setting that this major version does not know, as when the db-config volume of PostgreSQL 15 meets an image of 17.",
		Breaks: "The database does not start.", Do: "Keep a copy of this stack's db-config volume, then correct the files in it. The volume holds Vault's key.",
		Data: "Vault's secrets are lost with the volume.", Sources: "Supabase docs, PostgreSQL 17 upgrade",
	},
	{
		Code: "LOG-05", Title: "Analytics was killed at its start", Severity: core.Warning, SymptomOf: []string{"DK-12", "DK-16"},
		What:   "Analytics died of an instruction that this processor does not have.",
		Breaks: "Logs are not stored.", Do: "Give the virtual machine the host's CPU type, or use logflare 1.26.12 or later.",
		Data: "No data is at risk.", Sources: "Logflare/logflare#2444",
	},
}

// requestMeanings are of signatures that a service survives.
var requestMeanings = []core.Explanation{
	{
		Code: "GW-05", Title: "The gateway asks a service at the wrong address", Severity: core.Warning,
		What:   "A service was recreated and has a new address; the gateway still uses the old one, where nobody is any more, or another container, which answers in the service's place.",
		Breaks: "Every request of that route is answered with 502, or with an answer that is not the service's, mostly 404.",
		Do:     "Restart the gateway; set KONG_DNS_VALID_TTL=5 and KONG_DNS_NOT_FOUND_TTL=1 as upstream does now. If it stays, compare the route's address in the gateway's configuration with your release.",
		Data:   "No data is at risk.", Sources: "supabase/cli#6668",
	},
	{
		Code: "GW-13", Title: "Answers have headers that the gateway cannot hold", Severity: core.Warning,
		What:   "nginx in the gateway refused an answer since its headers, mostly cookies of a sign-in, are larger than its buffer.",
		Breaks: "Some sign-ins end with 502.", Do: "Set KONG_NGINX_PROXY_PROXY_BUFFER_SIZE=160k and KONG_NGINX_PROXY_PROXY_BUFFERS=64 160k, and recreate the gateway.",
		Data: "No data is at risk.", Sources: "supabase/supabase docker-compose.yml",
	},
	{
		Code: "ST-01", Title: "The file system under storage cannot hold what it needs", Severity: core.Warning,
		What:   "Storage keeps content types in extended attributes, which the file system of volumes/storage does not have.",
		Breaks: "Uploads fail with 500.", Do: "Move the folder to ext4 or xfs, or use an S3 backend.", Data: "Files that are there stay.", Sources: "supabase/supabase#14324, #20096",
	},
	{
		Code: "ST-02", Title: "Storage may not write to its folder", Severity: core.Warning,
		What:   "The folder that storage keeps files in belongs to another user, or is mounted read-only.",
		Breaks: "Uploads fail with 500; downloads work.", Do: "Give the folder to the user that storage runs as (chown), and mount it writable; with SELinux add :z to the mount.", Data: "No data is at risk.",
	},
	{
		Code: "ST-04", Title: "A file is larger than storage accepts", Severity: core.Info,
		What:   "An upload was refused with EntityTooLarge: it is past FILE_SIZE_LIMIT or the bucket's own limit.",
		Breaks: "That upload fails with 413.", Do: "Raise FILE_SIZE_LIMIT of storage and the bucket's limit, and client_max_body_size of a proxy in front.", Data: "No data is at risk.", Sources: "supabase/storage codes.ts; docker-compose.yml",
	},
	{
		Code: "ST-08", Title: "Files of storage have lost their attributes", Severity: core.Warning,
		What:   "Storage keeps a file's type and cache time in extended attributes, and a file has none: the folder was copied or restored without them.",
		Breaks: "These files are not served, or with a wrong type.", Do: "Restore the folder with its attributes: rsync -X, cp -a, or tar --xattrs.", Data: "The files themselves are there.", Sources: "supabase/storage#201",
	},
	{
		Code: "ST-06", Title: "Storage rejects S3 credentials", Severity: core.Info,
		What:   "A client of the S3 protocol used another key, secret or region than storage has, or a proxy changed the Host header.",
		Breaks: "That client's requests fail with 403.", Do: "Compare S3_PROTOCOL_ACCESS_KEY_ID, its secret and REGION with the client.", Data: "No data is at risk.", Sources: "supabase/storage#495, #533",
	},
	{
		Code: "FN-02", Title: "An edge function does not start", Severity: core.Info,
		What:   "The runtime works, and one of your functions failed while it was loaded.",
		Breaks: "Requests to that function are answered with 500 or 503.", Do: "Read the line in the proof: mostly an import, or a missing index.ts.", Data: "No data is at risk.", Sources: "supabase/supabase#20602, #30243",
	},
	{
		Code: "FN-03", Title: "Edge functions reject tokens", Severity: core.Info, SymptomOf: []string{"REST-02", "REST-03"},
		What:   "The main function checked a token and found it signed in a way, or with a key, that it does not have.",
		Breaks: "Those requests are answered with 401.", Do: "Compare JWT_SECRET and SUPABASE_JWKS of functions with the rest of the stack.", Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/functions/main/index.ts",
	},
	{
		Code: "FN-05", Title: "An edge function reached a limit", Severity: core.Info,
		What:   "The runtime ended a function for its memory, its processor time or its duration.",
		Breaks: "That request fails.", Do: "Make the function lighter, or raise the limits in main/index.ts.", Data: "No data is at risk.", Sources: "supabase/edge-runtime#359, #212",
	},
	{
		Code: "POOL-05", Title: "The pooler rejects or blocks logins", Severity: core.Info,
		What:   "The pooler could not check a password, or blocks an address after too many wrong ones.",
		Breaks: "Those clients cannot connect, for a while or until the password is right.", Do: "Correct the client's password; after a change of POSTGRES_PASSWORD recreate the pooler. See PG-01.",
		Data: "No data is at risk.", Sources: "supabase/supavisor#315",
	},
	{
		Code: "POOL-06", Title: "The pooler has no place for more clients", Severity: core.Warning,
		What:   "As many clients are connected as the pool's mode and sizes allow.",
		Breaks: "More clients are turned away.", Do: "Use the transaction port, or raise POOLER_MAX_CLIENT_CONN and POOLER_DEFAULT_POOL_SIZE with max_connections in mind.", Data: "No data is at risk.", Sources: "supabase/supavisor",
	},
	{
		Code: "POOL-08", Title: "A client uses prepared statements where it cannot", Severity: core.Info,
		What:   "In transaction mode each transaction may get another server connection, which does not know the statement.",
		Breaks: "That client's queries fail at random.", Do: "Use the session port, or turn prepared statements off in the client.", Data: "No data is at risk.",
	},
	{
		Code: "RT-13", Title: "Another realtime holds the replication slot", Severity: core.Warning,
		What: "Two realtimes use one database.", Breaks: "One of them sends no changes.", Do: "Stop the one that should not be there.", Data: "No data is at risk.", Sources: "supabase/realtime ERROR_CODES.md",
	},
	{
		Code: "RT-14", Title: "Realtime turns clients away at its limits", Severity: core.Warning,
		What:   "The tenant's limit of users, channels or joins is reached (200 users by default).",
		Breaks: "More clients get 429 or are not joined.", Do: "Raise TENANT_MAX_CONCURRENT_USERS and the like, and recreate realtime.", Data: "No data is at risk.", Sources: "supabase/realtime config/runtime.exs",
	},
	{
		Code: "RT-15", Title: "Realtime has no partition for today's messages", Severity: core.Warning,
		What:   "realtime.messages is divided by days, and the janitor that makes the parts does not run.",
		Breaks: "Private broadcasts are lost.", Do: "Set RUN_JANITOR=true and recreate realtime.", Data: "No data is at risk.", Sources: "supabase/realtime ERROR_CODES.md",
	},
	{
		Code: "DK-24", Title: "Clocks differ", Severity: core.Warning,
		What:   "A service was shown a token or a signature that, by its clock, is from the future or too old.",
		Breaks: "Those requests are answered with 401 or 403.", Do: "Set the clock of this host, and of whoever signs, by NTP.", Data: "No data is at risk.", Sources: "PostgREST src/PostgREST/Auth/Jwt.hs",
	},
	{
		Code: "VEC-06", Title: "Vector cannot find where it sends logs", Severity: core.Info, SymptomOf: []string{"SVC-01", "SVC-02", "DK-13"},
		What:   "Vector sends logs to analytics, in releases before 2026 some of them through the gateway, and no running container has the name that it asks for.",
		Breaks: "Logs are not stored; Vector repeats itself in its own log.", Do: "Start or mend that service first.", Data: "No data is at risk but logs.", Sources: "supabase/supabase#30235",
	},
	{
		Code: "PG-07", Title: "The database cannot decrypt Vault's secrets", Severity: core.Warning,
		What:   "Vault's secrets were encrypted with another root key than pgsodium_root.key is now.",
		Breaks: "Whatever reads Vault fails: invalid ciphertext.", Do: "Put the old pgsodium_root.key back from a copy of the db-config volume. Without it the secrets have to be entered again.",
		Data: "Vault's secrets are lost without the old key.", Sources: "supabase/vault#27, #30",
	},
}

package checks

import (
	"cmp"
	"strings"
)

// how says how each check looks, so that what it finds can be believed, by its
// ID or by its room.
var how = map[string]string{
	"auth.mail":                 "Basewright reads auth's own settings and, as auth would, opens a connection to the mail server that they name; it sends no mail.",
	"auth.signup":               "Basewright creates a user through the gateway with the service key, signs in, refreshes the session and deletes the user again, and names the step that fails.",
	"configuration":             "Basewright reads the .env and the compose files as Compose does, and compares them with what the containers run with.",
	"configuration.environment": "Basewright lets Compose render the files as they are now and compares each variable with the one that the running container has.",
	"configuration.gateway":     "Basewright reads the gateway's declarative file from the stack's folder, and where it is mounted.",
	"configuration.versions":    "Basewright compares the image tags with each other, with what is known of those releases, and with the PG_VERSION of the data folder.",
	"containers":                "Basewright asks the Docker Engine for the state, exit code, restarts and health of each container, and why it could not be started.",
	"database":                  "Basewright asks the database itself, as superuser, in a read-only transaction.",
	"database.logins":           "Basewright logs in over the stack's network as each service would, with the password that the service holds: inside the database's own container any password would do.",
	"gateway":                   "Basewright sends the requests that a client would through the gateway, with the stack's own keys, and compares the answer with the service's own.",
	"gateway.proxy":             "Basewright asks for a websocket twice, by the stack's public URL, as a client would, and through the gateway itself.",
	"host":                      "Basewright reads how much room and how many inodes the file systems under Docker's data and the stack's folder have left.",
	"isolation":                 "Basewright compares this stack with the others on the same engine: keyed fingerprints of their secrets, and their names, ports, networks and volumes; no secret is shown.",
	"keys":                      "Basewright verifies the API keys with the secret that each service holds, reads what they say of themselves, and uses them.",
	"logs":                      "Basewright reads the last lines that each container logged and knows this line. Lines from before the container's present start do not count.",
	"network":                   "Basewright opens a connection to each port that the stack publishes on this host.",
	"rest":                      "Basewright asks the database for the youngest tables that the API may read, and PostgREST for each of them.",
	"rest.openapi":              "Basewright asks the gateway for /rest/v1/ with the anon key, as any client could.",
	"security":                  "Basewright compares settings with what upstream has published, and reads the ports and expiry dates; no secret is shown.",
	"security.mcp":              "Basewright asks the gateway for the paths of Studio's MCP server, without any key.",
	"services":                  "Basewright opens a connection to the service's own port and asks its health route, past the gateway; Docker's word for its health is not trusted.",
}

// How says how the check looks, or "".
func How(checker string) string {
	room, _, _ := strings.Cut(checker, ".")
	return cmp.Or(how[checker], how[room])
}

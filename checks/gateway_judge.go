package checks

import (
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
)

// dashboard reports whether the gateway took the request for one of Studio's
// pages, which it asks a user and a password for: the API's own route is missing.
func dashboard(r core.Response) bool {
	return r.Status == 401 && strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Basic")
}

// judgeRoute reads what the gateway says itself first, then what came from the
// service behind it.
func judgeRoute(r route, resp core.Response) (code, title string) {
	switch {
	case dashboard(resp):
		return "GW-18", fmt.Sprintf("The gateway sends requests for %s to the dashboard", r.service)
	case resp.Status == 401 && ownRefusal.MatchString(resp.Body):
		return "", "" // GW-04 says so once
	case strings.Contains(resp.Body, "name resolution failed"):
		return "GW-06", fmt.Sprintf("The gateway cannot find %s by name", r.service)
	case strings.Contains(resp.Body, "no Route matched"), ownNotFound(resp):
		return "GW-18", fmt.Sprintf("The gateway has no route for %s", r.service)
	}
	if code, title = r.judge(resp); code != "" {
		return code, title
	}
	if resp.Status == 502 || resp.Status == 503 || resp.Status == 504 {
		return silent(r)
	}
	return "", ""
}

func silent(r route) (code, title string) {
	return "GW-07", fmt.Sprintf("%s does not answer the gateway", r.service)
}

func anyAnswer(core.Response) (string, string) { return "", "" }

func judgeAdminUsers(r core.Response) (string, string) {
	if r.Status == 500 || r.Status == 504 && strings.Contains(r.Body, "request_timeout") {
		return "AUTH-17", "Auth is up and cannot use the database"
	}
	return "", ""
}

func judgeMeta(r core.Response) (string, string) {
	if r.Status == 500 {
		return "META-03", "postgres-meta cannot use the database"
	}
	return "", ""
}

// judgeWebsocket expects 101. Older realtimes answer 403 for an unknown tenant,
// newer ones 404.
func judgeWebsocket(r core.Response) (string, string) {
	if r.Status == 403 || r.Status == 404 {
		return "RT-01", "Realtime refuses the websocket that the gateway forwards"
	}
	return "", ""
}

package checks

import (
	"context"
	"strings"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "rest.openapi", Title: "The anon key does not list every table", Category: core.APIEndpoints, Early: true, Check: openAPI,
		Finds: []core.Explanation{{
			Code: "SEC-09", Title: "The anon key lists every table that the API serves", Severity: core.Info,
			What:   "GET /rest/v1/ with the anon key, which every client has, answers with PostgREST's description: tables, columns and functions. Gateway files before release 0.7.0 allow it.",
			Breaks: "Nothing; strangers see how the database is built, and which tables to try.",
			Do:     "Take the gateway files of release 0.7.0 or later, which keep that one path to the service key, and recreate the gateway. Clients that read the description with the anon key stop working.",
			Data:   "No data is at risk by this alone: row level security decides what a table gives away.", Sources: "supabase/supabase PR#45462",
		}},
	})
}

// openAPI asks as any client can. Without an anon key it cannot ask, and other
// checks say so.
func openAPI(ctx context.Context, t core.Target) ([]core.Finding, error) {
	gw, ok := t.Container(core.Gateway)
	rest, has := t.Container(core.Rest)
	if !ok || !has || !answers(t, gw) || rest.State != "running" {
		return nil, nil
	}
	key := gatewayKeys(t, gw).gateway.anon
	if key == "" {
		return nil, nil
	}
	resp, err := throughGateway(ctx, t, route{through: "/rest/v1/"}, key)
	if core.CodeOf(err) == core.Unreachable {
		return nil, err
	}
	if err != nil || resp.Status != 200 || !strings.Contains(resp.Body, `"swagger"`) && !strings.Contains(resp.Body, `"openapi"`) {
		return nil, nil
	}
	const most = 60 // of the description, which is long
	proof := evidence("http:gateway/rest/v1/", "200 "+clip(resp.Body[:min(len(resp.Body), most)])+"… — asked with the anon key")
	return []core.Finding{{Code: "SEC-09", Service: core.Gateway, Affects: nothing, Evidence: []core.Evidence{proof}}}, nil
}

package checks

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "security.mcp", Title: "The gateway does not let strangers reach Studio's MCP server", Category: core.APIEndpoints, Early: true, Check: openMCP,
		Finds: []core.Explanation{{
			Code: "SEC-14", Title: "Studio's MCP server is open through the gateway", Severity: core.Critical,
			What:   "A request without any key for /mcp or /api/mcp reaches Studio, whose MCP server runs SQL as the database's owner.",
			Breaks: "Nothing; anybody who reaches the gateway can read and change everything.",
			Do:     "Restore the routes of your release, which deny both paths, or limit them to addresses that you trust.",
			Data:   "Data may be read or changed by anybody who reaches the gateway.", Sources: "supabase/supabase docker/volumes/api/kong.yml",
		}},
	})
}

// reached are the answers of an MCP server to a plain GET: a stream, or that it
// wants another method, type or header. A gateway that denies says 401, 403 or
// 404, one that asks for the dashboard's password 401.
var reached = []int{200, 400, 405, 406, 415}

func openMCP(ctx context.Context, t core.Target) ([]core.Finding, error) {
	gw, ok := t.Container(core.Gateway)
	studio, has := t.Container(core.Studio)
	if !ok || !has || !answers(t, gw) || studio.State != "running" {
		return nil, nil
	}
	var proof []core.Evidence
	for _, path := range []string{"/mcp", "/api/mcp"} {
		resp, err := core.Send(ctx, t, core.Request{Address: core.Address{Service: core.Gateway, Port: 8000}, Path: path, Headers: map[string]string{"Accept": "application/json, text/event-stream"}})
		if core.CodeOf(err) == core.Unreachable {
			return nil, err
		}
		if err == nil && slices.Contains(reached, resp.Status) {
			proof = append(proof, evidence("http:gateway"+path, answer(resp)+" — asked without a key"))
		}
	}
	found := advice(core.Gateway, proof...)
	if found != nil {
		found[0].Code = "SEC-14"
	}
	return found, nil
}

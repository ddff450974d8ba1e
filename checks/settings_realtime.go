package checks

import (
	"context"
	"fmt"

	"github.com/basewright/basewright/core"
)

var healthLine = compile(`(GET|HEAD) /(healthcheck|api/tenants/[^ /]+/health)\b`)

// loggedHealth counts lines, since older images log health checks whatever the
// setting says, and some not at all.
func loggedHealth(_ context.Context, t core.Target) []core.Finding {
	c, ok := t.Container(core.Realtime)
	if !ok || c.Env["DISABLE_HEALTHCHECK_LOGGING"] == "true" || len(c.Logs) < 50 {
		return nil
	}
	checks := 0
	for _, l := range c.Logs {
		if healthLine.MatchString(l.Text) {
			checks++
		}
	}
	if checks*3 < len(c.Logs) { // an answer and its time are lines of their own
		return nil
	}
	return advice(core.Realtime, evidence("log:realtime", fmt.Sprintf("%d of the last %d lines are health checks", checks, len(c.Logs))))
}

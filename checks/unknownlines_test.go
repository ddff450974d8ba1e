package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestUnknownLines(t *testing.T) {
	said := func(s core.Service, ago time.Duration, text string) core.Target {
		return stack(map[core.Service]func(*core.Container){s: func(c *core.Container) {
			c.Logs = []core.LogLine{{At: now.Add(-ago), Text: text}}
		}})
	}
	for name, tt := range map[string]struct {
		target core.Target
		want   []string
	}{
		"a level of GoTrue's":              {said(core.Auth, time.Minute, `{"level":"fatal","msg":"something new"}`), []string{"LOG-00 auth"}},
		"a panic of Go's":                  {said(core.Auth, time.Minute, `panic: runtime error: index out of range`), []string{"LOG-00 auth"}},
		"nginx is critical":                {said(core.Gateway, time.Minute, `2026/11/21 21:34:36 [crit] 1#0: something new`), []string{"LOG-00 gateway"}},
		"the database panics":              {said(core.DB, time.Minute, `2026-11-21 21:34:37.429 UTC [30] PANIC:  something new`), []string{"LOG-00 db"}},
		"the database ends one connection": {said(core.DB, time.Minute, `2026-11-21 21:34:37.429 UTC [30] a@b FATAL:  terminating connection`), nil},
		"the database's words are quoted":  {said(core.Rest, time.Minute, `connection to server failed: FATAL:  the database system is starting up`), nil},
		"a known line":                     {said(core.Auth, time.Minute, `{"level":"fatal","msg":"error executing migrations/2021.sql"}`), nil},
		"a mere error":                     {said(core.Auth, time.Minute, `{"level":"error","msg":"something new"}`), nil},
		"long ago":                         {said(core.Auth, 20*time.Minute, `{"level":"fatal","msg":"something new"}`), nil},
		"before the last start":            {said(core.Auth, 2*time.Hour, `{"level":"fatal","msg":"something new"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range expect(t, "logs.unknown", tt.target, tt.want...) {
				if !strings.Contains(f.Evidence[0].Text, "something new") && !strings.Contains(f.Evidence[0].Text, "panic") {
					t.Errorf("the line is not quoted: %+v", f.Evidence)
				}
			}
		})
	}
	t.Run("of a service that dies the last words are quoted elsewhere", func(t *testing.T) {
		tgt := said(core.Auth, time.Minute, `{"level":"fatal","msg":"something new"}`)
		tgt.Containers[1].State, tgt.Containers[1].ExitCode = "exited", 1
		expect(t, "logs.unknown", tgt)
		found := expect(t, "containers.state", tgt, "DK-13 auth")
		text := ""
		for _, e := range found[0].Evidence {
			text += e.Text
		}
		if !strings.Contains(text, "something new") {
			t.Errorf("DK-13 does not quote the line: %+v", found[0].Evidence)
		}
	})
}

package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// TestFromFindingToLine follows a line of proof to the line of the logs, which
// reads otherwise there: a logger's JSON is taken apart. It stands among the
// lines around it, in view.
func TestFromFindingToLine(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	begin := time.Now().UTC().Add(-2 * time.Hour)
	at := begin.Add(300 * 7 * time.Second)
	d := brokenShop(time.Now().UTC())
	d.Findings[0].Evidence = []core.Evidence{{Source: "log:auth", Text: `{"level":"fatal","msg":"running db migrations: error executing migrations"}`, At: &at}}
	must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	var asked LogQuery
	cut := false
	w.a.Works.Logs = func(_ context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, _ func(string)) error {
		asked = q
		for i := range 1000 {
			e := logs.Entry{At: begin.Add(time.Duration(i) * 7 * time.Second), Service: core.Auth, Level: logs.Info, Message: fmt.Sprintf("line %d", i)}
			if i == 300 && cut {
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		return nil
	}
	b := browse(t, w)
	b.login()
	b.open("/instances/shop")
	b.click(`.proof a`, "#found")
	if text := b.text("#found .msg"); text != "line 300" || asked.Range < 80*time.Minute || len(asked.Services) != 1 {
		t.Errorf("it leads to %q, of %v", text, asked)
	}
	var seen bool
	b.eval(`(() => { const a = document.querySelector("#found").getBoundingClientRect(), l = document.querySelector("#log").getBoundingClientRect(); return a.top >= l.top && a.bottom <= l.bottom && a.top >= 0 && a.bottom <= innerHeight; })()`, &seen)
	if !seen {
		t.Error("the line is not in view")
	}
	b.shot("logs-found")
	cut = true
	b.run(chromedp.Reload(), chromedp.WaitVisible(".notice", chromedp.ByQuery))
	if text := b.text("main"); !strings.Contains(text, "not in the logs any more") {
		t.Errorf("of a line that is gone it says %.300q", text)
	}
	b.quiet()
}

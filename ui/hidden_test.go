package ui

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm/logger"
)

// questions are what the database was asked for one request, in order.
type questions struct {
	mu   sync.Mutex
	list []string
}

// asking is the key of a request's questions in its context.
type asking struct{}

// listener notes what the database is asked; GORM has one logger for all that is
// not to be logged.
type listener struct{ logger.Interface }

func init() { logger.Discard = listener{logger.Discard} }

func (l listener) Trace(ctx context.Context, _ time.Time, asked func() (string, int64), _ error) {
	if q, ok := ctx.Value(asking{}).(*questions); ok {
		text, _ := asked()
		q.mu.Lock()
		defer q.mu.Unlock()
		q.list = append(q.list, text)
	}
}

// ParamsFilter leaves a question without its values: those are the names and the time.
func (l listener) ParamsFilter(_ context.Context, text string, _ ...any) (string, []any) {
	return text, nil
}

// hides wants one answer, come to in one way, for what is somebody else's and what
// is not there: how long it takes would tell them apart, too.
func (w *world) hides(t *testing.T, r route, ask func(instance string) *httptest.ResponseRecorder) {
	t.Helper()
	var answers, asked []string
	for _, instance := range []string{"other", "ghost"} {
		w.asks = &questions{}
		rec := ask(instance)
		if rec.Code != http.StatusNotFound {
			t.Errorf("of %s: status %d, want 404: %s", instance, rec.Code, rec.Body)
		}
		same := strings.NewReplacer(rec.Header().Get("X-Request-Id"), "REQUEST", instance, "NAME")
		var said strings.Builder
		for _, name := range slices.Sorted(maps.Keys(rec.Header())) {
			said.WriteString(name + ": " + strings.Join(rec.Header()[name], ", ") + "\n")
		}
		said.Write(rec.Body.Bytes())
		answers = append(answers, same.Replace(said.String()))
		asked = append(asked, strings.Join(w.asks.list, "\n"))
		w.asks = nil
	}
	if answers[0] != answers[1] {
		t.Errorf("what is another's is told from what is not:\n%s\n%s", answers[0], answers[1])
	}
	if asked[0] == "" || asked[0] != asked[1] {
		t.Errorf("for what is another's the database is asked\n%s\nand for what is not\n%s", asked[0], asked[1])
	}
}

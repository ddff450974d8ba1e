package ui

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// TestLogStreamIsResumed reads a stream of logs, leaves it, and comes back with
// the id of the last line, as browsers do.
func TestLogStreamIsResumed(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("vic", map[string]core.Role{"shop": core.Viewer})
	first := time.Date(2026, 11, 21, 10, 0, 0, 1, time.FixedZone("", 3600))
	w.a.Works.Logs = func(ctx context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, _ func(string)) error {
		for n, text := range []string{"one", "two", "three"} {
			if at := first.Add(time.Duration(n)); at.After(q.After) {
				if err := emit(logs.Entry{At: at, Service: core.Auth, Level: logs.Info, Message: text}); err != nil {
					return err
				}
			}
		}
		<-ctx.Done()
		return ctx.Err()
	}
	server := httptest.NewServer(w.h)
	defer server.Close()
	read := func(last string, n int) (ids []string, text string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/instances/shop/logs/stream", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+login)
		r.Header.Set("Last-Event-ID", last)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); n > 0 && in.Scan(); {
			if id, found := strings.CutPrefix(in.Text(), "id: "); found {
				ids = append(ids, id)
			}
			if strings.HasPrefix(in.Text(), "data:") {
				text, n = text+in.Text(), n-1
			}
		}
		return ids, text
	}
	ids, _ := read("", 2)
	if want := "2026-11-21T09:00:00.000000001Z 2026-11-21T09:00:00.000000002Z"; strings.Join(ids, " ") != want {
		t.Fatalf("the ids are %q, want %s", ids, want)
	}
	if _, text := read(ids[1], 1); !strings.Contains(text, `"three"`) {
		t.Errorf("it was resumed with %s", text)
	}
	if _, text := read("not a moment", 1); !strings.Contains(text, `"one"`) {
		t.Errorf("an id that is none begins with %s", text)
	}
}

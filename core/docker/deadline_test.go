package docker

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// stuck is an engine with two running containers of one project, each made from
// a folder called after it, that never answers requests whose path ends as stop
// says. Only the first may be changed.
func stuck(t *testing.T, stop string) *Host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost && !strings.Contains(r.URL.Path, "/aa/"):
			t.Errorf("a stranger was told %s", r.URL.Path)
		case strings.HasSuffix(r.URL.Path, stop):
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			fmt.Fprint(w, `[{"Id":"aa","Names":["/auth"]},{"Id":"bb","Names":["/rest"]}]`)
		case strings.HasSuffix(r.URL.Path, "/logs"):
		case strings.HasSuffix(r.URL.Path, "/json"):
			id := filepath.Base(filepath.Dir(r.URL.Path))
			fmt.Fprintf(w, `{"Id":%q,"Name":"/%s","State":{"Status":"running"},"Config":{"Labels":{%q:"auth",%q:"/srv/%s"}}}`, id, id, serviceLabel, dirLabel, id)
		default:
			fmt.Fprint(w, `{}`)
		}
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	h, err := Connect(t.Context(), "unix://"+path)
	if stop == "/_ping" {
		if core.CodeOf(err) != core.Unreachable || !strings.Contains(err.Error(), "no answer within 10 s") || strings.Contains(err.Error(), "deadline") {
			t.Errorf("got %v", err)
		}
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestStuckEngineIsNotWaitedFor(t *testing.T) {
	t.Run("ping", func(t *testing.T) {
		t.Parallel()
		stuck(t, "/_ping")
	})
	t.Run("list", func(t *testing.T) {
		t.Parallel()
		h := stuck(t, "/containers/json")
		_, err := h.Discover(t.Context())
		want := "the Docker Engine at " + h.end.host + " did not answer within 10 s while looking for instances"
		if core.CodeOf(err) != core.Unreachable || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "deadline") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("inspect", func(t *testing.T) {
		t.Parallel()
		o, err := stuck(t, "/bb/json").Open(core.Instance{Project: "x"}).Observe(t.Context())
		if err != nil || len(o.Containers) != 1 {
			t.Fatalf("got %+v, %v", o, err)
		}
		if g := o.Gaps[0]; g.What != "container rest" || g.Why != "it could not be inspected: no answer within 10 s" {
			t.Errorf("gap %+v", g)
		}
	})
	t.Run("logs", func(t *testing.T) {
		t.Parallel()
		o, err := stuck(t, "/bb/logs").Open(core.Instance{Project: "x"}).Observe(t.Context())
		if err != nil || len(o.Containers) != 2 || o.Gaps[0].Why != "no answer within 10 s" {
			t.Fatalf("got %+v, %v", o, err)
		}
	})
}

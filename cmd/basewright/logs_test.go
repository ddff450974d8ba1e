package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// said are the logs of a small engine, as it stores them.
var said = map[string][]string{
	"auth": {
		`2026-11-21T10:00:01.5Z {"level":"info","msg":"request completed","path":"/token","status":200}`,
		`2026-11-21T10:00:03Z {"level":"error","msg":"500: Database error","error":"unable (SQLSTATE 42P01)","status":500}`,
	},
	"kong": {
		`2026-11-21T10:00:00Z 10.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "GET /auth/v1/token?apikey=planted-4711 HTTP/1.1" 200 4 "-" "x"`,
		"2026-11-21T10:00:02Z \x1b[31mred\x1b[0m\u202e DB_PASSWORD=planted-4711 by-Value-0815",
	},
}

// smallList is what of that engine is the stack's.
func smallList(context.Context) ([]core.Container, error) {
	env := map[string]core.Secret{"POSTGRES_PASSWORD": "by-Value-0815"}
	return []core.Container{
		{ID: "auth", Service: core.Auth, ComposeService: "auth", State: "running", Env: env},
		{ID: "kong", Service: core.Gateway, ComposeService: "kong", State: "running"},
	}, nil
}

// smallEngine answers what the log reader asks, each log to its end.
func smallEngine(t *testing.T) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1.41/containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"Id":%q,"Config":{"Tty":false}}`, r.PathValue("id"))
	})
	mux.HandleFunc("GET /v1.41/containers/{id}/logs", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("tail") == "" || r.URL.Query().Get("since") != "" {
			t.Errorf("the engine is asked for %s", r.URL.RawQuery)
		}
		out := stdcopy.NewStdWriter(w, stdcopy.Stdout)
		for _, line := range said[r.PathValue("id")] {
			io.WriteString(out, line+"\n")
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	api, err := client.NewClientWithOpts(client.WithHost("tcp://"+strings.TrimPrefix(server.URL, "http://")), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// TestMerge wants the lines of all services in the order of time, filtered,
// masked and harmless.
func TestMerge(t *testing.T) {
	tests := map[string]struct {
		flags logFlags
		want  []string // services, in order
	}{
		"all":                   {logFlags{}, []string{"gateway", "auth", "gateway", "auth"}},
		"a role":                {logFlags{services: []string{"gateway"}}, []string{"gateway", "gateway"}},
		"a compose service":     {logFlags{services: []string{"kong"}}, []string{"gateway", "gateway"}},
		"errors":                {logFlags{level: "error"}, []string{"auth"}},
		"a text, in any case":   {logFlags{grep: "DATABASE"}, []string{"auth"}},
		"a text in a field":     {logFlags{grep: "/token"}, []string{"gateway", "auth"}},
		"a SQLSTATE":            {logFlags{grep: "42p01"}, []string{"auth"}},
		"a masked secret":       {logFlags{grep: "planted"}, nil},
		"a while ago":           {logFlags{span: "2s"}, []string{"gateway", "auth"}},
		"a service that is not": {logFlags{services: []string{"shop"}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.flags.level == "" {
				tt.flags.level = "debug"
			}
			tt.flags.output = "text"
			if err := tt.flags.validate(time.Date(2026, 11, 21, 10, 0, 4, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			r := &logReader{api: smallEngine(t), list: smallList, flags: tt.flags, project: "shop", note: func(s string) { t.Log(s) }}
			var got []string
			var out bytes.Buffer
			g := &global{console: &console{out: &out}}
			err := r.merge(t.Context(), func(e logs.Entry) error {
				got = append(got, string(e.Service))
				return errors.Join(g.printText(e), g.printJSON(e))
			})
			if (err != nil) != (name == "a service that is not") || !slices.Equal(got, tt.want) {
				t.Errorf("%v, got %q, want %q", err, got, tt.want)
			}
			if strings.Contains(out.String(), "planted") || strings.Contains(out.String(), "Value-0815") || strings.ContainsAny(out.String(), "\x1b\u202e") {
				t.Errorf("it prints %q", out.String())
			}
		})
	}
}

// TestFollow wants each line once, though the logs end and are taken up again.
func TestFollow(t *testing.T) {
	f := logFlags{level: "debug", output: "text", follow: true}
	if err := f.validate(time.Now()); err != nil {
		t.Fatal(err)
	}
	r := &logReader{api: smallEngine(t), list: smallList, flags: f, project: "shop", note: func(s string) { t.Error(s) }}
	ctx, cancel := context.WithTimeout(t.Context(), lookAgain+settle+500*time.Millisecond)
	defer cancel()
	var got []string
	err := r.follow(ctx, func(e logs.Entry) error {
		got = append(got, e.At.Format("05.0"))
		return nil
	})
	if want := []string{"00.0", "01.5", "02.0", "03.0"}; !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(got, want) {
		t.Errorf("%v, got %q, want %q", err, got, want)
	}
}

// TestFollowAfter wants only what was logged later than a moment.
func TestFollowAfter(t *testing.T) {
	f := logFlags{level: "debug", output: "json", follow: true, after: time.Date(2026, 11, 21, 10, 0, 1, 500_000_000, time.UTC)}
	if err := f.validate(time.Now()); err != nil {
		t.Fatal(err)
	}
	r := &logReader{api: smallEngine(t), list: smallList, flags: f, project: "shop", note: func(s string) { t.Error(s) }}
	var got []string
	enough := errors.New("enough")
	err := r.follow(t.Context(), func(e logs.Entry) error {
		if got = append(got, e.At.Format("05.0")); len(got) == 2 {
			return enough
		}
		return nil
	})
	if want := []string{"02.0", "03.0"}; !errors.Is(err, enough) || !slices.Equal(got, want) {
		t.Errorf("%v, got %q, want %q", err, got, want)
	}
}

// TestLongLines wants bounded memory for a line of 10 MB that comes in pieces.
func TestLongLines(t *testing.T) {
	var got []core.LogLine
	w := &lineCutter{line: func(l core.LogLine) error { got = append(got, l); return nil }}
	fmt.Fprint(w, "2026-11-21T10:00:00Z ")
	for range 640 {
		w.Write(bytes.Repeat([]byte("x"), 16<<10))
	}
	fmt.Fprint(w, "\n2026-11-21T10:00:01Z next\r\n\nlast")
	if err := w.flush(); err != nil || len(got) != 3 {
		t.Fatalf("%v, %d lines", err, len(got))
	}
	if n := len(got[0].Text); n < logs.MaxLine || n > logs.MaxLine+64 || cap(w.text) > 4*logs.MaxLine {
		t.Errorf("%d bytes kept, room for %d", n, cap(w.text))
	}
	if got[1].Text != "next" || got[1].At.Second() != 1 || got[2].Text != "last" || !got[2].At.IsZero() {
		t.Errorf("got %+v", got[1:])
	}
}

// TestLogsInput wants one clear sentence for what people get wrong.
func TestLogsInput(t *testing.T) {
	for name, tt := range map[string]struct{ args, want string }{
		"no instance":     {"", "takes one instance"},
		"no engine":       {"shop", "no-engine.sock"},
		"a level":         {"shop --level loud", `--level "loud" is not one of: debug, info, warning, error, fatal`},
		"an output":       {"shop --output nagios", `--output "nagios" is not one of: text, json`},
		"a range":         {"shop --range soon", `--range "soon" is not a duration such as 15m, 1h or 2d`},
		"a range of less": {"shop --range=-1h", "is not a duration"},
		"a tail of less":  {"shop --tail=-1", "less than nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := here(t, append([]string{"logs"}, strings.Fields(tt.args)...)...)
			if code != exitNoSight || !strings.Contains(out, tt.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("exit code %d, said %q, want %q in it", code, out, tt.want)
			}
		})
	}
}

// TestLogsOfStack looks at the logs of a real stack.
func TestLogsOfStack(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	secrets := w.secrets(t, stack)
	last := time.Time{}
	seen := map[core.Service]bool{}
	for line := range strings.Lines(p.basewright(0, "logs", stack, "--output", "json")) {
		var e struct {
			TS      time.Time    `json:"ts"`
			Service core.Service `json:"service"`
			Level   logs.Level   `json:"level"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		// Docker writes a container's stdout and stderr side by side, so that
		// neighbours may have changed places already.
		if e.TS.Before(last.Add(-time.Second)) || !slices.Contains(logs.Levels, e.Level) {
			t.Errorf("out of order, or of no level: %s", line)
		}
		last, seen[e.Service] = e.TS, true
	}
	for _, s := range []core.Service{core.DB, core.Auth, core.Rest, core.Meta, core.Storage} {
		if !seen[s] {
			t.Errorf("there is no line of %s", s)
		}
	}
	p.basewright(0, "logs", stack, "--range", "1h", "--level", "warning")
	if out := p.basewright(2, "logs", stack, "--service", "nosuch"); !strings.Contains(out, "has no service nosuch; there are: auth, ") {
		t.Errorf("said %q", out)
	}
	for name, value := range secrets {
		if strings.Contains(p.said.String(), value) {
			t.Errorf("%s is in what was printed", name)
		}
	}
}

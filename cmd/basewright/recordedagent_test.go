package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/ui"
)

// The programs below are parts of the benchmarks that run in processes of their
// own, so that what they cost is told apart. They are this test program, started
// once more; playedPart says which part it plays.
const playedPart = "BASEWRIGHT_BENCH_PART"

// TestPlayAPart is the entrance of the parts. It ends when its input does.
func TestPlayAPart(t *testing.T) {
	play := map[string]func(t *testing.T) string{"answers": playAnswers, "agent": playAgent, "floor": playFloor}[os.Getenv(playedPart)]
	if play == nil {
		t.Skip("a part of the benchmarks")
	}
	fmt.Println("PART", play(t))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// part starts one in a process of its own and returns what it said when it was
// ready.
func part(b *testing.B, name string, env ...string) (said string, cmd *exec.Cmd) {
	b.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^TestPlayAPart$", "-test.timeout=1h")
	cmd.Env, cmd.Stderr = append(append(os.Environ(), playedPart+"="+name), env...), os.Stderr
	in, err := cmd.StdinPipe()
	must(b, err)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said, found := strings.CutPrefix(lines.Text(), "PART "); found {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return said, cmd
		}
	}
	b.Fatalf("the part %s did not begin", name)
	return "", nil
}

func serveOn(t *testing.T, h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = ui.Server(h).Serve(ui.Receiving(l)) }()
	return l.Addr().String()
}

// playAnswers answers every request as a service that is well.
func playAnswers(t *testing.T) string {
	return serveOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/mcp") {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, `{"healthy":true,"data":{"healthy":true}}`)
	}))
}

// afar is a recorded stack whose services answer from another process.
type afar struct {
	*recorded
	address string
}

func (r *afar) Dial(ctx context.Context, a core.Address) (net.Conn, error) {
	if r.Ports[a] == nil {
		return r.recorded.Dial(ctx, a)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", r.address)
}

// lookAt diagnoses a recorded stack as the agent diagnoses a real one.
func lookAt(ctx context.Context, address string, i core.Instance, depth core.Depth, t core.Trigger) (*core.Diagnosis, error) {
	d, _, err := diagnose.Look(ctx, &afar{record(i.ID), address}, core.FingerprintKey("k"), checks.All(), diagnose.Options{Depth: depth, Trigger: t, Timeout: time.Minute, Total: time.Minute})
	return d, err
}

// round is what a round of diagnoses of all instances took.
type round struct{ Wall, CPU time.Duration }

// playAgent is the agent over recorded stacks, as many as BASEWRIGHT_BENCH_STACKS
// says. It has a user ana, and GET /round diagnoses every instance once.
func playAgent(t *testing.T) string {
	g := &global{console: &console{out: io.Discard, err: io.Discard}, dockerHost: "unix:///nonexistent/basewright.sock", dataDir: filepath.Join(t.TempDir(), "data")}
	a, err := newAgent(g, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { a.close(0) })
	a.Diagnoses.Look = func(ctx context.Context, i core.Instance, depth core.Depth, trigger core.Trigger) (*core.Diagnosis, error) {
		return lookAt(ctx, os.Getenv("BASEWRIGHT_BENCH_ANSWERS"), i, depth, trigger)
	}
	stacks := 0
	_, _ = fmt.Sscan(os.Getenv("BASEWRIGHT_BENCH_STACKS"), &stacks)
	var list []core.Instance
	for n := range stacks {
		id := fmt.Sprintf("stack-%d", n)
		list = append(list, core.Instance{ID: id, Name: id, Project: id, Origin: core.Adopted, Mode: core.Observe})
		must(t, a.store.AddInstance(t.Context(), list[n], local("instance.adopt", "")))
	}
	u := core.User{ID: core.NewID(), Name: "ana", Created: time.Now(), Grants: map[string]core.Role{core.EveryInstance: core.Admin}}
	must(t, a.Store.AddUser(t.Context(), u, "$", local("user.add", "")))
	must(t, a.start(t.Context()))
	text, verbs := os.Getenv("BASEWRIGHT_BENCH_TOKEN"), append([]core.Verb{}, core.Verbs...)
	token, err := ui.NewToken("bench", verbs, nil, 1, time.Now())
	must(t, err)
	token.UserID = u.ID
	must(t, a.Store.AddToken(t.Context(), token, access.Digest(text), local("token.add", "")))
	h, err := a.Handler(nil)
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET /round/{depth}", func(w http.ResponseWriter, r *http.Request) {
		now := list
		if n, err := strconv.Atoi(r.URL.Query().Get("tenth")); err == nil {
			now = list[n*len(list)/10 : (n+1)*len(list)/10]
		}
		_ = json.NewEncoder(w).Encode(a.round(r.Context(), now, core.Depth(r.PathValue("depth"))))
	})
	return "http://" + serveOn(t, mux)
}

// round diagnoses every instance once, as a schedule does.
func (a *agent) round(ctx context.Context, list []core.Instance, depth core.Depth) round {
	begin, before := time.Now(), cpuTime()
	if _, _, err := a.runOnEach(ctx, core.Schedule{ID: "bench", Kind: core.ScheduleDiagnose, Mode: depth}, list); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return round{time.Since(begin), cpuTime() - before}
}

// playFloor is a page of Gin and a template that nobody cached: 100 instances
// with twelve checks each.
func playFloor(t *testing.T) string {
	type check struct{ Name, Status string }
	type row struct {
		ID, Status string
		Checks     []check
	}
	page := template.Must(template.New("").Parse(`<!doctype html><html lang="en"><head><title>Instances</title></head><body><table>{{range .}}
<tr class="{{.Status}}"><th><a href="/instances/{{.ID}}">{{.ID}}</a></th><td>{{.Status}}</td>{{range .Checks}}<td class="{{.Status}}" title="{{.Name}}">{{.Name}}: {{.Status}}</td>{{end}}</tr>{{end}}
</table></body></html>`))
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.GET("/", func(c *gin.Context) {
		rows := make([]row, 100)
		for n := range rows {
			rows[n] = row{ID: fmt.Sprintf("stack-%d", n), Status: "healthy"}
			for k := range 12 {
				rows[n].Checks = append(rows[n].Checks, check{fmt.Sprintf("check-%d", k), "ok"})
			}
		}
		c.Header("Content-Type", "text/html; charset=utf-8")
		if err := page.Execute(c.Writer, rows); err != nil {
			panic(err)
		}
	})
	return "http://" + serveOn(t, g)
}

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basewright/basewright/core/docker"
)

// killed are repairs of different operations, in which the agent is killed on a
// real stack.
var killed = []struct{ fault, playbook string }{
	{"REST-07", "grant-api-usage"},         // SQL
	{"DK-31", "fix-permissions"},           // modes
	{"GW-07", "start-stopped-services"},    // starts; the finding is SVC-02
	{"SEC-15", "require-function-tokens"},  // a setting, and what uses it made anew
	{"IMG-01", "share-storage-folder"},     // lines of a file
	{"FN-01", "fix-file-mounts"},           // a file that was not there
	{"PG-01", "align-database-passwords"},  // passwords of roles, and restarts
	{"AUTH-14", "align-public-urls"},       // all that a setting reaches
	{"PG-22", "reassign-public-objects"},   // owners
	{"DK-07", "recreate-stale-containers"}, // containers
}

// grants are what repairs by SQL change, beside what a state holds.
const grants = `select has_schema_privilege(r, 'public', 'usage') from unnest(array['anon', 'authenticated', 'service_role']) r;
select relname, relowner::regrole from pg_class where relnamespace = 'public'::regnamespace order by 1;`

// TestKilledPlaybooks kills the agent after each action of repairs by different
// playbooks. The next start puts back what was there.
func TestKilledPlaybooks(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	for _, row := range killed {
		t.Run(row.fault+" by "+row.playbook, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			p.lab("break", stack, row.fault)
			i := slices.IndexFunc(cures, func(c cure) bool { return c.fault == row.fault && c.playbook == row.playbook })
			finding := cures[i].finding
			p.has(stack, finding, true)
			state := func() string { return w.state(t, stack) + w.sql(t, stack, grants) }
			before := state()
			repair := []string{"repair", stack, row.playbook, "--finding", finding, "--yes"}
			var points []string
			for _, point := range p.steps(`action-`, repair...) {
				if strings.HasSuffix(point, ".do.after") && !strings.Contains(point, "wait_") {
					points = append(points, point)
				}
			}
			p.basewright(0, "change", "undo", lastChange(p.basewright(0, "change", "list", stack)))
			if d := difference(before, state()); d != "" {
				t.Fatalf("undoing did not bring back what was: %s", d)
			}
			for _, point := range points {
				p.kill(point, repair...)
				began := time.Now()
				p.basewright(0, "change", "recover")
				t.Logf("killed at %s: put back in %s", point, time.Since(began).Round(10*time.Millisecond))
				if list := p.basewright(0, "change", "list", stack); !strings.Contains(strings.Split(list, "\n")[1], "rolled_back") {
					t.Fatalf("killed at %s: the change ended so:\n%s", point, list)
				}
				if d := difference(before, state()); d != "" {
					t.Fatalf("killed at %s: after the next start the stack is not what it was: %s", point, d)
				}
			}
			p.lab("mend", stack)
		})
	}
}

// away is how long the engine does not answer when a relay hangs up.
const away = 3 * time.Second

// relay stands between the agent and the engine, and hangs up on everybody for a
// while when it is told to, as an engine does that is restarted.
type relay struct {
	address string
	calls   atomic.Int64 // that change something
	hangUp  atomic.Int64 // at which of them it hangs up; 0 never
	down    atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	engine := strings.TrimPrefix(host.Client().DaemonHost(), "unix://")
	host.Close()
	r := &relay{address: filepath.Join(t.TempDir(), "engine.sock")}
	l, err := net.Listen("unix", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(c, engine)
		}
	}()
	return r
}

// pass copies both ways, and counts requests that change something.
func (r *relay) pass(c net.Conn, engine string) {
	defer c.Close()
	if r.down.Load() {
		return
	}
	up, err := (&net.Dialer{}).DialContext(context.Background(), "unix", engine)
	if err != nil {
		return
	}
	defer up.Close()
	r.mu.Lock()
	r.conns = append(r.conns, c, up)
	r.mu.Unlock()
	go func() { _, _ = io.Copy(c, up); c.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			if head := string(buf[:min(n, 200)]); strings.HasPrefix(head, http.MethodPost) && strings.Contains(head, "/containers/") && !strings.Contains(head, "/exec") ||
				strings.HasPrefix(head, http.MethodDelete) {
				if k := r.calls.Add(1); k == r.hangUp.Load() {
					r.stop()
					return
				}
			}
			if _, err := up.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// stop hangs up on everybody, for a while.
func (r *relay) stop() {
	r.down.Store(true)
	time.AfterFunc(away, func() { r.down.Store(false) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
}

// TestEngineStopsMeanwhile hangs up on the agent at each call with which a repair
// changes containers. The agent tries again until the engine is back, and puts
// everything back.
func TestEngineStopsMeanwhile(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	p.lab("break", stack, "IMG-01")
	p.has(stack, "IMG-01", true)
	before := w.state(t, stack)
	run := func(r *relay, args ...string) (string, int) {
		return p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "DOCKER_HOST=unix://" + r.address}, args...)
	}
	repair := []string{"repair", stack, "share-storage-folder", "--finding", "IMG-01", "--yes"}
	through := newRelay(t)
	if out, code := run(through, repair...); code != 0 {
		t.Fatalf("the repair does not work through the relay:\n%s", out)
	}
	p.basewright(0, "change", "undo", lastChange(p.basewright(0, "change", "list", stack)))
	calls := through.calls.Load()
	if calls < 2 {
		t.Fatalf("only %d calls change something", calls)
	}
	for n := int64(1); n <= calls; n++ {
		r := newRelay(t)
		r.hangUp.Store(n)
		began := time.Now()
		out, code := run(r, repair...)
		if code == 0 {
			t.Fatalf("call %d: the engine went away and the repair says that it is done:\n%s", n, out)
		}
		t.Logf("call %d of %d: put back in %s, of which the engine was away %s", n, calls, time.Since(began).Round(10*time.Millisecond), away)
		p.basewright(0, "change", "recover") // where the agent gave up
		if d := difference(before, w.state(t, stack)); d != "" {
			t.Fatalf("call %d: the stack is not what it was: %s", n, d)
		}
	}
	p.lab("mend", stack)
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/diagnose"
)

// recorded is a stack that answers from memory, and shows itself in two parts
// as the engine does. Its whole is ready when release is closed.
type recorded struct {
	*coretest.Engine
	release chan struct{}
}

func (r *recorded) Glance(ctx context.Context) (*core.Observation, func() (*core.Observation, error), error) {
	whole, err := r.Engine.Observe(ctx)
	if err != nil {
		return nil, nil, err
	}
	first := &core.Observation{Instance: whole.Instance, At: whole.At, Env: whole.Env, Containers: slices.Clone(whole.Containers)}
	for i := range first.Containers {
		first.Containers[i].Logs = nil
	}
	return first, func() (*core.Observation, error) {
		if r.release != nil {
			<-r.release
		}
		return whole, nil
	}, nil
}

var recordedPorts = map[core.Service]int{core.Auth: 9999, core.Rest: 3000, core.Gateway: 8000, core.Realtime: 4000, core.Storage: 5000,
	core.Imgproxy: 5001, core.Meta: 8080, core.Functions: 9000, core.Studio: 3000}

// recordedLog is a full tail of a service that is well.
var recordedLog = func() (lines []core.LogLine) {
	for n := range 200 {
		lines = append(lines, core.LogLine{At: time.Now(), Text: fmt.Sprintf(`{"level":"info","time":"2026-11-21T18:00:%02d.123Z","method":"GET","path":"/item/%d","status":200,"duration_ms":%d,"msg":"request completed"}`, n%60, n, n%17)})
	}
	return lines
}()

// record makes a stack of eleven services with full logs.
func record(id string) *recorded {
	e := &coretest.Engine{Instance: core.Instance{ID: id, Project: id, Name: id}, Ports: map[core.Address]func(net.Conn){},
		Host:  core.HostFacts{Local: true, Projects: 1, Disks: []core.Disk{{Holds: "all", Path: "/", Total: 1 << 40, Free: 1 << 39}}},
		Files: map[string]core.File{".env": {Data: []byte("ANON_KEY=" + id + "\nSERVICE_ROLE_KEY=" + id + "s\n"), Mode: 0o600}},
		Databases: map[string]func(string) ([][]string, error){
			"postgres": func(string) ([][]string, error) { return nil, nil }, "_supabase": func(string) ([][]string, error) { return nil, nil },
		}}
	e.Containers = coretest.Running(core.DB, core.Auth, core.Rest, core.Gateway, core.Realtime, core.Storage, core.Imgproxy, core.Meta, core.Functions, core.Pooler, core.Studio)
	for i := range e.Containers {
		c := &e.Containers[i]
		c.ID, c.Name = id+c.ID, id+"-"+string(c.Service)
		for n := range 25 {
			c.Env[fmt.Sprintf("SETTING_%d", n)] = core.Secret(fmt.Sprintf("value %d of %s", n, c.Name))
		}
		c.Logs = slices.Clone(recordedLog)
	}
	e.Containers[1].Env["GOTRUE_MAILER_AUTOCONFIRM"] = "true"
	answer := coretest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/mcp") {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, `{"healthy":true,"data":{"healthy":true}}`)
	}))
	for s, port := range recordedPorts {
		e.Ports[core.Address{Service: s, Port: port}] = answer
	}
	return &recorded{Engine: e}
}

// hang has services take connections and never answer.
func (r *recorded) hang(services ...core.Service) {
	for _, s := range services {
		r.Ports[core.Address{Service: s, Port: recordedPorts[s]}] = func(c net.Conn) {
			c.SetReadDeadline(time.Now().Add(time.Minute))
			for buffer := make([]byte, 1024); ; {
				if _, err := c.Read(buffer); err != nil {
					c.Close()
					return
				}
			}
		}
	}
}

func facts(d *core.Diagnosis) []string {
	var all []string
	for _, f := range d.Findings {
		text, _ := json.Marshal(f)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// What an early check makes of an observation that comes in two parts is what it
// makes of the whole.
func TestEarlyChecksSeeTheWhole(t *testing.T) {
	for name, spoil := range map[string]func(*recorded){
		"a healthy stack":     func(*recorded) {},
		"a service that dies": func(r *recorded) { delete(r.Ports, core.Address{Service: core.Auth, Port: 9999}) },
		"the gateway's last words": func(r *recorded) {
			delete(r.Ports, core.Address{Service: core.Gateway, Port: 8000})
			r.Containers[3].Logs = append(r.Containers[3].Logs, core.LogLine{At: time.Now().Add(time.Minute), Text: "error: no memory"})
		},
		"a service that has no container": func(r *recorded) {
			r.Compose.Services = []core.ComposeService{{Name: "meta", Service: core.Meta}}
			r.Containers = slices.DeleteFunc(r.Containers, func(c core.Container) bool { return c.Service == core.Meta })
		},
		"a database that refuses all": func(r *recorded) {
			r.LogIn = func(core.Login) error { return &core.SQLError{State: "28P01", Message: "no"} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := record("shop")
			spoil(r)
			opts := diagnose.Options{Timeout: time.Minute, Total: time.Minute}
			parts, whole, err := diagnose.Look(t.Context(), r, core.FingerprintKey("k"), checks.All(), opts)
			if err != nil {
				t.Fatal(err)
			}
			want := diagnose.Run(t.Context(), core.Target{Observation: whole, Inspector: r, Key: core.FingerprintKey("k")}, checks.All(), opts)
			if got, want := facts(parts), facts(want); !slices.Equal(got, want) {
				t.Errorf("in two parts:\n%s\nof the whole:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// Probes are under way while logs and files are still read.
func TestProbesDoNotWaitForTheWhole(t *testing.T) {
	r := record("shop")
	r.release = make(chan struct{})
	asked := make(chan struct{})
	once := sync.OnceFunc(func() { close(asked) })
	r.LogIn = func(core.Login) error { once(); return nil }
	r.Containers[2].Env["PGRST_DB_URI"] = "postgres://authenticator:x@db:5432/postgres"
	go func() {
		<-asked
		close(r.release)
	}()
	d, _, err := diagnose.Look(t.Context(), r, nil, checks.All(), diagnose.Options{Timeout: time.Minute, Total: time.Minute})
	if err != nil || len(d.Results) == 0 {
		t.Fatalf("got %v, %v", d, err)
	}
}

// Services that take connections and never answer cost one timeout together, and
// half a second to say so. The clock is the bubble's, so a slow machine is no
// excuse.
func TestHungServicesCostOneTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := record("shop")
				r.hang(core.Auth, core.Storage)
				start := time.Now()
				d, _, err := diagnose.Look(t.Context(), r, nil, checks.All(), diagnose.Options{Timeout: timeout, Total: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < timeout/2 || took > timeout+time.Second/2 {
					t.Errorf("it took %v", took)
				}
				for _, s := range []core.Service{core.Auth, core.Storage} {
					if !slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.Code == "SVC-04" && f.Service == s }) {
						t.Errorf("%s is not found to be silent: %v, unknown: %v", s, d.RootCauses, d.Unknowns)
					}
				}
			})
		})
	}
}

// BenchmarkFleet measures what 50 recorded stacks cost, eight at a time.
func BenchmarkFleet(b *testing.B) {
	var fleet []*recorded
	for n := range 50 {
		fleet = append(fleet, record(fmt.Sprintf("stack-%d", n)))
	}
	defer thrifty()()
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		slots := make(chan struct{}, 8)
		var wg sync.WaitGroup
		for _, r := range fleet {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if _, _, err := diagnose.Look(b.Context(), r, core.FingerprintKey("k"), checks.All(), diagnose.Options{Timeout: time.Minute, Total: time.Minute}); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N)/float64(len(fleet)), "cpu-ms/stack")
	b.ReportMetric(float64(peakMemory())/(1<<20), "peak-MiB")
}

// peakMemory is the most that this process has held resident, in bytes.
func peakMemory() int64 {
	data, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
)

// dies has a service end with an exit code and last words.
func (r *recorded) dies(s core.Service, code int, words string) *core.Container {
	c := &r.Containers[slices.IndexFunc(r.Containers, func(c core.Container) bool { return c.Service == s })]
	c.State, c.Health, c.ExitCode, c.PID = "exited", "", code, 0
	if words != "" {
		c.Logs = append(c.Logs, core.LogLine{At: time.Now(), Text: words})
	}
	return c
}

// crowd takes the host's memory away.
func (r *recorded) crowd() { r.Host.MemoryTotal, r.Host.MemoryAvailable = 8<<30, 64<<20 }

// fill leaves no room on the disk.
func (r *recorded) fill() { r.Host.Disks[0].Free = 10 << 20 }

// TestChains follows symptoms over several hops to their causes.
func TestChains(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*recorded)
		roots string
		under map[string]string // "CODE service": cause
	}{
		"the host's memory, the database, what needs it": {func(r *recorded) {
			r.crowd()
			r.dies(core.DB, 137, "").OOMKilled = true
			r.dies(core.Auth, 1, "fatal: dial tcp 172.20.0.2:5432: connect: connection refused")
		}, "HOST-01", map[string]string{"DK-12 db": "HOST-01", "DK-13 auth": "HOST-01"}},
		"a service that ran into its own limit is not the host's fault": {func(r *recorded) {
			c := r.dies(core.Storage, 137, "")
			c.OOMKilled, c.MemoryLimit = true, 64<<20
		}, "DK-12", nil},
		"the host's disk, the database, its clients": {func(r *recorded) {
			r.fill()
			r.dies(core.DB, 1, "PANIC:  could not write to file \"pg_wal/xlogtemp.5\": No space left on device")
			r.dies(core.Rest, 1, "FatalError: the connection to the database server was refused")
		}, "DK-14", map[string]string{"PG-12 db": "DK-14", "DK-13 db": "DK-14", "DK-13 rest": "DK-14"}},
		"the host's name servers, mail, modules of functions": {func(r *recorded) {
			auth := &r.Containers[1]
			auth.Env["GOTRUE_MAILER_AUTOCONFIRM"], auth.Env["GOTRUE_SMTP_HOST"] = "false", "smtp.example.org"
			auth.Logs = append(auth.Logs, core.LogLine{At: time.Now(), Text: `{"level":"error","msg":"500: Error sending confirmation email","error":"dial tcp: lookup smtp.example.org on 127.0.0.11:53: server misbehaving"}`})
			c := r.dies(core.Functions, 1, "main worker boot error: failed to create the graph")
			c.Logs = append(c.Logs, core.LogLine{At: time.Now(), Text: "error sending request for url (https://jsr.io/@panva/jose): dns error: Temporary failure in name resolution"})
		}, "HOST-02", map[string]string{"AUTH-09 auth": "HOST-02", "FN-04 functions": "HOST-02", "DK-13 functions": "HOST-02"}},
		"two faults at once keep their symptoms apart": {func(r *recorded) {
			c := r.dies(core.Imgproxy, 137, "")
			c.OOMKilled, c.MemoryLimit = true, 16<<20
			r.dies(core.Pooler, 1, "** (ErlangError) Erlang error: {:badarg, {~c\"aead.c\", 90}, ~c\"Unknown cipher or invalid key size\"}")
		}, "DK-12 POOL-03", map[string]string{"DK-13 pooler": "POOL-03"}},
		"a gate holds back all behind it": {func(r *recorded) {
			r.Containers = append(r.Containers, core.Container{ID: "v", Name: "v", Service: core.Vector, ComposeService: "vector", State: "running", Health: "unhealthy", StartedAt: time.Now().Add(-time.Hour)})
			r.Compose.Services = []core.ComposeService{{Name: "vector", Service: core.Vector}, {Name: "db", Service: core.DB, DependsOn: map[string]string{"vector": "service_healthy"}},
				{Name: "auth", Service: core.Auth, DependsOn: map[string]string{"db": "service_healthy"}}}
			for _, s := range []core.Service{core.DB, core.Auth} {
				r.dies(s, 0, "").State = "created"
			}
		}, "SVC-03", map[string]string{"DK-11 db": "SVC-03", "DK-11 auth": "SVC-03"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := record("shop")
			row.spoil(r)
			d, _, err := diagnose.Look(t.Context(), r, nil, checks.All(), diagnose.Options{Timeout: time.Minute, Total: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			roots := slices.Sorted(slices.Values(d.RootCauses))
			if got := strings.Join(roots, " "); got != row.roots {
				t.Errorf("root causes = %s, want %s", got, row.roots)
			}
			for want, cause := range row.under {
				i := slices.IndexFunc(d.Findings, func(f core.Finding) bool { return f.Code+" "+string(f.Service) == want })
				if i < 0 || d.Findings[i].CausedBy == nil || *d.Findings[i].CausedBy != cause {
					t.Errorf("%s is not found under %s: %v", want, cause, facts(d))
				}
			}
		})
	}
}

// What is wrong with the machine is told once, and each stack refers to it.
func TestHostIsToldOnce(t *testing.T) {
	var all []*core.Diagnosis
	for _, id := range []string{"shop", "blog", "wiki"} {
		r := record(id)
		if id != "wiki" {
			r.fill()
		}
		d, _, err := diagnose.Look(t.Context(), r, nil, checks.All(), diagnose.Options{Timeout: time.Minute, Total: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	shared := diagnose.OfHost(all, meaning)
	if len(shared) != 1 || shared[0].Code != "DK-14" || strings.Join(shared[0].Instances, " ") != "shop blog" {
		t.Fatalf("got %+v", shared)
	}
	if alone := diagnose.OfHost(all[:1], meaning); len(alone) != 0 {
		t.Errorf("one stack's own finding was called the host's: %+v", alone)
	}
	var out bytes.Buffer
	printReport(&console{out: &out}, all)
	if n := strings.Count(out.String(), "next to no room"); n != 1 || strings.Count(out.String(), "this host: see above") != 2 {
		t.Errorf("it is explained %d times:\n%s", n, out.String())
	}
}

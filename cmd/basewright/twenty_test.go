package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/core/supabase"
)

// TestTwentyCreations orders twenty instances and a second one of each fourth name
// at once, in the books that the agent has. Each third fails after its folder is
// made: nothing of it is left, and the others share nothing.
func TestTwentyCreations(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	place := emptyPlace(t, s)
	var all sync.WaitGroup
	errs := make([]error, 25)
	for i := range errs {
		all.Go(func() { errs[i] = makeOrFail(t, place, fmt.Sprintf("shop-%d", i%20), i%20%3 == 2) })
	}
	all.Wait()
	lost := 0
	for i, err := range errs {
		switch {
		case core.CodeOf(err) == core.Conflict:
			lost++
		case err != nil:
			t.Errorf("order %d: %v", i, err)
		}
	}
	stacks := stacksIn(t, place.Root)
	if want := 14; len(stacks) != want { // of twenty six fail
		t.Errorf("%d folders, want %d", len(stacks), want)
	}
	if lost < 4 || lost > 5 { // of one name neither order need succeed
		t.Errorf("%d lost, and there were five names for two", lost)
	}
	shareNothing(t, stacks)
	kept, err := s.Reservations(t.Context())
	if err != nil || len(kept) != 4*len(stacks) {
		t.Errorf("%d things are kept for %d instances, %v", len(kept), len(stacks), err)
	}
}

// makeOrFail makes the folder of an instance, or gives back all when it is to fail.
func makeOrFail(t *testing.T, place *create.Place, name string, fails bool) error {
	job, _, err := place.Prepare(t.Context(), create.Order{Name: name})
	if err != nil {
		return err
	}
	if err := job.Make(t.Context(), "change-"+name); err != nil {
		return err
	}
	if !fails {
		return nil
	}
	if err := place.RemoveFolder(job.Instance.Dir, "change-"+name); err != nil {
		return err
	}
	return place.Abandon(t.Context(), job)
}

// stacksIn reads the .env of every stack in a folder.
func stacksIn(t *testing.T, root string) map[string]core.EnvFile {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	stacks := map[string]core.EnvFile{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(root, e.Name(), ".env"))
		if err != nil {
			t.Fatal(err)
		}
		vars, err := supabase.ParseEnv(data)
		if err != nil {
			t.Fatal(err)
		}
		stacks[e.Name()] = core.EnvFile{Vars: vars}
	}
	return stacks
}

// shareNothing wants every secret, port and network of the stacks to be of one.
func shareNothing(t *testing.T, stacks map[string]core.EnvFile) {
	t.Helper()
	seen := map[string]string{}
	for name, env := range stacks {
		for _, v := range env.Vars {
			recipe, err := supabase.RecipeOf(v.Key)
			own := err != nil || recipe != supabase.DefaultRecipe
			for _, key := range []string{"STACK_SUBNET", "KONG_HTTP_PORT", "POSTGRES_PORT", "POOLER_PROXY_PORT_TRANSACTION"} {
				own = own || v.Key == key
			}
			if !own || len(v.Value) < 4 {
				continue
			}
			if by := seen[v.Value.Reveal()]; by != "" {
				t.Errorf("%s of %s is %s", v.Key, name, by)
			}
			seen[v.Value.Reveal()] = v.Key + " of " + name
		}
	}
	if want := 12 * len(stacks); len(seen) < want {
		t.Errorf("only %d values were compared, want %d", len(seen), want)
	}
}

// BenchmarkReserveTwenty measures how long it takes until each of twenty orders at
// once has its ports and its network, in the books that the agent has.
func BenchmarkReserveTwenty(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		s, err := store.Open(filepath.Join(dir, "basewright.db"))
		if err != nil {
			b.Fatal(err)
		}
		place := &create.Place{Host: emptyHost{core.Survey{Local: true}}, Kept: s, Root: filepath.Join(dir, "instances"), Known: noInstances}
		took := make([]time.Duration, 20)
		b.StartTimer()
		var all sync.WaitGroup
		start := time.Now()
		for i := range took {
			all.Go(func() {
				if _, _, err := place.Prepare(b.Context(), create.Order{Name: fmt.Sprintf("shop-%d", i)}); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			})
		}
		all.Wait()
		b.StopTimer()
		b.ReportMetric(float64(middle(took).Microseconds())/1000, "ms-median")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-slowest")
		s.Close()
		b.StartTimer()
	}
}

// TestCreationsAtOnce makes four stacks at once on one agent and the real engine,
// two orders of one name among them, and one with logs and bounded memory: all run,
// prove themselves with a sign-up and share nothing.
func TestCreationsAtOnce(t *testing.T) {
	if !inAll.now() {
		t.Skip("takes minutes: only with BASEWRIGHT_TEST_ALL=1")
	}
	w := onStacks(t)
	p := w.person(t)
	c := newCaller(t, startServe(t, p.data).ready())
	names := []string{prefix + "-n0", prefix + "-n1", prefix + "-n2", prefix + "-logs", prefix + "-n0"}
	for _, name := range names[:4] {
		engineErasing(t, name)
	}
	answers, status := make([]answer, len(names)), make([]int, len(names))
	start := time.Now()
	var all sync.WaitGroup
	for i, name := range names {
		order := answer{"name": name, "images": imagePrefix(), "postgres": 15}
		if strings.HasSuffix(name, "-logs") {
			order["logs"], order["memory_limits"] = true, true
		}
		all.Go(func() { answers[i], status[i], _ = c.try("POST", "/api/instances", order) })
	}
	all.Wait()
	if status[0]+status[4] != http.StatusAccepted+http.StatusConflict {
		t.Errorf("of two with one name: %d %v and %d %v", status[0], answers[0], status[4], answers[4])
	}
	for i, a := range answers {
		if status[i] == http.StatusAccepted {
			c.ended(a, "committed")
			t.Logf("%s runs after %.0f s", names[i], time.Since(start).Seconds())
		}
	}
	stacks := stacksIn(t, filepath.Join(p.data, "instances"))
	if len(stacks) != 4 {
		t.Fatalf("%d stacks: %v", len(stacks), status)
	}
	shareNothing(t, stacks)
	p.logsRun(prefix + "-logs")
}

// logsRun wants Logflare and Vector well, their memory bounded as the .env says, and
// nothing said of the stack but that Vector holds Docker's socket.
func (p *person) logsRun(name string) {
	p.t.Helper()
	out := p.basewright(0, "instance", "show", name)
	for _, service := range []string{"analytics", "vector"} {
		if !strings.Contains(out, service) {
			p.t.Errorf("it has no %s:\n%s", service, out)
		}
	}
	d := p.diagnosis(0, name)
	for _, f := range d.Findings {
		if f.Code != "SEC-17" {
			p.t.Errorf("%s %s: %+v", f.Code, f.Title, f.Evidence)
		}
	}
	n := p.newborn("none") // its connection is what is wanted
	for service, want := range map[string]int64{"vector": 256 << 20, "db": 2 << 30} {
		got, err := n.host.Client().ContainerInspect(p.t.Context(), name+"-"+service)
		if err != nil || got.HostConfig.Memory != want {
			p.t.Errorf("%s may have %d bytes, want %d; %v", service, got.HostConfig.Memory, want, err)
		}
	}
}

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui"
)

// refusal is an order that cannot be made, and part of the one sentence that says
// why.
type refusal struct {
	order ui.CreateOrder
	says  string
}

// flagsOf are the flags of the command for what an order over the API says.
func flagsOf(o ui.CreateOrder) []string {
	args := []string{"instance", "create", o.Name, "--yes"}
	for flag, text := range map[string]string{"id": o.ID, "url": o.URL, "site-url": o.SiteURL, "bind": o.Bind, "images": o.Images, "release": o.Release, "gateway": o.Gateway} {
		if text != "" {
			args = append(args, "--"+flag, text)
		}
	}
	for flag, n := range map[string]int{"port": o.GatewayPort, "session-port": o.SessionPort, "transaction-port": o.TransactionPort, "postgres": o.Postgres} {
		if n != 0 {
			args = append(args, "--"+flag, strconv.Itoa(n))
		}
	}
	return args
}

// TestCreateRefuses gives everything to a creation that people get wrong, by the
// terminal and over the API: one clear sentence each, and nothing left behind.
func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port, err := strconv.Atoi(p.setting(filepath.Join(p.folder(stack), ".env"), "KONG_HTTP_PORT"))
	if err != nil {
		t.Fatal(err)
	}
	name := prefix + "-never"
	if err := os.MkdirAll(filepath.Join(p.data, "instances", name+"-full", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, startServe(t, p.data).ready())
	before := p.everything()
	for what, r := range refusals(name, stack, port, busy.Addr().(*net.TCPAddr).Port) {
		r.order.Images, r.order.Postgres = imagePrefix(), 15 // else the images that are not here are named, too
		t.Run(what, func(t *testing.T) {
			out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, flagsOf(r.order)...)
			if code != exitFound || !strings.Contains(out, r.says) || !strings.Contains(out, "nothing was done") || strings.Count(strings.TrimSpace(out), "\n") > 1 {
				t.Errorf("the terminal: exit code %d, want one sentence with %q:\n%s", code, r.says, out)
			}
			a, status, _ := c.try("POST", "/api/instances", r.order)
			said, _ := a["error"].(string)
			if status != http.StatusBadRequest && status != http.StatusConflict || !strings.Contains(said, r.says) || strings.Contains(said, ".go:") {
				t.Errorf("the API: status %d, want one sentence with %q: %s", status, r.says, said)
			}
			if now := p.everything(); !slices.Equal(now, before) {
				t.Errorf("before there were %q, after it there are %q", before, now)
			}
		})
	}
}

// refusals are the orders. A container has the port taken, a process busy.
func refusals(name, stack string, taken, busy int) map[string]refusal {
	return map[string]refusal{
		"no name":                      {ui.CreateOrder{Name: " "}, "needs a name"},
		"an id that is too short":      {ui.CreateOrder{Name: name, ID: "ab"}, "3 to 40 small letters"},
		"an id that is too long":       {ui.CreateOrder{Name: name, ID: strings.Repeat("a", 41)}, "3 to 40 small letters"},
		"a name of 81 letters":         {ui.CreateOrder{Name: strings.Repeat("a", 81), ID: name}, "up to 80 characters"},
		"an id with capitals":          {ui.CreateOrder{Name: name, ID: "Never"}, "3 to 40 small letters"},
		"an id of other letters":       {ui.CreateOrder{Name: name, ID: "日本語"}, "3 to 40 small letters"},
		"a name of other letters":      {ui.CreateOrder{Name: "Магазин"}, "no letter from a to z"},
		"a path":                       {ui.CreateOrder{Name: name, ID: "../" + name}, "3 to 40 small letters"},
		"a reserved name":              {ui.CreateOrder{Name: "Supabase"}, "is reserved"},
		"a name that is taken":         {ui.CreateOrder{Name: stack}, "choose another name"},
		"a name that is taken as slug": {ui.CreateOrder{Name: strings.ToUpper(strings.ReplaceAll(stack, "-", " "))}, "choose another name"},
		"a folder with something":      {ui.CreateOrder{Name: name + "-full"}, "is there and not empty"},
		"a port of a container":        {ui.CreateOrder{Name: name, GatewayPort: taken}, fmt.Sprintf("%d is taken by container", taken)},
		"a port of a process":          {ui.CreateOrder{Name: name, SessionPort: busy}, fmt.Sprintf("%d is taken by a process of this host", busy)},
		"a privileged port":            {ui.CreateOrder{Name: name, GatewayPort: 443}, "ports below 1024"},
		"a port that is none":          {ui.CreateOrder{Name: name, GatewayPort: 65536}, "a port is 1 to 65535"},
		"one port for two":             {ui.CreateOrder{Name: name, GatewayPort: 18999, SessionPort: 18999}, "is the same as the gateway port"},
		"an image that nobody has":     {ui.CreateOrder{Name: name, Gateway: "envoy"}, "envoy:v1.39.1"},
		"a release that is not there":  {ui.CreateOrder{Name: name, Release: "0.0.1"}, "there is no release"},
		"a gateway that is none":       {ui.CreateOrder{Name: name, Gateway: "nginx"}, "is not one of: kong, envoy"},
		"every address":                {ui.CreateOrder{Name: name, URL: "http://0.0.0.0:8000"}, "every address and none"},
	}
}

// everything lists what a creation would leave: what is on the engine, in the
// folder of instances and in the books.
func (p *person) everything() []string {
	p.t.Helper()
	host, err := docker.Connect(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	defer host.Close()
	survey, err := host.Survey(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	var list []string
	for project, left := range survey.Projects {
		if strings.HasPrefix(project, prefix+"-never") {
			list = append(list, left)
		}
	}
	entries, err := os.ReadDir(filepath.Join(p.data, "instances"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, "folder "+e.Name())
	}
	s, err := store.Open(filepath.Join(p.data, "basewright.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	kept, err := s.Reservations(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range kept {
		list = append(list, fmt.Sprint(r))
	}
	return list
}

// TestCreateWithoutRoom has a host that is full: the sentence says of what and by
// how much, and nothing is kept.
func TestCreateWithoutRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		survey core.Survey
		says   string
	}{
		"no space":  {core.Survey{Disk: core.Disk{Path: "/var/lib/docker", Total: 100 << 30, Free: 1 << 30}}, "disk: /var/lib/docker has 1.0 GB free and a stack needs 5.0 GB; make room first"},
		"no memory": {core.Survey{MemoryAvailable: 512 << 20}, "memory: 0.5 GB of memory is available and a stack needs 1.0 GB; stop something or add memory"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(filepath.Join(t.TempDir(), "basewright.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			place := placeOn(t, s, tt.survey)
			_, _, err = place.Prepare(t.Context(), create.Order{Name: "shop"})
			if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %s: %v", core.CodeOf(err), err)
			}
			kept, err := s.Reservations(t.Context())
			if _, gone := os.Stat(place.Root); err != nil || len(kept) > 0 || gone == nil {
				t.Errorf("%v is kept, %v; the folder is there: %v", kept, err, gone == nil)
			}
		})
	}
}

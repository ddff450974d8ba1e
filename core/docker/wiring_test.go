package docker

import (
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// TestWiring connects and renames on a real engine, and has Recover take both
// back without making the container anew.
func TestWiring(t *testing.T) {
	h := engine(t)
	e := open(t, h, smallStack, nil)
	project := e.instance.Project
	captured, err := e.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := inspected(t, e)
	auth, err := e.running(t.Context(), core.Auth)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.api.NetworkDisconnect(t.Context(), project+"_default", auth.ID, true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Connect(t.Context(), core.Auth, "default", "kong"); err != nil {
			t.Fatal(err)
		}
		if err := e.Rename(t.Context(), core.Auth, project+"-other"); err != nil {
			t.Fatal(err)
		}
	}
	auth, err = e.running(t.Context(), core.Auth)
	if err != nil || auth.Name != project+"-other" || len(auth.Networks) != 1 || !slices.Contains(auth.Networks[0].Aliases, "kong") || !slices.Contains(auth.Networks[0].Aliases, "auth") {
		t.Fatalf("auth is %+v, %v", auth, err)
	}
	if err := e.Rename(t.Context(), core.DB, project+"-other"); core.CodeOf(err) != core.Conflict {
		t.Errorf("a name twice: %v", err)
	}
	if err := e.Recover(t.Context(), captured); err != nil {
		t.Fatal(err)
	}
	now, err := e.running(t.Context(), core.Auth)
	if err != nil || now.ID != auth.ID {
		t.Errorf("auth was made anew: %v", err)
	}
	if after := inspected(t, e); !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

func TestANetworkOfAnotherStackIsRefused(t *testing.T) {
	h := engine(t)
	e := open(t, h, smallStack, nil)
	name := e.instance.Project + "-foreign"
	made, err := h.api.NetworkCreate(t.Context(), name, network.CreateOptions{Labels: map[string]string{testLabel: runID}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.api.NetworkRemove(t.Context(), made.ID)
	if err := e.Connect(t.Context(), core.Auth, name, ""); core.CodeOf(err) != core.Forbidden {
		t.Errorf("a foreign network: %v", err)
	}
	if err := e.Connect(t.Context(), core.Auth, "nowhere", ""); core.CodeOf(err) != core.NotFound || !strings.Contains(err.Error(), "there is no network nowhere") {
		t.Errorf("a network that is not there: %v", err)
	}
}

// TestTakenPorts sees what a running container publishes, what a stopped one
// would, and what a program of this machine listens on.
func TestTakenPorts(t *testing.T) {
	h := engine(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := l.Addr().(*net.TCPAddr).Port
	defer l.Close()
	spare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := spare.Addr().(*net.TCPAddr)
	spare.Close()
	e := open(t, h, strings.Replace(smallStack, `["127.0.0.1::9999"]`, `["`+stopped.String()+`:9999"]`, 1), nil)
	for _, state := range []string{"running", "stopped"} {
		ports, err := e.TakenPorts(t.Context())
		if err != nil || !slices.Contains(ports, heard) || !slices.Contains(ports, stopped.Port) || !slices.IsSorted(ports) {
			t.Errorf("%s: %v of %v and %v, %v", state, ports, heard, stopped.Port, err)
		}
		if err := e.Stop(t.Context(), core.Auth); err != nil {
			t.Fatal(err)
		}
	}
	if port, err := core.FreePort([]int{8000, 8001}, 8000, 8001); core.CodeOf(err) != core.Conflict {
		t.Errorf("port %d, %v", port, err)
	}
}

// TestRecoverLeavesAlone: what a person stopped or removed is not brought back.
func TestRecoverLeavesAlone(t *testing.T) {
	h := engine(t)
	e := open(t, h, smallStack, nil)
	captured, err := e.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	auth, err := e.running(t.Context(), core.Auth)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context(), core.DB); err != nil {
		t.Fatal(err)
	}
	if err := h.api.ContainerRemove(t.Context(), auth.ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Recover(t.Context(), captured, "auth"); err != nil {
		t.Fatal(err)
	}
	o, err := e.Observe(t.Context())
	if db, ok := o.Container(core.DB); err != nil || !ok || db.State != "running" || len(o.Containers) != 1 {
		t.Errorf("%+v, %v", o.Containers, err)
	}
}

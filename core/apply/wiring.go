package apply

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// realtimePrefix begins the name of realtime's container: it takes its tenant
// from what stands before the first dot of the host by which it is called.
const realtimePrefix = "realtime-dev."

func checkConnect(a core.Action) error {
	if n := a.Text("network"); !validName.MatchString(n) {
		return core.Errorf(core.Invalid, "%q cannot be the name of a network", n)
	}
	if n := a.Text("alias"); n != "" && !validName.MatchString(n) {
		return core.Errorf(core.Invalid, "%q cannot be a name on a network", n)
	}
	return nil
}

// connectNetwork puts a service on a network of the instance.
func connectNetwork(ctx context.Context, t *transaction, a core.Action) error {
	return t.e.Connect(ctx, a.Service, a.Text("network"), a.Text("alias"))
}

func checkRename(a core.Action) error {
	name := a.Text("name")
	switch {
	case !validName.MatchString(name):
		return core.Errorf(core.Invalid, "%q cannot be the name of a container", name)
	case a.Service == core.Realtime && !strings.HasPrefix(name, realtimePrefix):
		return core.Errorf(core.Invalid, "the name %q does not begin with %s, by which realtime tells its tenant", name, realtimePrefix)
	}
	return nil
}

// renameContainer gives the container of a service another name.
func renameContainer(ctx context.Context, t *transaction, a core.Action) error {
	return t.e.Rename(ctx, a.Service, a.Text("name"))
}

// portRange is how far above the first port a free one is looked for.
const portRange = 1000

func checkAllocate(a core.Action) error {
	from, to := number(a, "from", 1024), number(a, "to", 65535)
	port := number(a, "port", from)
	if from < 1 || to > 65535 || from > to || port < 1 || port > 65535 {
		return core.Errorf(core.Invalid, "there is no port from %d to %d", from, to)
	}
	return checkKey(a)
}

// allocatePort gives a variable in the .env a port of the host that nobody has:
// no container of the engine, running or not, no other instance by reservation,
// and nothing that listens. A plan names the port; if it was taken since, the
// plan is not carried out.
func allocatePort(ctx context.Context, t *transaction, a core.Action) error {
	taken, err := t.taken(ctx)
	if err != nil {
		return err
	}
	f, err := t.e.ReadFile(ctx, t.env)
	if err != nil {
		return err
	}
	from := number(a, "from", max(1024, portIn(f.Data, a.Text("key"))))
	port := number(a, "port", 0)
	if port == 0 {
		if port, err = core.FreePort(taken, from, number(a, "to", min(from+portRange, 65535))); err != nil {
			return err
		}
	}
	if slices.Contains(taken, port) {
		return core.Errorf(core.Conflict, "port %d was taken since the plan was made; make a new plan", port)
	}
	if err := t.tryPort(port); err != nil {
		return core.Errorf(core.Conflict, "port %d cannot be had: %v", port, err)
	}
	if err := t.Journal.ReservePort(ctx, t.c.ID, t.inst.ID, a.Text("key"), port); err != nil {
		return err
	}
	return t.putEnv(ctx, a.Text("key"), core.Secret(strconv.Itoa(port)))
}

// taken lists the ports that this instance must not take.
func (t *transaction) taken(ctx context.Context) ([]int, error) {
	taken, err := t.e.TakenPorts(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for a free port: %w", err)
	}
	reserved, err := t.Journal.ReservedPorts(ctx, t.inst.ID)
	return append(taken, reserved...), err
}

// tryPort asks the kernel, when the engine is on this machine.
func (t *transaction) tryPort(port int) error {
	if !t.local {
		return nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

// portIn returns the port that a variable of a .env names, or 0.
func portIn(env []byte, key string) int {
	for line := range strings.Lines(string(env)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			n, _ := strconv.Atoi(strings.Trim(v, `"'`))
			return n
		}
	}
	return 0
}

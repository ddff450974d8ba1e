package create

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/basewright/basewright/core"
)

// What a stack needs beside its data. Upstream recommends 4 GB of memory for one
// stack under load; a quiet one gets by with this.
const (
	needDisk   = 5 << 30
	needMemory = 1 << 30
)

// choosesImages is what of an order tells which images it needs.
var choosesImages = []string{"release", "postgres", "gateway", "images"}

// Host is what creation asks of the Docker Engine.
type Host interface {
	Survey(ctx context.Context) (core.Survey, error)
	// Obtainable returns nil when the image is on the engine or a registry offers it.
	Obtainable(ctx context.Context, image string) error
}

// Reservations are the books on what is kept for which instance.
type Reservations interface {
	Reserve(ctx context.Context, instance string, choose func(taken []core.Reservation) ([]core.Reservation, error)) error
	Release(ctx context.Context, instance string) error
}

// Place is where instances are made.
type Place struct {
	Host Host
	Kept Reservations
	Root string // folder that gets a folder for each instance
	// Known returns the instances that Basewright has.
	Known func(ctx context.Context) ([]core.Instance, error)
	// Lint returns what is wrong with the files in a folder; nil skips it.
	Lint func(ctx context.Context, dir string) ([]core.Finding, error)
	// Key makes the fingerprints that plans show of secrets.
	Key core.FingerprintKey
}

// Preflight returns the order with all that is chosen filled in, but for ports
// and network that are left to the moment of creation, and every problem at
// once. An error means that it could not look.
func (p *Place) Preflight(ctx context.Context, o Order) (Order, []Problem, error) {
	o, found := o.complete()
	list := problems(found)
	survey, err := p.Host.Survey(ctx)
	if err != nil {
		return o, list, err
	}
	if err := p.checkTaken(ctx, o, survey, &list); err != nil {
		return o, list, err
	}
	p.checkRoom(survey, &list)
	if err := p.checkGivenPorts(ctx, o, survey, &list); err != nil {
		return o, list, err
	}
	if !slices.ContainsFunc(found, func(f Problem) bool { return slices.Contains(choosesImages, f.What) }) {
		p.checkImages(ctx, o, &list)
	}
	return o, list, nil
}

// checkTaken looks whether the name is free everywhere that it will be used.
func (p *Place) checkTaken(ctx context.Context, o Order, s core.Survey, list *problems) error {
	if !core.ValidID(o.ID) {
		return nil // nothing is called so, and it is no path to look at
	}
	known, err := p.Known(ctx)
	if err != nil {
		return err
	}
	for _, i := range known {
		if i.ID == o.ID || i.Project == o.ID {
			list.taken("name", "there is already an instance "+i.ID+"; choose another name")
			return nil
		}
	}
	if left, ok := s.Projects[o.ID]; ok {
		list.taken("name", "the engine already has "+left+" of a compose project "+o.ID+"; choose another name, or adopt that stack")
	}
	for _, name := range containerNames(o) {
		if _, ok := s.Containers[name]; ok && s.Projects[o.ID] == "" {
			list.taken("name", "the engine already has a container "+name+"; choose another name")
		}
	}
	dir := p.Dir(o.ID)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		list.taken("folder", dir+" is there and not empty; move it away or choose another name")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		list.add("folder", fmt.Sprintf("%s cannot be used: %v", dir, err))
	}
	return nil
}

// Dir is the folder of an instance.
func (p *Place) Dir(id string) string { return filepath.Join(p.Root, id) }

func (p *Place) checkRoom(s core.Survey, list *problems) {
	if s.Disk.Total > 0 && s.Disk.Free < needDisk {
		list.add("disk", fmt.Sprintf("%s has %s free and a stack needs %s; make room first", s.Disk.Path, size(s.Disk.Free), size(needDisk)))
	}
	if s.MemoryAvailable > 0 && s.MemoryAvailable < needMemory {
		list.add("memory", fmt.Sprintf("%s of memory is available and a stack needs %s; stop something or add memory", size(s.MemoryAvailable), size(needMemory)))
	}
}

func size(n uint64) string { return fmt.Sprintf("%.1f GB", float64(n)/(1<<30)) }

// checkGivenPorts looks at the ports that the order names.
func (p *Place) checkGivenPorts(ctx context.Context, o Order, s core.Survey, list *problems) error {
	var kept []core.Reservation
	err := p.Kept.Reserve(ctx, o.ID, func(taken []core.Reservation) ([]core.Reservation, error) { kept = taken; return nil, nil })
	if err != nil {
		return err
	}
	for _, port := range o.Ports.list() {
		if port.number < 1024 || port.number > 65535 {
			continue
		}
		if by := portTaken(o.Bind, port.number, s, kept); by != "" {
			list.add(port.name+" port", fmt.Sprintf("%d is taken by %s; choose another, or leave it out and a free one is found", port.number, by))
		}
	}
	return nil
}

// portTaken says who has a port: an instance that keeps it, a container,
// running or not, or a process that listens.
func portTaken(bind string, port int, s core.Survey, kept []core.Reservation) string {
	for _, r := range kept {
		if r.Kind == core.PortReservation && r.Value == strconv.Itoa(port) {
			return "instance " + r.Instance
		}
	}
	if name, ok := s.Ports[port]; ok {
		return "container " + name
	}
	if !s.Local {
		return "" // the engine says so when it comes up
	}
	for _, host := range []string{bind, "127.0.0.1", ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return "a process of this host"
		}
		_ = l.Close()
	}
	return ""
}

func (p *Place) checkImages(ctx context.Context, o Order, list *problems) {
	images, err := imagesOf(o)
	if err != nil {
		list.add("release", err.Error())
		return
	}
	errs := make([]error, len(images))
	slots := make(chan struct{}, 4)
	done := make(chan struct{})
	for i, image := range images {
		go func() {
			slots <- struct{}{}
			errs[i] = p.Host.Obtainable(ctx, image.Ref)
			<-slots
			done <- struct{}{}
		}()
	}
	for range images {
		<-done
	}
	for i, err := range errs {
		if err != nil {
			list.add("image "+images[i].Ref, err.Error())
		}
	}
}

// Ranges that free ports are looked for in, below those that the kernel gives
// to clients.
var ranges = map[string][2]int{"gateway": {8000, 8999}, "session": {15432, 16431}, "transaction": {16543, 17542}}

// choose fills in the ports and finds the network, and returns what must be
// kept for the instance.
func choose(o Order, s core.Survey, kept []core.Reservation) (Order, string, []core.Reservation, error) {
	var out []core.Reservation
	for _, port := range []struct {
		name   string
		number *int
	}{{"gateway", &o.Ports.Gateway}, {"session", &o.Ports.Session}, {"transaction", &o.Ports.Transaction}} {
		if *port.number != 0 {
			if by := portTaken(o.Bind, *port.number, s, kept); by != "" {
				return o, "", nil, core.Errorf(core.Conflict, "port %d is taken by %s", *port.number, by)
			}
		}
		for n := ranges[port.name][0]; *port.number == 0 && n <= ranges[port.name][1]; n++ {
			if !slices.Contains([]int{o.Ports.Gateway, o.Ports.Session, o.Ports.Transaction}, n) && portTaken(o.Bind, n, s, kept) == "" {
				*port.number = n
			}
		}
		if *port.number == 0 {
			return o, "", nil, core.Errorf(core.Conflict, "no port from %d to %d is free for the %s; name one", ranges[port.name][0], ranges[port.name][1], port.name)
		}
		out = append(out, core.Reservation{Kind: core.PortReservation, Value: strconv.Itoa(*port.number)})
	}
	subnet, err := freeSubnet(o.Subnets, s, kept)
	if err != nil {
		return o, "", nil, err
	}
	return o, subnet, append(out, core.Reservation{Kind: core.SubnetReservation, Value: subnet}), nil
}

// freeSubnet finds a /24 of the range that nobody has: the engine's default
// pools end after about 30 networks.
func freeSubnet(from string, s core.Survey, kept []core.Reservation) (string, error) {
	all, err := netip.ParsePrefix(from)
	if err != nil {
		return "", err
	}
	taken := []netip.Prefix{}
	for p := range s.Networks {
		taken = append(taken, p)
	}
	for _, r := range kept {
		if p, err := netip.ParsePrefix(r.Value); r.Kind == core.SubnetReservation && err == nil {
			taken = append(taken, p)
		}
	}
	for at := all.Masked().Addr(); all.Contains(at); {
		p := netip.PrefixFrom(at, 24)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			return p.String(), nil
		}
		b := at.As4()
		n := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) + 1
		at = netip.AddrFrom4([4]byte{byte(n >> 16), byte(n >> 8), byte(n), 0})
	}
	return "", core.Errorf(core.Conflict, "every /24 network of %s is taken; give another range", from)
}

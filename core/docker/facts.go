package docker

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/system"
	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
)

// engineFacts is what changes so seldom that it is asked once a while.
type engineFacts struct {
	host core.HostFacts // without disks and free memory
	root string         // where the engine keeps its data
}

const factsAge = 30 * time.Second

// engineFacts asks the engine about itself, at most once per factsAge.
func (h *Host) engineFacts(ctx context.Context) (engineFacts, error) {
	h.facts.Lock()
	defer h.facts.Unlock()
	if !h.facts.at.IsZero() && time.Since(h.facts.at) < factsAge {
		return h.facts.value, nil
	}
	var info system.Info
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() (err error) {
		if info, err = within(ctx, listTimeout, h.api.Info); err != nil {
			return h.wrap(ctx, "asking the engine about itself", err)
		}
		return nil
	})
	var projects int
	work.Go(func() error {
		seen, err := h.lastDiscovery(ctx)
		if err == nil {
			projects = len(seen.instances)
		}
		return err
	})
	if err := work.Wait(); err != nil {
		return engineFacts{}, err
	}
	// Docker Desktop answers on a socket of this machine but runs in another.
	local := h.end.local() && info.OperatingSystem != "Docker Desktop" && exists(info.DockerRootDir)
	h.facts.value = engineFacts{root: info.DockerRootDir, host: core.HostFacts{
		EngineID: info.ID, EngineVersion: info.ServerVersion, APIVersion: h.api.ClientVersion(), OS: info.OSType, Arch: info.Architecture,
		Local: local, MemoryTotal: uint64(max(0, info.MemTotal)), Projects: projects}}
	if local {
		h.facts.value.host.Prunes = scheduledPrunes("/")
	}
	h.facts.at = time.Now()
	return h.facts.value, nil
}

// EngineID returns the engine's own id, which is the same for life.
func (h *Host) EngineID(ctx context.Context) (string, error) {
	known, err := h.engineFacts(ctx)
	return known.host.EngineID, err
}

// hostFacts adds what changes by the minute, and can be seen only on the spot.
func (h *Host) hostFacts(ctx context.Context, dir string) (core.HostFacts, []core.Gap, error) {
	known, err := h.engineFacts(ctx)
	if err != nil {
		return core.HostFacts{}, nil, err
	}
	facts := known.host
	if !facts.Local {
		return facts, []core.Gap{{What: "disks, memory and files of the host", Why: "the engine at " + h.end.host + " is not on this machine"}}, nil
	}
	facts.MemoryAvailable = memoryAvailable()
	var gaps []core.Gap
	for _, d := range []core.Disk{{Holds: "Docker's data", Path: known.root}, {Holds: "the instance folder", Path: dir}} {
		if err := measure(&d); err != nil {
			gaps = append(gaps, core.Gap{What: "the disk that holds " + strings.TrimPrefix(d.Holds, "the "), Why: err.Error()})
			continue
		}
		facts.Disks = append(facts.Disks, d)
	}
	return facts, gaps, nil
}

func measure(d *core.Disk) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.Path, &s); err != nil {
		return &os.PathError{Op: "statfs", Path: d.Path, Err: err}
	}
	unit := uint64(s.Frsize)
	d.Total, d.Free, d.Inodes, d.InodesFree = s.Blocks*unit, s.Bavail*unit, s.Files, s.Ffree
	return nil
}

// memoryAvailable returns what programs can still get without swapping, in
// bytes, or 0 when the kernel does not say.
func memoryAvailable() uint64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			kb, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

package checks

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "host.disk", Title: "There is room on the disks that the stack writes to",
		Category: core.DiskUsage, Depth: core.Quick, Check: diskRoom,
		Finds: []core.Explanation{{
			Code: "DK-14", Title: "A disk is almost full", Severity: core.Critical, OnHost: true,
			What:   "The file system that holds the stack's data or Docker's has next to no room, or no inodes, left.",
			Breaks: "The database stops writing, and files that are being written come out empty.",
			Do:     "Free logs and unused images (`docker image prune`); never volumes, never files of pg_wal. Then restart what failed, the database last.",
			Data:   "Data is at risk if the database runs out of room in the middle of a write: take a snapshot to another disk first.", Sources: "supabase/supabase#18847",
		}},
	})
	register(core.Checker{
		ID: "host.memory", Title: "The host has memory left", Category: core.ServiceHealth, Depth: core.Quick, Check: hostMemory,
		Finds: []core.Explanation{{
			Code: "HOST-01", Title: "The host has hardly any memory left", Severity: core.Warning, OnHost: true,
			What:   "Next to nothing of the host's memory is available to programs.",
			Breaks: "The kernel kills whatever is largest, mostly the database or analytics; everything else crawls.",
			Do:     "See with `docker stats` who holds it; stop what is not needed, add memory or swap, or set memory limits. Upstream asks for 4 GB a stack.",
			Data:   "A killed database recovers from its log.", Sources: "Supabase docs, self-hosting requirements",
		}},
	})
	register(core.Checker{
		ID: "host.names", Title: "Names on the internet can be resolved", Category: core.NetworkConnectivity, Check: hostNames,
		Finds: []core.Explanation{{
			Code: "HOST-02", Title: "Names on the internet cannot be resolved on this host", Severity: core.Warning, OnHost: true,
			What:   "Several services log that the name server does not answer: Docker's own asks the host's, and that does not.",
			Breaks: "Mail, OAuth, S3 and modules of edge functions fail; the services themselves find each other.",
			Do:     "Check /etc/resolv.conf of the host and that its name servers answer, or set dns in daemon.json.", Data: "No data is at risk.", Sources: "Docker docs, DNS services",
		}},
	})
	register(core.Checker{
		ID: "network.published", Title: "Published ports take connections on this host",
		Category: core.NetworkConnectivity, Check: publishedPorts,
		Finds: []core.Explanation{{
			Code: "NET-01", Title: "A published port does not answer", Severity: core.Critical, Level: core.Consequence,
			What:   "Docker publishes the port, and nothing takes a connection on it.",
			Breaks: "Clients outside the stack's network cannot reach the service.",
			Do:     "Check the service first, then the host's firewall (iptables, DOCKER-USER).", Data: "No data is at risk.",
		}},
	})
}

const gib = 1 << 30

// diskRoom warns below 10 % and 10 GiB, and is critical below 3 % or 500 MiB,
// less of which a checkpoint of PostgreSQL can eat at once.
func diskRoom(_ context.Context, t core.Target) ([]core.Finding, error) {
	if len(t.Host.Disks) == 0 {
		return nil, core.Errorf(core.Unreachable, "the disks of the engine's host cannot be read from here")
	}
	var found []core.Finding
	for _, d := range t.Host.Disks {
		if s, bad := fullness(d); bad {
			found = append(found, core.Finding{
				Code: "DK-14", Service: core.Host, Severity: s, Title: fmt.Sprintf("The disk that holds %s is almost full", d.Holds),
				Evidence: []core.Evidence{evidence("statfs:"+d.Path, fmt.Sprintf("%.1f of %.1f GiB free, %d of %d inodes free", float64(d.Free)/gib, float64(d.Total)/gib, d.InodesFree, d.Inodes))},
			})
		}
	}
	return found, nil
}

func fullness(d core.Disk) (core.Severity, bool) {
	if d.Total == 0 {
		return "", false
	}
	free := float64(d.Free) / float64(d.Total)
	inodes := 1.0
	if d.Inodes > 0 {
		inodes = float64(d.InodesFree) / float64(d.Inodes)
	}
	switch {
	case free < 0.03 && d.Free < 5*gib, d.Free < gib/2, inodes < 0.01:
		return core.Critical, true
	case free < 0.10 && d.Free < 10*gib, inodes < 0.05:
		return core.Warning, true
	}
	return "", false
}

// hostMemory warns below 5 % and 1 GiB; where the kernel has killed a service
// that has no limit of its own, it is what killed it.
func hostMemory(_ context.Context, t core.Target) ([]core.Finding, error) {
	total, left := t.Host.MemoryTotal, t.Host.MemoryAvailable
	if total == 0 || left == 0 || left >= gib || float64(left) >= 0.05*float64(total) {
		return nil, nil // also when it cannot be read; the gap says so
	}
	f := core.Finding{Code: "HOST-01", Service: core.Host, Severity: core.Warning,
		Evidence: []core.Evidence{evidence("proc:meminfo", fmt.Sprintf("%d of %d MiB are available", left>>20, total>>20))}}
	for _, c := range t.Containers {
		if c.Service != "" && c.OOMKilled && c.MemoryLimit == 0 {
			f.Severity = core.Critical
			f.Evidence = append(f.Evidence, evidence("inspect:"+c.Name, describe(c)))
		}
	}
	return []core.Finding{f}, nil
}

// noNameServer matches what programs say when a name server does not answer. That
// a name does not exist is another matter. Sources: glibc, Go, Node, Erlang.
var noNameServer = compile(`Temporary failure in name resolution|EAI_AGAIN|lookup \S+( on \S+)?: (i/o timeout|server misbehaving)|read udp \S+->\S+:53: i/o timeout`)

// hostNames wants two services to say so within the last minutes: one alone may
// ask for an odd name. It is critical where users cannot sign up without a mail.
func hostNames(_ context.Context, t core.Target) ([]core.Finding, error) {
	f := core.Finding{Code: "HOST-02", Service: core.Host}
	for _, c := range t.Containers {
		for _, l := range slices.Backward(c.Logs) {
			if c.Service == "" || t.At.Sub(l.At) > recentRequest {
				break
			}
			if noNameServer.MatchString(l.Text) {
				f.Evidence = append(f.Evidence, logEvidence(c.Service, l))
				if c.Service == core.Auth && confirms(c) {
					f.Severity = core.Critical
				}
				break
			}
		}
	}
	if len(f.Evidence) < 2 {
		return nil, nil
	}
	return []core.Finding{f}, nil
}

func publishedPorts(ctx context.Context, t core.Target) ([]core.Finding, error) {
	if !t.Host.Local {
		return nil, core.Errorf(core.Unreachable, "the engine is on another host, whose ports cannot be tried from here")
	}
	var mu sync.Mutex
	var found []core.Finding
	var wg sync.WaitGroup
	for _, c := range t.Containers {
		for _, p := range c.Ports {
			if !answers(t, c) || c.Service == "" || p.HostPort == 0 || p.Proto != "tcp" {
				continue
			}
			wg.Go(func() {
				conn, err := t.Dial(ctx, core.Address{Service: c.Service, Port: p.ContainerPort, Published: true})
				if err == nil {
					conn.Close()
					return
				}
				mu.Lock()
				defer mu.Unlock()
				found = append(found, core.Finding{
					Code: "NET-01", Service: c.Service, Severity: severity(c.Service),
					Title:    fmt.Sprintf("The published port %d of %s does not answer", p.HostPort, c.Service),
					Evidence: []core.Evidence{evidence("tcp:"+net.JoinHostPort(p.HostIP, fmt.Sprint(p.HostPort)), shortError(err))},
				})
			})
		}
	}
	wg.Wait()
	return found, nil
}

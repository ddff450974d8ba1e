package main

import (
	"hash/fnv"
	"net"
	"path/filepath"
	"strconv"

	"github.com/basewright/basewright/core"
)

// ports are what a stack publishes on loopback.
type ports struct{ Gateway, Session, Transaction int }

// The lab's ports begin well above those of a stack that somebody runs for real
// and below those that the kernel gives to clients.
const (
	firstPort = 18000
	lastPort  = 28000
)

// takenPorts are the ports of all stacks, running or not.
func (l *lab) takenPorts() map[int]bool {
	taken := map[int]bool{}
	for _, name := range l.names() {
		env, err := stack{name: name, dir: filepath.Join(l.dir, "stacks", name)}.env()
		if err != nil {
			continue
		}
		for _, key := range []string{"KONG_HTTP_PORT", "POSTGRES_PORT", "POOLER_PROXY_PORT_TRANSACTION"} {
			if p, err := strconv.Atoi(env[key]); err == nil {
				taken[p] = true
			}
		}
	}
	return taken
}

// corner is where this lab begins to look for ports and networks, from 0 to 99.
// Labs of several folders that come up at once on one engine would otherwise
// find the same ones free.
func (l *lab) corner() int {
	h := fnv.New32a()
	h.Write([]byte(l.dir))
	return int(h.Sum32() % 100)
}

// freePorts finds three ports that no stack has and nobody listens on, from a
// corner of the lab's range on.
func freePorts(taken map[int]bool, corner int) (ports, error) {
	var found []int
	const count = lastPort - firstPort
	for i := 0; i < count && len(found) < 3; i++ {
		if p := firstPort + (corner*count/100+i)%count; !taken[p] && free(p) {
			found = append(found, p)
		}
	}
	if len(found) < 3 {
		return ports{}, core.Errorf(core.Conflict, "no three free ports between %d and %d on 127.0.0.1", firstPort, lastPort)
	}
	return ports{Gateway: found[0], Session: found[1], Transaction: found[2]}, nil
}

// free reports whether nobody listens on the port, on any address.
func free(port int) bool {
	for _, host := range []string{"127.0.0.1", ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// Package docker is the Docker Engine behind the ports of package core: it
// finds Supabase instances, looks at them and changes them.
//
// A [Host] is one engine. [Host.Discover] finds the instances on it with one
// call, [Host.Open] gives the core.Engine of one of them. Reading goes straight
// to the engine's API, since that is cheap; making containers out of compose
// files goes through the compose library, so that its containers and those of
// the command line are interchangeable.
package docker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"

	"github.com/basewright/basewright/core"
)

// Host is one Docker Engine.
type Host struct {
	api *client.Client
	end endpoint

	discovered atomic.Pointer[discovery] // what Discover last saw

	facts struct {
		sync.Mutex
		at    time.Time
		value engineFacts
	}
}

// Connect finds the engine and makes sure that it answers. An empty host means
// DOCKER_HOST, then the current Docker context, then the usual socket. The API
// version is negotiated; 1.41 (Engine 20.10) is the oldest that is tested.
func Connect(ctx context.Context, host string) (*Host, error) {
	end, err := resolve(host)
	if err != nil {
		return nil, err
	}
	opts, err := end.options()
	if err != nil {
		return nil, err
	}
	api, err := client.NewClientWithOpts(append(opts,
		client.WithUserAgent("basewright"), client.WithVersionFromEnv(), client.WithAPIVersionNegotiation())...)
	if err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "the Docker host " + end.host + " cannot be used", Err: err}
	}
	h := &Host{api: api, end: end}
	if err := h.ping(ctx); err != nil {
		api.Close()
		return nil, err
	}
	return h, nil
}

// Client returns the engine's API for what no port of package core covers.
func (h *Host) Client() *client.Client { return h.api }

// Close drops the idle connections to the engine.
func (h *Host) Close() error { return h.api.Close() }

// pingTimeout bounds the first word with an engine. A daemon that accepts and
// never answers is as good as absent.
const pingTimeout = 10 * time.Second

// ping makes sure that the engine answers and settles the API version.
func (h *Host) ping(ctx context.Context) error {
	p, err := within(ctx, pingTimeout, h.api.Ping)
	if err != nil {
		return h.noEngine(ctx, err)
	}
	h.api.NegotiateAPIVersionPing(p)
	return nil
}

package ui

import (
	"context"
	"net/http"
	"time"

	"github.com/basewright/basewright/core"
)

type healthOut struct {
	Reply
	Status  string `json:"status"`
	Version string `json:"version"`
}

func (c *call) health() (any, error) { return healthOut{ok(""), "alive", c.Version}, nil }

type readyOut struct {
	Reply
	Status string            `json:"status" doc:"ready, degraded (part of it works) or unavailable"`
	Parts  map[string]string `json:"parts" doc:"what works is ok, what does not says why"`
}

// ready says what works. Without its state the agent is of no use; without a
// Docker Engine it can still show what it knows.
func (c *call) ready() (any, error) {
	out, err := c.readiness()
	if err != nil {
		c.JSON(http.StatusServiceUnavailable, out)
	}
	return out, nil
}

// readiness looks at every part; the error is that of the state.
func (c *call) readiness() (readyOut, error) {
	out := readyOut{ok(""), "ready", map[string]string{"state": "ok", "engine": "ok", "changes": "ok"}}
	ctx, cancel := context.WithTimeout(c.Request.Context(), 3*time.Second)
	defer cancel()
	if err := c.EngineAnswers(ctx); err != nil {
		out.Status, out.Parts["engine"] = "degraded", plain(err)
	}
	open, err := c.Store.Unfinished(ctx)
	if err != nil {
		out.Status, out.Parts["changes"] = "degraded", plain(err)
	}
	for _, ch := range open {
		if c.Changes.Holder(ch.Instance) == "" {
			out.Status, out.Parts["changes"] = "degraded", "an interrupted change waits to be put back"
		}
	}
	if damage := c.Store.Damaged(); damage != nil {
		out.Status, out.Parts["state"] = "degraded", plain(damage)
	}
	if err = c.Store.Writable(ctx); err != nil {
		out.Success, out.Status, out.Parts["state"] = false, "unavailable", plain(err)
	}
	return out, err
}

// plain is an error as anybody may read it.
func plain(err error) string {
	if core.CodeOf(err) == core.Internal {
		return "it does not answer"
	}
	return problemOf(err).Detail
}

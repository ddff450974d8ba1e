package ui

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
)

const (
	heartbeat = 20 * time.Second
	writeTime = 10 * time.Second // a reader who takes longer for a piece is dropped
	recheck   = 20 * time.Second // how soon a right that was taken away ends a stream
)

// sse writes server-sent events. A reader who does not take them is dropped.
type sse struct {
	mu  sync.Mutex
	out http.ResponseWriter
	ctl *http.ResponseController
}

func (c *call) sse() *sse {
	h := c.Writer.Header()
	h.Set("Content-Type", eventStream)
	h.Set("X-Accel-Buffering", "no")
	s := &sse{out: c.Writer, ctl: http.NewResponseController(c.Writer)}
	_ = s.ctl.SetReadDeadline(time.Time{}) // the body is read; what counts is writing
	return s
}

// send writes one event, or a comment when there is no data.
func (s *sse) send(id, kind string, data []byte) error {
	var b strings.Builder
	if data == nil {
		b.WriteString(": still here\n")
	} else {
		if id != "" {
			fmt.Fprintf(&b, "id: %s\n", id)
		}
		fmt.Fprintf(&b, "event: %s\ndata: %s\n", kind, data)
	}
	b.WriteString("\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctl.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.out.Write([]byte(b.String())); err != nil {
		return err
	}
	return s.ctl.Flush()
}

// events tells what happens to the instances that the caller may see.
func (c *call) events() (any, error) {
	only := c.Query("instance")
	if only != "" && !c.who.may(core.MayRead, only) {
		return nil, core.Errorf(core.NotFound, "there is no instance %q", clip(only, 60))
	}
	r := c.Hub.Subscribe(c.GetHeader("Last-Event-ID"), func(e queue.Event) bool {
		return (only == "" || e.Instance == only) && c.who.may(core.MayRead, e.Instance)
	})
	defer r.Close()
	s := c.sse()
	if err := s.send("", "", nil); err != nil {
		return nil, err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-c.Request.Context().Done():
			return nil, nil
		case <-beat.C:
			if !c.stillMay("") {
				return nil, nil
			}
			if err := s.send("", "", nil); err != nil {
				return nil, nil //nolint:nilerr // the reader is gone
			}
		case e, open := <-r.Events:
			if !open {
				return nil, nil // too slow, or we are stopping: they may come back
			}
			if err := s.send(e.ID, e.Kind, e.Data); err != nil {
				return nil, nil //nolint:nilerr // the reader is gone
			}
		}
	}
}

// stillMay asks again who this is, since a stream outlives a logout.
func (c *call) stillMay(instance string) bool {
	w, err := c.authenticate(c.Context)
	if err != nil {
		return core.CodeOf(err) == core.Unreachable // a database that is busy ends no stream
	}
	return instance == "" || w.may(c.route.may, instance)
}

// streamLogs follows the logs of an instance. An event's id is the moment of its
// line, and Last-Event-ID, or after=, goes on after that moment. That is not exact: a
// line of the same nanosecond, or one that arrives late from another service, is not
// sent again.
func (c *call) streamLogs() (any, error) {
	q, err := c.logQuery()
	if err != nil {
		return nil, err
	}
	q.Follow = true
	if at, err := time.Parse(time.RFC3339Nano, cmp.Or(c.GetHeader("Last-Event-ID"), c.Query("after"))); err == nil {
		q.After = at
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	s := c.sse()
	if err := s.send("", "", nil); err != nil {
		return nil, err
	}
	var beats sync.WaitGroup
	defer beats.Wait()
	defer cancel()
	beats.Go(func() {
		t := time.NewTicker(recheck)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if !c.stillMay(c.instance.ID) || s.send("", "", nil) != nil {
					cancel()
					return
				}
			}
		}
	})
	note := func(text string) {
		b, _ := json.Marshal(map[string]string{"note": text})
		_ = s.send("", "note", b) // the next line notices when the reader is gone
	}
	err = c.Logs(ctx, c.instance, q, func(e logs.Entry) error {
		b, err := json.Marshal(lineOf(e))
		if err != nil {
			return err
		}
		return s.send(moment(e.At), "log", b)
	}, note)
	if err != nil && ctx.Err() == nil && core.CodeOf(err) != core.Internal {
		note(err.Error())
	}
	return nil, nil
}

// moment is the id of a line's event; "" for a line without a time.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

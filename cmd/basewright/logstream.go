package main

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// logReader reads the logs of one stack. It holds one line of each container,
// or, when it follows, those of the last moment.
type logReader struct {
	api     *client.Client
	flags   logFlags
	project string
	list    func(context.Context) ([]core.Container, error) // of the stack, without strangers
	env     []core.EnvVar                                   // of its .env
	note    func(string)                                    // tells a person what is left out
	mask    atomic.Pointer[core.Mask]                       // knows the secrets of all containers
}

// logSource is a container whose log is read.
type logSource struct {
	id, name string
	service  core.Service // role, or the compose service's name where it has none
	runs     bool
	started  time.Time
}

// sources lists the containers of the stack that --service asks for.
func (r *logReader) sources(ctx context.Context) ([]logSource, error) {
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	r.mask.Store(core.NewMask(&core.Observation{Containers: all, Env: core.EnvFile{Vars: r.env}}))
	var found []logSource
	var names []string
	for _, c := range all {
		s := logSource{id: c.ID, name: c.ComposeService, service: cmp.Or(c.Service, core.Service(c.ComposeService)),
			started: c.StartedAt, runs: c.State == container.StateRunning || c.State == container.StateRestarting}
		names = append(names, string(s.service))
		if len(r.flags.services) == 0 || slices.Contains(r.flags.services, s.name) || slices.Contains(r.flags.services, string(s.service)) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		slices.Sort(names)
		return nil, core.Errorf(core.NotFound, "%s has no service %s; there are: %s", r.project, strings.Join(r.flags.services, ", "), strings.Join(slices.Compact(names), ", "))
	}
	slices.SortFunc(found, func(a, b logSource) int { return cmp.Compare(a.service, b.service) })
	return found, nil
}

// read reads one log to its end, or as long as it grows, and gives emit each
// line that is wanted and newer than after.
func (r *logReader) read(ctx context.Context, s logSource, follow bool, after time.Time, emit func(logs.Entry) error) error {
	in, err := r.api.ContainerInspect(ctx, s.id)
	if err != nil {
		return err
	}
	tail := r.flags.tail
	if !after.IsZero() {
		tail = max(tail, spanTail) // what was logged since, also by one that is loud
	}
	stream, err := r.api.ContainerLogs(ctx, s.id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow, Tail: strconv.Itoa(tail)})
	if err != nil {
		return err
	}
	defer stream.Close()
	seen, oldest := 0, time.Time{}
	line := func(l core.LogLine) error {
		if seen++; seen == 1 {
			oldest = l.At
		}
		if !after.IsZero() && !l.At.After(after) {
			return nil
		}
		e := logs.Parse(s.service, l)
		if e.Hide(r.mask.Load()); !r.flags.wants(e) { // what is hidden cannot be searched for
			return nil
		}
		return emit(e)
	}
	out, errs := &lineCutter{line: line}, &lineCutter{line: line}
	if in.Config != nil && in.Config.Tty {
		_, err = io.Copy(out, stream)
	} else {
		_, err = stdcopy.StdCopy(out, errs, stream)
	}
	err = errors.Join(err, out.flush(), errs.flush())
	if !follow && seen >= r.flags.tail && r.flags.span != "" && oldest.After(r.flags.since) {
		r.note(fmt.Sprintf("%s logged more than %d lines in that time; the older ones are left out, see --tail", s.service, r.flags.tail))
	}
	return err
}

// lineCutter cuts a stream into lines. A line's rest beyond what is kept is
// dropped as it comes, so memory is bounded whatever is logged.
type lineCutter struct {
	line func(core.LogLine) error
	text []byte
}

func (w *lineCutter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.keep(p)
			return n, nil
		}
		w.keep(p[:i])
		if err := w.flush(); err != nil {
			return 0, err
		}
		p = p[i+1:]
	}
}

func (w *lineCutter) keep(p []byte) {
	const room = logs.MaxLine + 64 // for the time stamp
	w.text = append(w.text, p[:min(len(p), room-min(room, len(w.text)))]...)
}

func (w *lineCutter) flush() error {
	if len(w.text) == 0 {
		return nil
	}
	l := core.LogLine{Text: strings.TrimRight(string(w.text), "\r")}
	if stamp, rest, ok := strings.Cut(l.Text, " "); ok {
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
			l = core.LogLine{At: at, Text: rest}
		}
	}
	w.text = w.text[:0]
	return w.line(l)
}

// merge shows the lines of all logs in the order of time. Each log is in that
// order already, so one line of each is all that is held.
func (r *logReader) merge(ctx context.Context, show func(logs.Entry) error) error {
	sources, err := r.sources(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	lines, failed := make([]chan logs.Entry, len(sources)), make([]error, len(sources))
	for i, s := range sources {
		lines[i] = make(chan logs.Entry, 16)
		wg.Go(func() {
			defer close(lines[i])
			failed[i] = r.read(ctx, s, false, time.Time{}, sendTo(ctx, lines[i]))
		})
	}
	var next entryHeap
	for i := range lines {
		next.refill(i, lines[i])
	}
	for len(next) > 0 {
		first := heap.Pop(&next).(queued)
		if err := show(first.Entry); err != nil {
			return err
		}
		next.refill(first.source, lines[first.source])
	}
	return r.blame(ctx, sources, failed)
}

// blame notes the logs that could not be read; none at all is an error.
func (r *logReader) blame(ctx context.Context, sources []logSource, failed []error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	unread := 0
	for i, err := range failed {
		if err != nil {
			unread++
			r.note(fmt.Sprintf("the log of %s could not be read: %v", sources[i].service, err))
		}
	}
	if unread == len(sources) {
		return core.Errorf(core.Unreachable, "no log of %s could be read", r.project)
	}
	return nil
}

func sendTo(ctx context.Context, c chan<- logs.Entry) func(logs.Entry) error {
	return func(e logs.Entry) error {
		select {
		case c <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// queued is a line that waits for its turn.
type queued struct {
	logs.Entry
	source  int
	arrived time.Time
}

// entryHeap has the oldest line on top.
type entryHeap []queued

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].At.Before(h[j].At) }
func (h entryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entryHeap) Push(x any)        { *h = append(*h, x.(queued)) }
func (h *entryHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = queued{}
	*h = (*h)[:len(*h)-1]
	return last
}

// refill waits for the next line of a source, if there is one.
func (h *entryHeap) refill(source int, lines <-chan logs.Entry) {
	if e, ok := <-lines; ok {
		heap.Push(h, queued{Entry: e, source: source})
	}
}

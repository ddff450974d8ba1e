package ui

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// journalOf is a log that grows, and that can be read as it does.
type journalOf struct {
	mu    sync.Mutex
	lines []logs.Entry
	grown chan struct{} // closed when there is more
}

// says adds lines, each a nanosecond later than the one before.
func (j *journalOf) says(texts ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, text := range texts {
		at := time.Date(2026, 11, 21, 10, 0, 0, len(j.lines)+1, time.UTC)
		j.lines = append(j.lines, logs.Entry{At: at, Service: core.Auth, Level: logs.Info, Message: text})
	}
	if j.grown != nil {
		close(j.grown)
	}
	j.grown = make(chan struct{})
}

// read is Works.Logs.
func (j *journalOf) read(ctx context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, _ func(string)) error {
	j.mu.Lock()
	from := 0
	if q.After.IsZero() && q.Tail > 0 {
		from = max(0, len(j.lines)-q.Tail)
	}
	j.mu.Unlock()
	for {
		j.mu.Lock()
		more, grown := j.lines[from:], j.grown
		j.mu.Unlock()
		for _, e := range more {
			if from++; !e.At.After(q.After) {
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		if !q.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// TestTailGoesOn follows a log whose stream is cut, and one that a proxy answers for a
// while: no line is lost and none is there twice, also of those from before it was
// followed.
func TestTailGoesOn(t *testing.T) {
	w, s, b := onASlowLine(t)
	j := &journalOf{}
	w.a.Works.Logs = j.read
	j.says("1", "2", "3")
	b.open("/instances/shop/logs")
	b.run(chromedp.WaitVisible("#log li", chromedp.ByQuery))
	j.says("4", "5")
	var want []string
	until := func(last int) {
		for n := len(want) + 1; n <= last; n++ {
			want = append(want, fmt.Sprint(n))
		}
		b.has(fmt.Sprintf(`[...document.querySelectorAll("#log .msg")].at(-1).textContent === "%d"`, last))
		var said []string
		b.eval(`[...document.querySelectorAll("#log .msg")].map((m) => m.textContent)`, &said)
		if strings.Join(said, " ") != strings.Join(want, " ") {
			t.Errorf("it shows %s", said)
		}
	}
	b.run(chromedp.Click("[data-tail]", chromedp.ByQuery))
	until(5)
	for _, how := range []*atomic.Bool{&s.down, &s.ill} {
		b.has(`tail.readyState === EventSource.OPEN`)
		j.says(fmt.Sprint(len(want) + 1))
		until(len(want) + 1)
		how.Store(true)
		s.cut()
		b.run(chromedp.WaitVisible("#unheard", chromedp.ByQuery))
		j.says(fmt.Sprint(len(want)+1), fmt.Sprint(len(want)+2))
		how.Store(false)
		until(len(want) + 2)
		b.run(chromedp.WaitNotVisible("#unheard", chromedp.ByQuery))
	}
	b.run(chromedp.Click("[data-tail]", chromedp.ByQuery), chromedp.WaitVisible("[data-tail][aria-pressed=false]", chromedp.ByQuery))
	j.says(fmt.Sprint(len(want)+1), fmt.Sprint(len(want)+2))
	b.run(chromedp.Click("[data-tail]", chromedp.ByQuery))
	until(len(want) + 2)
	b.quiet("ERR_EMPTY_RESPONSE", "htmx:error", "Failed to fetch", "ERR_INCOMPLETE", "ERR_CONNECTION", "502")
}

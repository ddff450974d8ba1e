package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// line lets so many requests in at once, so many wait for a moment, and sends
// the others away: a server that takes on everything answers nobody.
type line struct {
	inside, waiting, watching chan struct{}
}

func newLine(inside, waiting, watching int) *line {
	return &line{make(chan struct{}, inside), make(chan struct{}, waiting), make(chan struct{}, watching)}
}

// taken returns how many places are taken.
func (l *line) taken() map[string]float64 {
	return map[string]float64{"inside": float64(len(l.inside)), "waiting": float64(len(l.waiting)), "watching": float64(len(l.watching))}
}

// enter waits for a place; the patience began when the request came. Streams
// have places of their own, since they stay.
func (l *line) enter(ctx context.Context, watches bool, w wait) (leave func(), err error) {
	if watches {
		select {
		case l.watching <- struct{}{}:
			return func() { <-l.watching }, nil
		default:
			return nil, &statusError{http.StatusServiceUnavailable, "too many are watching; come back in a moment"}
		}
	}
	if w.ago >= lineTime && w.behind >= few {
		return nil, errCrowded // with a place for it, whoever is behind would wait as long
	}
	leave = func() { <-l.inside }
	select {
	case l.inside <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case l.waiting <- struct{}{}:
		defer func() { <-l.waiting }()
	default:
		return nil, errCrowded
	}
	if err := l.wait(ctx, w); err != nil {
		return nil, err
	}
	return leave, nil
}

// wait waits for a place. Few have more patience than a crowd: it is not they who
// hold each other up.
func (l *line) wait(ctx context.Context, w wait) error {
	end := time.Now().Add(calmTime - w.ago)
	patience := time.NewTimer(lineTime - w.ago)
	defer patience.Stop()
	for {
		select {
		case l.inside <- struct{}{}:
			return nil
		case <-patience.C:
			if len(l.waiting) > few-atOnce || !time.Now().Before(end) {
				return errCrowded
			}
			patience.Reset(lineTime)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// shares bounds how many streams each user has, so that none takes all places.
type shares struct {
	mu   sync.Mutex
	most int // for one; zero is maxShare
	of   map[string]int
}

// take counts one more stream of somebody until leave is called.
func (s *shares) take(who string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := cmp.Or(s.most, maxShare); s.of[who] >= most {
		return nil, &statusError{http.StatusTooManyRequests, fmt.Sprintf("you watch %d streams at once, which is as many as one user may; close some first", most)}
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of[who]++
	return func() { s.leave(who) }, nil
}

func (s *shares) leave(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
}

// errCrowded is counted and not logged: a crowd would fill the log, too.
var errCrowded = &core.Error{Code: core.Unreachable, Message: "too many requests at once", Hint: "try again in a moment"}

package ui

import (
	"context"
	"errors"
	"time"
)

// lookAtEngine is how soon the Docker Engine is looked at again.
const lookAtEngine = 20 * time.Second

// WatchEngine looks again and again whether the Docker Engine answers, so that every
// page can tell without asking it.
func (a *Agent) WatchEngine(ctx context.Context) {
	again := time.NewTicker(lookAtEngine)
	defer again.Stop()
	for {
		_ = a.EngineAnswers(ctx) // the pages tell
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// EngineAnswers returns nil when the Docker Engine answers, and keeps for the pages
// what came of it. Who gave up waiting has learned nothing.
func (a *Agent) EngineAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := a.Engine(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	silence := ""
	if err != nil {
		silence = plain(err)
	}
	a.silence.Store(&silence)
	return err
}

// silent says why the Docker Engine did not answer when it was last looked at; "" when
// it did, or before the first look.
func (a *Agent) silent() string {
	if why := a.silence.Load(); why != nil {
		return *why
	}
	return ""
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// usualListen is where `make run` serves, too.
const usualListen = "127.0.0.1:3080"

// panelTimeout is how long the panel may take to answer.
const panelTimeout = 30 * time.Second

// panel adopts both stacks and serves the panel with them: as long as a person
// at the terminal wants, or else just until it has answered.
func (s *story) panel(ctx context.Context) error {
	s.tell("The panel", "Both stacks are adopted and diagnosed; the panel shows them with the receipts of the repairs above.")
	for _, name := range []string{"lab-a", "lab-b"} {
		if err := s.adopt(ctx, name); err != nil {
			return err
		}
	}
	address, err := freeListen(ctx)
	if err != nil {
		return err
	}
	serve := exec.CommandContext(ctx, filepath.Join(s.source, "bin", "basewright"), "serve", "--data", s.data(), "--listen", address)
	serve.Stdout, serve.Stderr = s.out, s.out
	serve.Cancel = func() error { return serve.Process.Signal(os.Interrupt) }
	serve.WaitDelay = time.Minute
	if err := serve.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	if err := panelAnswers(ctx, "http://"+address); err != nil {
		return errors.Join(err, serve.Process.Signal(os.Interrupt), <-ended)
	}
	s.say("\nThe first start printed the login; `bin/basewright user password admin --data %s` sets another password.", s.data())
	if person() {
		s.say("Open http://%s in a browser. Ctrl-C ends the panel; the stacks run on.", address)
	} else if err := serve.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := <-ended; err != nil && ctx.Err() == nil {
		return fmt.Errorf("the panel ended by itself: %w", err)
	}
	if !person() {
		s.say("Nobody is at the terminal, so the panel was ended again: `bin/basewright serve --data %s` starts it.", s.data())
	}
	return nil
}

// adopt keeps a stack and diagnoses it once, so that there is something to see.
// A person may change it from the panel.
func (s *story) adopt(ctx context.Context, name string) error {
	var kept bytes.Buffer
	if _, err := s.program(ctx, &kept, "instance", "list"); err != nil {
		return err
	}
	if !strings.Contains(kept.String(), "\n"+name+" ") {
		if err := s.basewright(ctx, 0, "instance", "adopt", name); err != nil {
			return err
		}
	}
	if err := s.basewright(ctx, 0, "instance", "mode", name, "control"); err != nil {
		return err
	}
	return s.basewright(ctx, 0, "playbook", "tend", name)
}

// freeListen is the usual address, or another where that is taken.
func freeListen(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", usualListen)
	if err != nil {
		l, err = config.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// panelAnswers waits until the panel is ready and shows its way in.
func panelAnswers(ctx context.Context, address string) error {
	for _, path := range []string{"/readyz", "/login"} {
		if err := poll(ctx, panelTimeout, func(ctx context.Context) (bool, string) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+path, nil)
			if err != nil {
				return false, err.Error()
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return false, err.Error()
			}
			answer.Body.Close()
			return answer.StatusCode == http.StatusOK, path + " answers " + answer.Status
		}); err != nil {
			return err
		}
	}
	return nil
}

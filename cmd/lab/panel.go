package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// usualListen is where `make run` serves, too.
const usualListen = "127.0.0.1:3080"

// panelTimeout is how long the panel may take to answer.
const panelTimeout = 30 * time.Second

// heard is what is printed, kept to read in it the password that is shown once.
type heard struct {
	io.Writer
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Write(p)
	return h.Writer.Write(p)
}

// shownOnce is how the first start and `user password` print one.
var shownOnce = regexp.MustCompile(`(?:as admin with the password|Password \(shown this once\):) (\S+)`)

func (h *heard) password() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := shownOnce.FindSubmatch(h.text.Bytes()); m != nil {
		return string(m[1])
	}
	return ""
}

// panel serves the panel with both stacks: as long as a person at the terminal
// wants, or else just until it has shown what the story told.
func (s *story) panel(ctx context.Context) error {
	s.tell("The panel", "Both stacks, what was wrong with them, what is, and the receipts of the repairs above.")
	out := &heard{Writer: s.out}
	if err := s.newPassword(ctx, out); err != nil {
		return err
	}
	address, err := freeListen(ctx)
	if err != nil {
		return err
	}
	serve := exec.CommandContext(ctx, filepath.Join(s.source, "bin", "basewright"), "serve", "--data", s.data(), "--listen", address)
	serve.Stdout, serve.Stderr = out, out
	serve.Cancel = func() error { return serve.Process.Signal(os.Interrupt) }
	serve.WaitDelay = time.Minute
	if err := serve.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	if err := panelTells(ctx, "http://"+address, out); err != nil {
		return errors.Join(err, serve.Process.Signal(os.Interrupt), <-ended)
	}
	way := fmt.Sprintf("http://%s in a browser, as admin with the password %s", address, out.password())
	if person() {
		s.say("\nOpen %s. Ctrl-C ends the panel; the stacks run on.", way)
	} else if err := serve.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := <-ended; err != nil && ctx.Err() == nil {
		return fmt.Errorf("the panel ended by itself: %w", err)
	}
	if !person() {
		s.say("\nNobody is at the terminal, so the panel was ended again: `bin/basewright serve --data %s --listen %s` starts it.\nOpen %s.", s.data(), address, way)
	}
	return nil
}

// newPassword gives the user of an earlier demo another password: that of the first
// start was printed then, and is kept nowhere.
func (s *story) newPassword(ctx context.Context, out io.Writer) error {
	var users bytes.Buffer
	if _, err := s.program(ctx, &users, "user", "list"); err != nil || !strings.Contains(users.String(), "\nadmin ") {
		return err
	}
	_, err := s.program(ctx, out, "user", "password", "admin")
	return err
}

// told is what the pages must show of the story.
var told = map[string][]string{
	"/":                        {"lab-a", "lab-b", "AUTH-10"},
	"/instances/lab-a/history": {"PG-01"},
	"/instances/lab-a/changes": {"Give the database roles the password in .env", "Restart auth and hope"},
	"/instances/lab-b":         {"AUTH-10", "align-urls"},
}

// panelTells waits until the panel is ready, logs in by the password that was
// printed, and wants the pages to show the story.
func panelTells(ctx context.Context, address string, out *heard) error {
	if err := panelAnswers(ctx, address); err != nil {
		return err
	}
	if err := poll(ctx, panelTimeout, func(context.Context) (bool, string) { return out.password() != "", "no password is printed" }); err != nil {
		return err
	}
	login, err := json.Marshal(map[string]string{"username": "admin", "password": out.password()})
	if err != nil {
		return err
	}
	answer, err := fetch(ctx, http.MethodPost, address+"/api/login", "", login)
	if err != nil {
		return err
	}
	var in struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return fmt.Errorf("read the login: %w", err)
	}
	for path, words := range told {
		page, err := fetch(ctx, http.MethodGet, address+path, in.Token, nil)
		if err != nil {
			return err
		}
		for _, word := range words {
			if !bytes.Contains(page, []byte(word)) {
				return fmt.Errorf("the panel does not show %q at %s", word, path)
			}
		}
	}
	return nil
}

// fetch returns the body of an answer that is 200.
func fetch(ctx context.Context, method, address, token string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s answers %s", method, r.URL.Path, answer.Status)
	}
	return io.ReadAll(answer.Body)
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
			_, err := fetch(ctx, http.MethodGet, address+path, "", nil)
			return err == nil, fmt.Sprint(err)
		}); err != nil {
			return err
		}
	}
	return nil
}

package repairs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

// self is the binary that runs now, also after its file was replaced.
const self = "/proc/self/exe"

// childEnv is all the environment of a child.
var childEnv = []string{"GOMAXPROCS=1", "GOMEMLIMIT=128MiB", "GOTRACEBACK=none", "MALLOC_ARENA_MAX=1", "GORACE=atexit_sleep_ms=0"}

// children bounds how many run at once, so that a crowd of plans does not push
// each other over the deadline.
var children = make(chan struct{}, max(2, runtime.NumCPU()))

// ask has a child answer req. An error is what is wrong with the playbook as a
// whole: it was killed, or the child could not be started.
func ask(ctx context.Context, req request) (reply, error) {
	out, err := runChild(ctx, childArg, func(until time.Time) ([]byte, error) {
		req.Until = until
		in, err := json.Marshal(req)
		if err != nil {
			return nil, fmt.Errorf("facts for playbook: %w", err)
		}
		if len(in) > maxRequest {
			return nil, core.Errorf(core.Invalid, "the facts take more than %d MiB", maxRequest>>20)
		}
		return in, nil
	})
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("answer of the playbook process: %w", err)
	}
	if len(req.Runs) > 0 && len(r.Runs) != len(req.Runs) || len(req.Runs) == 0 && len(r.Books) != len(req.Books) {
		return r, errors.New("the playbook process answered something else")
	}
	return r, nil
}

// runChild starts the child with the argument arg, gives it what input makes
// for its deadline, and returns what it wrote.
func runChild(ctx context.Context, arg string, input func(until time.Time) ([]byte, error)) ([]byte, error) {
	select {
	case children <- struct{}{}:
		defer func() { <-children }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// The kernel kills the child when the thread that started it ends; hold it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	bounded, cancel := context.WithTimeoutCause(ctx, maxTime, errTime)
	defer cancel()
	in, err := input(time.Now().Add(maxTime))
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	var stdout, stderr capped
	for _, how := range isolations() {
		stdout, stderr = capped{max: maxReply}, capped{max: 8 << 10}
		cmd = command(bounded, arg, in, how)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err = cmd.Start(); !forbidden(err) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start playbook process: %w", err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return stdout.Bytes(), verdict(bounded, err, stdout.full, stderr.String())
}

func command(ctx context.Context, arg string, in []byte, how *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.CommandContext(ctx, self, arg)
	cmd.Env = childEnv
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(in)
	cmd.SysProcAttr = how
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = 500 * time.Millisecond
	return cmd
}

// forbidden reports whether the kernel refused the namespaces of a start.
func forbidden(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC, syscall.ENOSYS, syscall.EUSERS, syscall.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// verdict says in one sentence why a child ended without an answer.
func verdict(ctx context.Context, err error, full bool, stderr string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return core.Errorf(core.Invalid, "%v", errTime)
	case full:
		return core.Errorf(core.Invalid, "returns more than %d KiB", maxReply>>10)
	case strings.Contains(stderr, "stack exceeds") || strings.Contains(stderr, "stack overflow"):
		return core.Errorf(core.Invalid, "nests too deeply to be read")
	case strings.Contains(stderr, "out of memory") || strings.Contains(stderr, "cannot allocate memory"):
		return core.Errorf(core.Invalid, "%v", errMemory)
	case strings.Contains(stderr, "this kernel lets"):
		return core.Errorf(core.Forbidden, "%s", strings.TrimSpace(stderr))
	}
	return &core.Error{Code: core.Invalid, Message: "ended its process without an answer", Err: err}
}

// capped keeps the first max bytes that are written to it and refuses more.
type capped struct {
	bytes.Buffer
	max  int
	full bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.max {
		c.full = true
		n, _ := c.Buffer.Write(p[:c.max-c.Len()])
		return n, errors.New("too much output")
	}
	return c.Buffer.Write(p)
}

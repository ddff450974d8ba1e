package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
)

// What is kept of what a command prints.
const (
	maxStdout = 16 << 20
	maxStderr = 64 << 10
)

// Exec implements core.Engine. A command that fails is a core.ExitError; what it
// printed is returned too.
func (e *Engine) Exec(ctx context.Context, s core.Service, c core.Command) (string, error) {
	if len(c.Args) == 0 {
		return "", core.Errorf(core.Invalid, "there is no command to run in %s", s)
	}
	box, err := e.running(ctx, s)
	if err != nil {
		return "", err
	}
	r, err := e.host.exec(ctx, box.ID, c)
	if err != nil {
		return r.stdout, e.host.wrap(ctx, fmt.Sprintf("running %s in %s", c.Args[0], s), err)
	}
	if r.code != 0 {
		ended := &core.ExitError{Status: r.code, Complaint: r.complaint()}
		return r.stdout, &core.Error{Code: core.Internal, Message: fmt.Sprintf("%s in %s", c.Args[0], s), Err: ended}
	}
	return r.stdout, nil
}

// execResult is how a command in a container ended.
type execResult struct {
	stdout, stderr string
	code           int
}

// complaint returns the last line of stderr, or of stdout, where the engine
// says that a command could not be started.
func (r execResult) complaint() string {
	said := strings.TrimSpace(r.stderr)
	if said == "" && (r.code == 126 || r.code == 127) {
		said = strings.TrimSpace(r.stdout)
	}
	return clean([]byte(said[strings.LastIndexByte(said, '\n')+1:]), 500)
}

// exec runs a command in a container to its end.
func (h *Host) exec(ctx context.Context, id string, c core.Command) (execResult, error) {
	made, err := h.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: c.User, Env: c.Env, Cmd: c.Args, AttachStdin: c.Stdin != nil, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return execResult{}, err
	}
	pipe, err := h.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return execResult{}, err
	}
	defer pipe.Close()
	stop := context.AfterFunc(ctx, pipe.Close)
	defer stop()
	r, err := h.converse(pipe, c.Stdin)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		return r, err
	}
	r.code, err = h.exitCode(ctx, made.ID)
	return r, err
}

// converse feeds a command and gathers what it prints.
func (h *Host) converse(pipe types.HijackedResponse, stdin []byte) (execResult, error) {
	if stdin != nil {
		go func() {
			// A command that ends without reading it all is no error here.
			_, _ = pipe.Conn.Write(stdin)
			_ = pipe.CloseWrite()
		}()
	}
	out, errs := &bounded{max: maxStdout}, &bounded{max: maxStderr, last: true}
	_, err := stdcopy.StdCopy(out, errs, pipe.Reader)
	r := execResult{stdout: out.buf.String(), stderr: errs.buf.String()}
	if err == nil && out.over {
		err = core.Errorf(core.Invalid, "the command printed more than %d MiB", maxStdout>>20)
	}
	return r, err
}

// exitCode returns how a command ended. The engine closes the stream a moment
// before it knows.
func (h *Host) exitCode(ctx context.Context, id string) (int, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		is, err := h.api.ContainerExecInspect(ctx, id)
		if err != nil {
			return 0, err
		}
		if !is.Running {
			return is.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(min(wait, 100*time.Millisecond)):
		}
	}
}

// bounded keeps at most max bytes of what is written: the first, or the last.
type bounded struct {
	buf  bytes.Buffer
	max  int
	last bool
	over bool
}

var _ io.Writer = (*bounded)(nil)

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if b.last {
		p = p[max(0, len(p)-b.max):]
		b.buf.Next(max(0, b.buf.Len()+len(p)-b.max))
	} else if room := b.max - b.buf.Len(); len(p) > room {
		b.over, p = true, p[:room]
	}
	b.buf.Write(p)
	return n, nil
}

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/basewright/basewright/core"
)

var _ core.Streamer = (*Engine)(nil)

// Stream implements core.Streamer.
func (e *Engine) Stream(ctx context.Context, s core.Service, c core.Command, in io.Reader, out io.Writer) error {
	box, err := e.running(ctx, s)
	if err != nil {
		return err
	}
	return e.host.stream(ctx, box.ID, string(s), c, in, out)
}

// stream runs a command in a container, between in and out. Whichever side
// breaks first, the other ends with it, and the first cause is the error.
func (h *Host) stream(ctx context.Context, id, where string, c core.Command, in io.Reader, out io.Writer) error {
	if len(c.Args) == 0 {
		return core.Errorf(core.Invalid, "there is no command to run in %s", where)
	}
	doing := fmt.Sprintf("running %s in %s", c.Args[0], where)
	made, err := h.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: c.User, Env: c.Env, Cmd: c.Args, AttachStdin: in != nil, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return h.wrap(ctx, doing, err)
	}
	pipe, err := h.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return h.wrap(ctx, doing, err)
	}
	defer pipe.Close()
	stop := context.AfterFunc(ctx, pipe.Close)
	defer stop()
	var fed chan error
	if in != nil {
		fed = make(chan error, 1)
		go func() {
			source := &sourced{r: in}
			// A command that ends without reading it all is judged by its exit status.
			_, _ = io.Copy(pipe.Conn, source)
			if source.err != nil {
				pipe.Close() // what it read so far must not pass for the whole
			} else {
				_ = pipe.CloseWrite()
			}
			fed <- source.err
		}()
	}
	sink, errs := &sunk{w: out}, &bounded{max: maxStderr, last: true}
	_, err = stdcopy.StdCopy(sink, errs, pipe.Reader)
	if fed != nil && err != nil {
		pipe.Close()
		if cause := <-fed; cause != nil {
			return fmt.Errorf("%s: read what goes in: %w", doing, cause)
		}
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case sink.err != nil:
		return fmt.Errorf("%s: write what comes out: %w", doing, sink.err)
	case err != nil:
		return h.wrap(ctx, doing, err)
	}
	return h.streamEnd(ctx, made.ID, where, c, execResult{stderr: errs.buf.String()})
}

// streamEnd judges how the command ended.
func (h *Host) streamEnd(ctx context.Context, exec, where string, c core.Command, r execResult) (err error) {
	if r.code, err = h.exitCode(ctx, exec); err != nil {
		return h.wrap(ctx, fmt.Sprintf("running %s in %s", c.Args[0], where), err)
	}
	if r.code != 0 {
		return core.Errorf(core.Internal, "%s in %s: exit status %d: %s", c.Args[0], where, r.code, r.complaint())
	}
	return nil
}

// sourced remembers why reading failed, which io.Copy does not tell apart from
// a failure to write.
type sourced struct {
	r   io.Reader
	err error
}

func (s *sourced) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// sunk remembers why writing failed.
type sunk struct {
	w   io.Writer
	err error
}

func (s *sunk) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

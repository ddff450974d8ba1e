package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/basewright/basewright/core"
)

// noEngine says in one sentence why the engine could not be spoken to at all.
func (h *Host) noEngine(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	at := h.end.host
	switch {
	case denied(err):
		return &core.Error{Code: core.Unreachable, Message: "permission denied on the Docker socket " + at,
			Hint: "run as root or as a member of the group docker", Err: err}
	case strings.HasPrefix(at, "ssh://"):
		return &core.Error{Code: core.Unreachable, Message: "no Docker Engine answers at " + at,
			Hint: "`ssh` to that host must work without a prompt and `docker` must be installed there", Err: err}
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: ") || strings.Contains(err.Error(), "HTTPS"):
		return &core.Error{Code: core.Unreachable, Message: "the Docker Engine at " + at + " refuses the TLS connection",
			Hint: "check DOCKER_TLS_VERIFY and the certificates in DOCKER_CERT_PATH", Err: err}
	case silent(err):
		return &core.Error{Code: core.Unreachable, Message: "the Docker Engine at " + at + " accepts connections but does not answer",
			Hint: "look at its log, and restart it", Err: err}
	}
	return &core.Error{Code: core.Unreachable, Message: "no Docker Engine answers at " + at,
		Hint: "install or start Docker Engine, or name another with --docker-host", Err: err}
}

func denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "permission denied while trying to connect")
}

// wrap adds what was being done to an error of the engine. An engine that went
// away is Unreachable, a thing that does not exist NotFound, a thing that is in
// the way Conflict; an error that is one of core's stays as it is.
func (h *Host) wrap(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	if s, ok := errors.AsType[silence](err); ok {
		return &core.Error{Code: core.Unreachable,
			Message: fmt.Sprintf("the Docker Engine at %s did not answer within %s while %s", h.end.host, s.limit(), doing), Err: err}
	}
	if gone(err) {
		return &core.Error{Code: core.Unreachable,
			Message: fmt.Sprintf("the Docker Engine at %s stopped answering while %s", h.end.host, doing), Err: err}
	}
	code := core.Internal
	switch {
	case errdefs.IsNotFound(err):
		code = core.NotFound
	case errdefs.IsConflict(err), strings.Contains(err.Error(), "port is already allocated"),
		strings.Contains(err.Error(), "address already in use"), strings.Contains(err.Error(), "is already in use by container"):
		code = core.Conflict
	case errdefs.IsInvalidArgument(err):
		code = core.Invalid
	}
	return &core.Error{Code: code, Message: doing, Err: err}
}

// gone reports whether err means that the engine hung up or is not there.
func gone(err error) bool {
	return client.IsErrConnectionFailed(err) || denied(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNREFUSED)
}

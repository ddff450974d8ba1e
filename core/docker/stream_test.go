package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// endless gives bytes for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// broken gives some bytes and then fails.
type broken struct{ n int }

func (b *broken) Read(p []byte) (int, error) {
	if b.n--; b.n < 0 {
		return 0, errors.New("the disk has a bad block")
	}
	return len(p), nil
}

// full takes some bytes and then is full.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestStream(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	cat := core.Command{Args: coretest.CatCommand}

	in, out := sha256.New(), sha256.New()
	data := io.TeeReader(io.LimitReader(endless{}, 64<<20), in)
	if err := e.Stream(t.Context(), core.Auth, cat, data, out); err != nil || !bytes.Equal(in.Sum(nil), out.Sum(nil)) {
		t.Errorf("64 MiB through a container came out different, %v", err)
	}
	err := e.Stream(t.Context(), core.Auth, core.Command{Args: coretest.FailCommand}, nil, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("a command that fails: %v", err)
	}
	if err := e.Stream(t.Context(), core.Auth, cat, &broken{n: 10}, io.Discard); err == nil || !strings.Contains(err.Error(), "bad block") {
		t.Errorf("an input that breaks: %v", err)
	}
	if err := e.Stream(t.Context(), core.Auth, cat, endless{}, &full{n: 1 << 20}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("an output that is full: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Stream(ctx, core.Auth, cat, endless{}, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled one: %v", err)
	}
	if err := e.Stream(t.Context(), core.Studio, cat, nil, io.Discard); core.CodeOf(err) != core.NotFound {
		t.Errorf("a service that is not there: %v", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/client"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

const (
	defaultPrefix = "basewright-lab"

	// label marks everything that the lab makes on an engine but images, whose
	// labels containers inherit: a person's own container of one is not the lab's.
	label = "io.basewright.lab"
	// labelInputs marks an image of the lab; it is the hash of what it was built from.
	labelInputs = "io.basewright.lab.inputs"
)

// errNoEngine says that no engine answers and the lab cannot start one.
var errNoEngine = errors.New("there is no Docker Engine to use")

// lab is the laboratory on this machine: a folder and an engine.
type lab struct {
	dir    string // its folder, absolute: stacks, the log of its own daemon
	source string // the module's root, where the stand-ins are built from
	prefix string
	out    io.Writer

	overlay string // of stacks that are rendered for the first time

	host    *docker.Host
	started bool // by this process: a daemon that ends with it
}

// data is the folder of Basewright's own state in the demo.
func (l *lab) data() string { return filepath.Join(l.dir, "data") }

// place finds the lab's folder: the one given, else .lab at the module's root,
// else .lab here.
func (l *lab) place() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	l.source = moduleRoot(wd)
	if l.dir == "" {
		l.dir = filepath.Join(l.source, ".lab")
	}
	l.dir, err = filepath.Abs(l.dir)
	return err
}

// moduleRoot walks up from dir to the folder with this module's go.mod.
func moduleRoot(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	for d := dir; ; d = filepath.Dir(d) {
		data, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module github.com/basewright/basewright\n") {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// engine connects to the Docker Engine, once.
func (l *lab) engine(ctx context.Context) (*docker.Host, error) {
	if l.host != nil {
		return l.host, nil
	}
	h, err := docker.Connect(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("%w: %s; lab engine up installs or starts one", errNoEngine, reason(err))
	}
	l.host = h
	return h, nil
}

// reason is the sentence for people in an error, without its cause.
func reason(err error) string {
	if e, ok := errors.AsType[*core.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// api is the engine's own interface.
func (l *lab) api(ctx context.Context) (*client.Client, error) {
	h, err := l.engine(ctx)
	if err != nil {
		return nil, err
	}
	return h.Client(), nil
}

func (l *lab) close() {
	if l.host != nil {
		l.host.Close()
	}
}

func (l *lab) say(format string, args ...any) { fmt.Fprintf(l.out, format+"\n", args...) }

// poll asks check until it says yes, and returns the last reason it gave when
// the time is over.
func poll(ctx context.Context, timeout time.Duration, check func(context.Context) (done bool, why string)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		done, why := check(ctx)
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain: %s", timeout, why)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

package coretest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

// Observe implements core.Inspector.
func (e *Engine) Observe(ctx context.Context) (*core.Observation, error) {
	if err := e.fails(ctx, "observe", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	o := &core.Observation{Instance: e.Instance, At: time.Now(), Compose: e.Compose, Host: e.Host, Gaps: slices.Clone(e.Gaps)}
	for _, c := range e.Containers {
		c.Env, c.Labels, c.Logs = maps.Clone(c.Env), maps.Clone(c.Labels), slices.Clone(c.Logs)
		o.Containers = append(o.Containers, c)
	}
	o.Env.Path = path.Join(e.Instance.Dir, ".env")
	file, ok := e.Files[".env"]
	if !ok {
		o.Env.Err = missing(".env")
		return o, nil
	}
	o.Env.Mode = file.Mode
	parse := e.ParseEnv
	if parse == nil {
		parse = plainEnv
	}
	o.Env.Vars, o.Env.Err = parse(file.Data)
	return o, nil
}

func plainEnv(data []byte) ([]core.EnvVar, error) {
	var vars []core.EnvVar
	for i, line := range strings.Split(string(data), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(key, "#") {
			vars = append(vars, core.EnvVar{Key: key, Value: core.Secret(value), Line: i + 1})
		}
	}
	return vars, nil
}

// Dial implements core.Inspector.
func (e *Engine) Dial(ctx context.Context, a core.Address) (net.Conn, error) {
	if err := e.fails(ctx, "dial", fmt.Sprintf("%s:%d", a.Service, a.Port)); err != nil {
		return nil, err
	}
	if err := e.running(a.Service); err != nil {
		return nil, err
	}
	e.mu.Lock()
	serve := e.Ports[a]
	e.mu.Unlock()
	if serve == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	go serve(there)
	return here, nil
}

// HTTP returns what answers a connection with h.
func HTTP(h http.Handler) func(net.Conn) {
	return func(c net.Conn) {
		l := &oneConn{conn: c, done: make(chan struct{})}
		s := &http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				l.Close()
			}
		}}
		_ = s.Serve(l) // ends when the connection does
	}
}

// oneConn is a listener for one connection.
type oneConn struct {
	conn  net.Conn
	given sync.Once
	close sync.Once
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	var c net.Conn
	l.given.Do(func() { c = l.conn })
	if c != nil {
		return c, nil
	}
	<-l.done
	return nil, io.EOF
}

func (l *oneConn) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// Login implements core.Inspector.
func (e *Engine) Login(ctx context.Context, l core.Login) error {
	if err := e.fails(ctx, "login", l.Role); err != nil {
		return err
	}
	if err := e.running(core.DB); err != nil {
		return err
	}
	if e.LogIn == nil {
		return nil
	}
	return e.LogIn(l)
}

// Query implements core.Inspector.
func (e *Engine) Query(ctx context.Context, database, sql string) ([][]string, error) {
	if err := e.fails(ctx, "query", database); err != nil {
		return nil, err
	}
	if err := e.running(core.DB); err != nil {
		return nil, err
	}
	answer := e.Databases[database]
	if answer == nil {
		return nil, &core.SQLError{State: "3D000", Message: fmt.Sprintf("database %q does not exist", database)}
	}
	return answer(sql)
}

// ReadFile implements core.Inspector.
func (e *Engine) ReadFile(ctx context.Context, name string) (core.File, error) {
	if err := e.fails(ctx, "read", name); err != nil {
		return core.File{}, err
	}
	if err := inside(name); err != nil {
		return core.File{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f, ok := e.Files[path.Clean(name)]
	if !ok {
		return core.File{Name: name, Absent: true}, missing(name)
	}
	f.Name, f.Data = name, slices.Clone(f.Data)
	return f, nil
}

// WriteFile implements core.Engine.
func (e *Engine) WriteFile(ctx context.Context, f core.File) error {
	if err := inside(f.Name); err != nil {
		return err
	}
	return e.change(ctx, "write", f.Name, func() error {
		name := path.Clean(f.Name)
		if f.Absent {
			delete(e.Files, name)
			return nil
		}
		if e.Files == nil {
			e.Files = map[string]core.File{}
		}
		f.Data, f.Mode = slices.Clone(f.Data), f.Mode.Perm()
		e.Files[name] = f
		return nil
	})
}

func inside(name string) error {
	if !filepath.IsLocal(name) || path.Clean(name) == "." {
		return core.Errorf(core.Invalid, "%q is not a file inside the instance folder", name)
	}
	return nil
}

func missing(name string) error { return fmt.Errorf("read %s: %w", name, fs.ErrNotExist) }

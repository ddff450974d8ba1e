package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui"
)

type serveFlags struct {
	listen  string
	grace   time.Duration
	trusted []string
	verbose bool
	show    bool
	sso     ssoFlags
}

func serveCommand(g *global) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API and run the schedules",
		Long: `Serves the API on one address, runs schedules, and first puts back what an agent
that was killed left half done. The first start prints the password of the user
admin, once. It also starts when no Docker Engine answers, or when its own state
cannot be opened; /readyz then says what is missing. A socket that systemd hands
over takes the place of --listen.

On Ctrl-C or SIGTERM it takes no more requests and waits for changes under way;
after --grace these are put back.`,
		Example: "  basewright serve --data ./data\n  basewright serve --listen 127.0.0.1:3080 --trusted-proxy 127.0.0.1",
		Args:    exactly(0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), g, f) },
	}
	cmd.Flags().StringVar(&f.listen, "listen", usualListen, "address and port; what is not of this machine needs a proxy with TLS before it")
	cmd.Flags().DurationVar(&f.grace, "grace", usualGrace, "how long changes under way may take to end")
	cmd.Flags().StringArrayVar(&f.trusted, "trusted-proxy", nil, "address or network of a proxy whose X-Forwarded-For and -Proto count")
	f.sso.define(cmd)
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "log every request")
	cmd.Flags().BoolVar(&f.show, "show-settings", false, "print the settings as they hold and where each comes from, and serve nothing")
	return cmd
}

// What holds without flags.
const (
	usualListen = "127.0.0.1:3080"
	usualGrace  = 30 * time.Second
)

// reopen is how soon a state that could not be opened is tried again.
const reopen = 5 * time.Second

func serve(ctx context.Context, g *global, f serveFlags) error {
	bounded()
	log := newLog(g, f.verbose)
	if _, err := f.sso.issuer(); err != nil {
		return err
	}
	if f.show {
		return printEffective(g, f)
	}
	listener, err := listen(f.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	release, err := onlyAgent(g.data())
	if err != nil {
		return err
	}
	defer release()
	var handler atomic.Pointer[http.Handler]
	set := func(h http.Handler) { handler.Store(&h) }
	set(ui.Broken(core.Errorf(core.Unreachable, "Basewright is starting")))
	server := ui.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }))
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ui.Receiving(listener)) }()
	fmt.Fprintf(g.out, "Basewright answers at http://%s\n", listener.Addr())
	opened := make(chan *agent, 1)
	go openAgent(ctx, g, f, log, set, opened)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	notify("STOPPING=1")
	return errors.Join(err, shutDown(server, opened, f.grace, log))
}

// openAgent opens the state, again and again until it can be opened; meanwhile
// whoever asks is told why not. To the service manager that is ready, too: ended
// and started again, this process could open it no better.
func openAgent(ctx context.Context, g *global, f serveFlags, log *slog.Logger, set func(http.Handler), opened chan<- *agent) {
	defer close(opened)
	ready := sync.OnceFunc(func() { notify("READY=1") })
	for said := ""; ; {
		a, err := newAgent(g, log)
		if err == nil {
			a.Effective = effective(g, f)
			a.SingleSignOn, _ = f.sso.issuer() // checked at the start
			var h http.Handler
			if h, err = a.Handler(f.trusted); err == nil {
				err = a.start(ctx)
			}
			if err == nil {
				set(h)
				ready()
				opened <- a
				return
			}
			a.close(0)
		}
		if err.Error() != said {
			said = err.Error()
			log.Error("the state cannot be used; trying again until it can", "error", err)
		}
		set(ui.Broken(err))
		ready()
		select {
		case <-ctx.Done():
			return
		case <-time.After(reopen):
		}
	}
}

// shutDown ends streams, drills and requests, then waits for changes.
func shutDown(server *http.Server, opened <-chan *agent, grace time.Duration, log *slog.Logger) error {
	a := <-opened // nil when it was never opened
	if a != nil {
		a.Hub.Close()
		if !a.StopDrills(grace) {
			log.Warn("a restore drill did not end in time; the next start removes its throwaway database")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // somebody still reads a stream
	}
	if a != nil && !a.close(grace) {
		log.Warn("a change did not end in time; it is in the journal, and the next start puts it back")
	}
	return nil
}

// listen opens the address, which may also be handed over by systemd.
func listen(address string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == fmt.Sprint(os.Getpid()) && os.Getenv("LISTEN_FDS") != "" {
		file := os.NewFile(3, "systemd's socket")
		defer file.Close()
		return net.FileListener(file)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &core.Error{Code: core.Conflict, Message: address + " is taken by another program", Hint: "stop it, or choose another with --listen"}
	}
	if err != nil {
		return nil, core.Errorf(core.Invalid, "--listen %s cannot be used: %v", address, err)
	}
	return l, nil
}

// onlyAgent takes the data folder for this agent; a second one would run every
// schedule twice. The kernel lets go when the agent dies.
func onlyAgent(data string) (release func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, &core.Error{Code: core.Unreachable, Message: "the data folder " + data + " cannot be made", Hint: "name another with --data", Err: err}
	}
	f, err := os.OpenFile(filepath.Join(data, "serve.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		dir, dirErr := os.Open(data) // a disk that is full or read-only can still be held
		if dirErr != nil {
			return nil, &core.Error{Code: core.Unreachable, Message: "the data folder " + data + " cannot be used", Err: err}
		}
		f = dir
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, core.Errorf(core.Conflict, "another Basewright already serves the data folder %s", data)
	}
	return func() { f.Close() }, nil
}

// newLog logs to stderr: to a terminal as text, elsewhere as JSON.
func newLog(g *global, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	if g.tty {
		return slog.New(slog.NewTextHandler(g.err, opts))
	}
	return slog.New(slog.NewJSONHandler(g.err, opts))
}

// notify tells systemd, when it started us, how far we are.
func notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	c, err := net.Dial("unixgram", name)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}

// Command labservice is one static binary that stands in for the Supabase services of a lab instance: it answers on
// the same ports, reads the same environment, logs in to PostgreSQL for real and fails with the same words.
//
// Which service it is follows from the name it is called by (argv[0], as busybox does) or from its first argument.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// proc is what a service sees of the world around it.
type proc struct {
	args   []string
	env    env
	stdout io.Writer
	stderr io.Writer
}

// env is a process environment; a missing key and an empty value are different things, as they are to the originals.
type env map[string]string

// or returns the value of key, or def when it is missing or empty.
func (e env) or(key, def string) string {
	if v := e[key]; v != "" {
		return v
	}
	return def
}

// command runs a service or a tool until ctx ends and returns its exit code.
type command func(ctx context.Context, p proc) int

var services = map[string]command{
	"gotrue":        runGotrue,
	"auth":          runGotrue,
	"postgrest":     runPostgrest,
	"kong":          runKong,
	"realtime":      runRealtime,
	"storage":       runStorage,
	"imgproxy":      runImgproxy,
	"studio":        runStudio,
	"edge-runtime":  runEdge,
	"supavisor":     runSupavisor,
	"logflare":      runLogflare,
	"vector":        runVector,
	"meta":          runMeta,
	"postgres-meta": runMeta,
	"analytics":     runLogflare,
	"functions":     runEdge,
	"rest":          runPostgrest,
	"pooler":        runSupavisor,
	// The script that fills kong.yml in and starts Kong: runKong does both.
	"kong-entrypoint.sh": runKong,
}

var tools = map[string]command{
	"wget":     runWget,
	"curl":     runCurl,
	"node":     runNode,
	"tcpcheck": runTCPCheck,
}

// pick finds the command that args name: argv[0] first, then the first argument.
func pick(args []string) (command, []string, bool) {
	for i := range min(2, len(args)) {
		name := strings.TrimPrefix(filepath.Base(args[i]), "supabase-")
		for _, set := range []map[string]command{services, tools} {
			if c, ok := set[name]; ok {
				return c, args[i+1:], true
			}
		}
	}
	return nil, nil, false
}

func environ() env {
	e := env{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		e[k] = v
	}
	return e
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "usage: labservice SERVICE|TOOL [arguments]\nservices: %s\ntools: %s\n",
		strings.Join(slices.Sorted(maps.Keys(services)), " "), strings.Join(slices.Sorted(maps.Keys(tools)), " "))
}

func main() {
	run, args, ok := pick(os.Args)
	if !ok {
		usage(os.Stderr)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	defer stop()
	os.Exit(run(ctx, proc{args: args, env: environ(), stdout: os.Stdout, stderr: os.Stderr}))
}

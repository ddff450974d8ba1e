// Command basewright diagnoses, repairs and keeps self-hosted Supabase stacks.
// This package knows every room and decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

// Exit codes of every command that looks at something.
const (
	exitOK      = 0
	exitFound   = 1 // something at or above --fail-on was found, or a change did not come to stay
	exitNoSight = 2 // could not look or start: usage, no Docker, no such instance
)

// exit ends the program with a code; err, when there is one, is printed first.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

func main() {
	logrus.SetOutput(io.Discard) // libraries log what we report as findings, or what helps nobody
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], thisConsole())
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, c console) int {
	root := command(&c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
	default:
		e = exit{exitNoSight, err}
	}
	if e.err != nil {
		fmt.Fprintln(c.err, "basewright: "+printable(e.err.Error()))
	}
	return e.code
}

// flags that every command has.
type global struct {
	*console
	dockerHost  string
	dataDir     string
	databaseURL string
}

func command(c *console) *cobra.Command {
	g := &global{console: c}
	root := &cobra.Command{
		Use:   "basewright",
		Short: "Create, diagnose and repair self-hosted Supabase stacks",
		Long: `Basewright diagnoses every Supabase stack on a Docker Engine down to one cause with
proof, and repairs it with playbooks that are planned, backed up, verified, and
rolled back when they did not help.`,
		Example: `  basewright doctor                                  look at every stack of this host
  basewright explain PG-01                           what a finding means
  basewright repair shop align-database-passwords --plan`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.PersistentFlags().StringVar(&g.dockerHost, "docker-host", "", "Docker Engine to use (default: DOCKER_HOST, or the current Docker context)")
	root.PersistentFlags().StringVar(&g.dataDir, "data", "", "folder of Basewright's own state (default: BASEWRIGHT_DATA, or "+defaultDataDir()+")")
	root.PersistentFlags().StringVar(&g.databaseURL, "database", "", "PostgreSQL database for the state, as postgres://user@host/name (default: BASEWRIGHT_DATABASE, which shows no password to other users, or a file in the folder of --data)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return core.Errorf(core.Invalid, "%v; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(doctorCommand(g), lintCommand(g), logsCommand(g), explainCommand(g), checkCommand(g), playbookCommand(g), repairCommand(g), changeCommand(g), snapshotCommand(g), auditCommand(g),
		instanceCommand(g), configCommand(g), serveCommand(g), scheduleCommand(g), historyCommand(g), reportCommand(g), userCommand(g), tokenCommand(g), stateCommand(g))
	root.AddCommand(quarantineCommand(g), rotateCommand(g), maintenanceCommand(g))
	exampleOfEach(root)
	return root
}

// exampleOfEach gives a command that only holds others the first example of each.
func exampleOfEach(root *cobra.Command) {
	for _, group := range root.Commands() {
		var lines []string
		for _, c := range group.Commands() {
			first, _, _ := strings.Cut(c.Example, "\n")
			lines = append(lines, first)
		}
		if group.Example == "" {
			group.Example = strings.Join(lines, "\n")
		}
	}
}

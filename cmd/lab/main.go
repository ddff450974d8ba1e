// Command lab makes a laboratory of real parts on this machine: it installs and
// starts a Docker Engine where there is none, builds images without a registry,
// brings Supabase stacks up and breaks them on purpose.
//
// Everything that it makes carries the label io.basewright.lab=1, and it
// removes nothing without it.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main that a test can start. It returns the exit code: 0 done, 1 it
// failed, 2 it cannot be done here or was asked wrongly.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	l := &lab{out: stdout}
	defer l.close()
	root := l.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "lab:", err)
	return exitCode(err)
}

func exitCode(err error) int {
	var asked *usageError
	switch {
	case errors.As(err, &asked), errors.Is(err, errNoEngine):
		return 2
	case core.CodeOf(err) == core.Invalid, core.CodeOf(err) == core.NotFound:
		return 2
	}
	return 1
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// command is the tree of subcommands.
func (l *lab) command() *cobra.Command {
	root := &cobra.Command{
		Use: "lab", Short: "Supabase stacks of real parts, to break and to mend",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return l.place() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	f := root.PersistentFlags()
	f.StringVar(&l.dir, "dir", "", "folder of the lab (default .lab beside go.mod)")
	f.StringVar(&l.prefix, "prefix", cmp.Or(os.Getenv("LAB_PREFIX"), defaultPrefix), "prefix of the lab's image names (also LAB_PREFIX)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(l.engineCommand(), l.imagesCommand(), l.upCommand(), l.downCommand(), l.cleanCommand(),
		l.listCommand(), l.signupCommand(), l.faultsCommand(), l.breakCommand(), l.mendCommand())
	root.AddCommand(l.extraCommands()...)
	return root
}

// args makes wrong arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := check(c, a); err != nil {
			return &usageError{fmt.Errorf("%w; see lab %s --help", err, c.Name())}
		}
		return nil
	}
}

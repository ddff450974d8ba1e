package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/repairs"
)

func playbookCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "playbook", Short: "The playbooks that repair, built in and your own"}
	cmd.AddCommand(playbookList(g), playbookShow(g), playbookCheck(g), playbookTest(g), playbookHistory(g), playbookFixture(g), playbookAllowExec(g), playbookForbidExec(g))
	cmd.AddCommand(playbookAllow(g), playbookForbid(g), playbookRecord(g), playbookResume(g), playbookTend(g))
	return cmd
}

// playbooks returns the built-in playbooks and those in the user's folder, which
// win over built-in ones of the same name. One that is not right is left out
// and told on stderr.
func (g *global) playbooks(ctx context.Context) ([]core.Playbook, error) {
	var own fs.FS
	if dir := filepath.Join(g.data(), "playbooks"); isFolder(dir) {
		own = os.DirFS(dir)
	}
	library := repairs.NewLibrary(own)
	library.History = g.history()
	books, problems, err := library.Books(ctx)
	for _, p := range problems {
		fmt.Fprintln(g.err, "basewright: "+printable(p.String()))
	}
	return books, err
}

// history is where good versions of the user's playbooks are kept.
func (g *global) history() *repairs.History {
	return &repairs.History{Dir: filepath.Join(g.data(), "playbooks", ".history")}
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// playbook returns the playbook that name stands for: an ID, or a file.
func (g *global) playbook(ctx context.Context, name string) (core.Playbook, error) {
	if strings.HasSuffix(name, ".lua") {
		own, problems, err := repairs.Load(ctx, oneFile(name), false)
		switch {
		case err != nil:
			return core.Playbook{}, err
		case len(problems) > 0:
			return core.Playbook{}, core.Errorf(core.Invalid, "%s", problems[0])
		case len(own) == 1:
			return own[0], nil
		}
		return core.Playbook{}, core.Errorf(core.NotFound, "there is no file %s", name)
	}
	books, err := g.playbooks(ctx)
	if err != nil {
		return core.Playbook{}, err
	}
	i := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == name })
	if i < 0 {
		return core.Playbook{}, core.Errorf(core.NotFound, "there is no playbook %q; `basewright playbook list` shows them all", name)
	}
	return books[i], nil
}

// oneFile is a file system with just the named file.
func oneFile(name string) fs.FS { return onlyFile{os.DirFS(filepath.Dir(name)), filepath.Base(name)} }

type onlyFile struct {
	fs.FS
	name string
}

// Glob makes fs.Glob see the one file.
func (f onlyFile) Glob(string) ([]string, error) { //nolint:unparam // an fs.GlobFS
	if _, err := fs.Stat(f.FS, f.name); err != nil {
		return nil, nil //nolint:nilerr // a missing file is no match, as in fs.Glob
	}
	return []string{f.name}, nil
}

func playbookList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the playbooks with what they fix", Example: "  basewright playbook list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			books, err := g.playbooks(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return listJSON(g.console, "playbooks", books)
			}
			w := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "PLAYBOOK\tRISK\tFIXES\tTITLE")
			for _, b := range books {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(b.ID), b.Risk, printable(strings.Join(b.Fixes, " ")), printable(b.Title))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func playbookShow(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "show PLAYBOOK", Short: "Show the source of a playbook", Example: "  basewright playbook show align-database-passwords", Args: exactly(1, "one playbook"),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := g.playbook(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for line := range strings.Lines(book.Source) {
				fmt.Fprintln(g.out, printable(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")))
			}
			return nil
		},
	}
}

// readScript reads a playbook's file for check and test.
func readScript(name string) (string, error) {
	src, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", core.Errorf(core.NotFound, "there is no file %s", name)
	case err != nil:
		return "", &core.Error{Code: core.Invalid, Message: "the playbook cannot be read", Err: err}
	}
	return string(src), nil
}

func playbookCheck(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a playbook: syntax, metadata, operations", Example: "  basewright playbook check ./my-repair.lua", Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readScript(args[0])
			if err != nil {
				return err
			}
			problems := repairs.Check(cmd.Context(), filepath.Base(args[0]), src)
			for _, p := range problems {
				fmt.Fprintln(g.out, printable(p.String()))
			}
			if len(problems) > 0 {
				return exit{code: exitFound}
			}
			fmt.Fprintln(g.out, printable(filepath.Base(args[0]))+" is right")
			return nil
		},
	}
}

func playbookTest(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "test FILE", Short: "Run a playbook's examples, offline", Example: "  basewright playbook test ./my-repair.lua", Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readScript(args[0])
			if err != nil {
				return err
			}
			results, err := repairs.Test(cmd.Context(), filepath.Base(args[0]), src)
			if err != nil {
				return exit{exitFound, err}
			}
			failed := 0
			for _, r := range results {
				verdict := "ok"
				if !r.Passed {
					failed++
					verdict = "FAILED: " + r.Message
				}
				fmt.Fprintf(g.out, "example %d  %s\n", r.Number, printable(verdict))
			}
			fmt.Fprintf(g.out, "%d passed, %d failed\n", len(results)-failed, failed)
			if failed > 0 || len(results) == 0 {
				return exit{code: exitFound}
			}
			return nil
		},
	}
}

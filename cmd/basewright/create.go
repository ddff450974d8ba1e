package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
)

type orderFlags struct {
	order        create.Order
	root         string
	passwordFile string
	identity     string // file with the age identity that opens the snapshot
	approval
}

func createCommand(g *global) *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a new instance, and prove with a sign-up that it works",
		Long: `Checks everything first and lists every problem at once; then reserves ports and a
network, draws secrets for this instance alone, writes its folder, brings the stack
up, waits until it is healthy, and diagnoses it with a sign-up. Only then it counts
as made. When that fails nothing is left of it, unless --keep-on-failure is given.

Exit code: 0 planned or made, 1 refused or removed again, 2 could not start.`,
		Example: "  basewright instance create shop --plan\n  basewright instance create shop --url https://shop.example.com --yes",
		Args:    exactly(1, "the name of the new instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			f.order.Name = args[0]
			return createInstance(cmd.Context(), g, f)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *orderFlags) register(cmd *cobra.Command) {
	f.registerOrder(cmd.Flags())
	f.approval.register(cmd)
}

// registerOrder adds the flags that say what the new instance is to be.
func (f *orderFlags) registerOrder(flags *pflag.FlagSet) {
	o := &f.order
	flags.StringVar(&o.ID, "id", "", "its id, which never changes (default: made of NAME)")
	flags.StringVar(&o.Release, "release", "", "release of Supabase (default: the newest that is known)")
	flags.StringVar(&o.URL, "url", "", "address that browsers use (default: http://127.0.0.1 and the gateway's port)")
	flags.StringVar(&o.SiteURL, "site-url", "", "address of the app that users come from (default: the url)")
	flags.StringVar(&o.Bind, "bind", "", "address of this host to publish ports on (default 127.0.0.1)")
	flags.IntVar(&o.Ports.Gateway, "port", 0, "port of the gateway (default: a free one from 8000 on)")
	flags.IntVar(&o.Ports.Session, "session-port", 0, "port of the database pooler, session mode (default: a free one)")
	flags.IntVar(&o.Ports.Transaction, "transaction-port", 0, "port of the database pooler, transaction mode (default: a free one)")
	flags.StringVar(&o.Images, "images", "", "prefix of all images, for a mirror of them")
	flags.IntVar(&o.PG, "postgres", 0, "major version of PostgreSQL: 15 or 17 (default 17)")
	flags.StringVar(&o.Gateway, "gateway", "", "kong or envoy (default kong)")
	flags.BoolVar(&o.Logs, "logs", false, "logs in Studio: Logflare and Vector run beside the other services")
	flags.BoolVar(&o.MemoryLimits, "memory-limits", false, "bound each service's memory, as MEMORY_… in its .env says")
	flags.StringVar(&o.Subnets, "subnets", "", "private range that its network is taken from (default 10.201.0.0/16)")
	flags.StringVar(&o.DashboardUser, "dashboard-user", "", `who may open Studio (default "dashboard")`)
	flags.StringVar(&o.SMTP.Host, "smtp-host", "", "mail server; without one users are confirmed at once")
	flags.IntVar(&o.SMTP.Port, "smtp-port", 0, "port of the mail server (default 587)")
	flags.StringVar(&o.SMTP.User, "smtp-user", "", "user of the mail server")
	flags.StringVar(&o.SMTP.From, "smtp-from", "", "sender of mails")
	flags.StringVar(&f.passwordFile, "smtp-password-file", "", "file with the password of the mail server")
	flags.StringVar(&f.root, "root", "", "folder that instances are made in (default: instances in the data folder)")
	flags.BoolVar(&o.Keep, "keep-on-failure", false, "leave what was made when it fails")
}

func (f *orderFlags) validate() error {
	if err := f.approval.validate(); err != nil || f.passwordFile == "" {
		return err
	}
	file, err := os.Open(f.passwordFile)
	if err != nil {
		return core.Errorf(core.Invalid, "--smtp-password-file: %v", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 4096))
	if err != nil {
		return core.Errorf(core.Invalid, "--smtp-password-file: %v", err)
	}
	f.order.SMTP.Password = core.Secret(strings.TrimRight(string(data), "\r\n"))
	return nil
}

func createInstance(ctx context.Context, g *global, f orderFlags) error {
	w, err := openWorkshop(ctx, g)
	if err != nil {
		return err
	}
	defer w.close()
	transplant, err := w.graft(ctx, &f)
	if err != nil {
		return refused(err)
	}
	place := w.place(w.host, f.root)
	job, plan, err := place.Prepare(ctx, f.order)
	if refusal, ok := errors.AsType[*create.Refusal](err); ok {
		return w.refuse(f, refusal)
	}
	if err != nil {
		return refused(err)
	}
	if ok, err := w.approved(f.approval, plan); !ok {
		return errors.Join(err, place.Abandon(ctx, job))
	}
	how := w.creation(job, actor(), w.books)
	how.Transplant = transplant
	change, err := w.make(ctx, *w.applier, place, job, plan, actor(), how)
	if change == nil {
		return errors.Join(refused(err), place.Abandon(ctx, job))
	}
	if err := w.showMade(f, job, *change); err != nil {
		return err
	}
	if err != nil {
		return exit{exitFound, err}
	}
	return nil
}

// refuse prints every problem of an order, a line each.
func (w *workshop) refuse(f orderFlags, r *create.Refusal) error {
	if f.output == "json" {
		return errors.Join(w.printJSON(f.output, map[string]any{"problems": r.Problems}), exit{code: exitFound})
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w.err, "basewright: %s: %s\n", p.What, printable(p.Text))
	}
	return exit{exitFound, core.Errorf(r.Code, "%s cannot be made; nothing was done", printable(cmp.Or(r.ID, "the instance")))}
}

func (w *workshop) showMade(f orderFlags, job *create.Job, c core.Change) error {
	if f.output == "json" {
		return w.printJSON(f.output, c)
	}
	printReceipt(w.console, c)
	if c.State == core.Committed {
		fmt.Fprintf(w.out, "\n%s is running: %s\n", job.Instance.ID, job.URL())
		fmt.Fprintf(w.out, "  API keys, dashboard login and all other secrets are in %s (mode 0600)\n", filepath.Join(job.Instance.Dir, ".env"))
	}
	return nil
}

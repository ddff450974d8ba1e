package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui/report"
)

// doctorFlags are the flags of doctor, checked before anything is looked at.
type doctorFlags struct {
	all    bool
	mode   string
	output string
	failOn string
	since  bool // compare with how it was when last healthy

	timeout  time.Duration            // of a check that has none of its own
	total    time.Duration            // of a whole diagnosis
	checks   map[string]string        // as given: check=duration
	timeouts map[string]time.Duration // of single checks
}

func doctorCommand(g *global) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [PROJECT…]",
		Short: "Diagnose the Supabase stacks of this Docker Engine",
		Long: `Looks at the named compose projects, or at every Supabase project of the engine,
and says what is wrong, how that is known, and what mends it. It changes nothing,
and needs no server and no set-up. With --mode deep it also signs a user up and
deletes that user again, and asks for a websocket by the stack's own public URL;
no mail is sent.

Exit code: 0 nothing at or above --fail-on was found, 1 something was, 2 could not look.`,
		Example: "  basewright doctor\n  basewright doctor shop --output json | jq .diagnoses[0].root_causes\n  basewright doctor --all --output nagios\n  basewright doctor shop --output html > shop.html",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(f.validate(args), f.limits(g.checkers())); err != nil {
				return nagiosUnknown(g, f, err)
			}
			return doctor(cmd.Context(), g, f, args)
		},
	}
	cmd.Flags().BoolVar(&f.all, "all", false, "every Supabase project of the engine (the default without names)")
	cmd.Flags().StringVar(&f.mode, "mode", "full", "how deep to look: quick, full or deep")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text, json, nagios, or html: one file to send to a colleague")
	cmd.Flags().BoolVar(&f.since, "since-healthy", false, "also say what changed since the stack was last healthy")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long one check may take")
	cmd.Flags().DurationVar(&f.total, "total", 30*time.Second, "how long one whole diagnosis may take")
	cmd.Flags().StringToStringVar(&f.checks, "check-timeout", nil, "how long single checks may take: CHECK=DURATION,…; \"basewright check list\" names them")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "warning", "least severity that counts: info, warning or critical")
	return cmd
}

func (f doctorFlags) validate(names []string) error {
	for _, v := range []struct{ flag, value, allowed string }{
		{"--mode", f.mode, "quick full deep"},
		{"--output", f.output, "text json nagios html"},
		{"--fail-on", f.failOn, "info warning critical"},
	} {
		if !slices.Contains(strings.Fields(v.allowed), v.value) {
			return core.Errorf(core.Invalid, "%s %q is not one of: %s", v.flag, v.value, strings.ReplaceAll(v.allowed, " ", ", "))
		}
	}
	if f.all && len(names) > 0 {
		return core.Errorf(core.Invalid, "--all and project names exclude each other; leave one out")
	}
	return nil
}

// limits reads how long checks may take.
func (f *doctorFlags) limits(known []core.Checker) error {
	const most = 10 * time.Minute
	f.timeouts = map[string]time.Duration{}
	for id, text := range f.checks {
		if !slices.ContainsFunc(known, func(c core.Checker) bool { return c.ID == id }) {
			return core.Errorf(core.Invalid, "--check-timeout names %q, which is no check; `basewright check list` shows them", id)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return core.Errorf(core.Invalid, "--check-timeout %s=%q is not a duration such as 10s", id, text)
		}
		f.timeouts[id] = d
	}
	for id, d := range f.timeouts {
		if d <= 0 || d > most {
			return core.Errorf(core.Invalid, "--check-timeout %s=%v is not between 1ns and %v", id, d, most)
		}
	}
	for flag, d := range map[string]time.Duration{"--timeout": f.timeout, "--total": f.total} {
		if d <= 0 || d > most {
			return core.Errorf(core.Invalid, "%s %v is not between 1ns and %v", flag, d, most)
		}
	}
	return nil
}

func doctor(ctx context.Context, g *global, f doctorFlags, names []string) error {
	defer thrifty()()
	host, err := g.engine(ctx)
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	instances, err := host.Discover(ctx)
	if err == nil {
		instances, err = choose(instances, names)
	}
	if err == nil && len(instances) == 0 {
		err = core.Errorf(core.NotFound, "this Docker Engine has no Supabase project; `docker compose up -d` one, or name another engine with --docker-host")
	}
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	diagnoses, err := diagnoseAll(ctx, g, host, instances, f)
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	return show(g, f, diagnoses)
}

// show prints diagnoses as --output asks and returns the exit code.
func show(g *global, f doctorFlags, diagnoses []*core.Diagnosis) error {
	switch f.output {
	case "json":
		if err := g.console.writeJSON(map[string]any{"diagnoses": diagnoses, "host": diagnose.OfHost(diagnoses, meaning)}, "  "); err != nil {
			return err
		}
	case "html":
		if err := report.HTML(g.out, time.Now(), diagnoses, meaning); err != nil {
			return err
		}
	case "nagios":
		return exit{code: printNagios(g.out, diagnoses)}
	default:
		printReport(g.console, diagnoses)
	}
	return exit{code: verdict(diagnoses, core.Severity(f.failOn))}
}

// meaning returns what a code means.
func meaning(code string) (core.Explanation, bool) {
	e, _, ok := checks.Explain(code)
	return e, ok
}

// sideBySide is how many instances are looked at at once: each already asks its
// services in parallel.
const sideBySide = 8

// diagnoseAll looks at the instances side by side.
func diagnoseAll(ctx context.Context, g *global, host *docker.Host, instances []core.Instance, f doctorFlags) ([]*core.Diagnosis, error) {
	books, err := g.playbooks(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := g.memory(f.since)
	if err != nil {
		return nil, err
	}
	if memory != nil {
		defer memory.Close()
	}
	key := g.fingerprintKey()
	opts := f.options()
	diagnoses := make([]*core.Diagnosis, len(instances))
	errs := make([]error, len(instances))
	var names []string
	for _, instance := range instances {
		names = append(names, printable(instance.Project))
	}
	p := g.newProgress(names)
	defer p.end()
	slots := make(chan struct{}, sideBySide)
	var wg sync.WaitGroup
	for i, instance := range instances {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			defer p.done(names[i])
			engine := host.Open(instance)
			if memory != nil {
				diagnoses[i], errs[i] = g.lookSince(ctx, engine, memory, books, opts)
				if diagnoses[i] != nil && !f.since {
					diagnoses[i].Since, errs[i] = nil, nil // nobody asked
				}
				return
			}
			diagnoses[i], errs[i] = g.look(ctx, engine, key, books, opts)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return diagnoses, nil
}

// options are those of the flags.
func (f doctorFlags) options() diagnose.Options {
	return diagnose.Options{Depth: core.Depth(f.mode), Trigger: core.ByCLI, Timeout: f.timeout, Total: f.total, Timeouts: f.timeouts}
}

// look observes one instance and runs every check on it.
func (g *global) look(ctx context.Context, in core.Inspector, key core.FingerprintKey, books []core.Playbook, opts diagnose.Options) (*core.Diagnosis, error) {
	d, _, err := diagnose.Look(ctx, in, key, g.checkers(), worded(opts, books))
	return d, err
}

// check runs every check on an observed instance.
func (g *global) check(ctx context.Context, t core.Target, books []core.Playbook, opts diagnose.Options) *core.Diagnosis {
	return diagnose.Run(ctx, t, g.checkers(), worded(opts, books))
}

// worded adds to opts what findings are told with.
func worded(opts diagnose.Options, books []core.Playbook) diagnose.Options {
	opts.Remedies = func(code string) []core.Remedy { return repairs.Remedies(books, code) }
	return opts
}

// verdict is the exit code for what was found.
func verdict(diagnoses []*core.Diagnosis, failOn core.Severity) int {
	code := exitOK
	for _, d := range diagnoses {
		for _, f := range d.Findings {
			if f.Severity.AtLeast(failOn) {
				return exitFound
			}
		}
		if d.Status == core.Unknown {
			code = exitNoSight
		}
	}
	return code
}

// nagiosUnknown keeps that protocol's 3 for what could not be looked at.
func nagiosUnknown(g *global, f doctorFlags, err error) error {
	if f.output != "nagios" {
		return err
	}
	fmt.Fprintf(g.out, "SUPABASE UNKNOWN - %s\n", printable(err.Error()))
	return exit{code: 3}
}

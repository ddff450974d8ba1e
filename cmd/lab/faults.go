package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

// fault is a real failure that the lab can bring about and take back. Its code
// is the one that a diagnosis should name.
type fault struct {
	code string
	does string // one sentence

	// quiet faults touch no container: when they are mended there is nothing to
	// wait for.
	quiet bool

	overlay string // that the stack must have been brought up with

	// save notes what mend will need. It changes nothing.
	save func(ctx context.Context, b *bench) (saved, error)
	// apply brings the fault about.
	apply func(ctx context.Context, b *bench, s saved) error
	// shows reports whether the fault can be seen from outside, and how.
	shows func(ctx context.Context, b *bench) (bool, string)
	// mend takes the fault back, also when somebody else already did.
	mend func(ctx context.Context, b *bench, s saved) error
}

// saved is what a fault must remember: the values and files of before.
type saved map[string]string

// faults lists all, by family.
func faults() []fault {
	return slices.Concat(dockerFaults(), gatewayFaults(), authFaults(), databaseFaults(), serviceFaults(), signupFaults(), silentFaults(),
		fileFaults(), stillFaults(), catalogFaults(), settingFaults(), outsideFaults(), engineFaults(), loggingFaults(), ownerFaults(), rareFaults())
}

func faultOf(code string) (fault, error) {
	for _, f := range faults() {
		if strings.EqualFold(f.code, code) {
			return f, nil
		}
	}
	return fault{}, &core.Error{Code: core.NotFound, Message: "there is no fault " + code, Hint: "lab faults lists them"}
}

// showTimeout bounds how long a fault may take to show.
const showTimeout = 90 * time.Second

func (l *lab) faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "faults", Short: "List the faults that the lab can bring about",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
			for _, f := range faults() {
				does := f.does
				if f.overlay != "" {
					does += " (needs --with " + f.overlay + ")"
				}
				fmt.Fprintf(w, "%s\t%s\n", f.code, does)
			}
			return w.Flush()
		},
	}
}

func (l *lab) breakCommand() *cobra.Command {
	return &cobra.Command{
		Use: "break STACK FAULT", Short: "Bring a fault about and wait until it shows",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, a []string) error {
			b, err := l.bench(c.Context(), a[0])
			if err != nil {
				return err
			}
			f, err := faultOf(a[1])
			if err != nil {
				return err
			}
			return b.breakIt(c.Context(), f)
		},
	}
}

func (l *lab) mendCommand() *cobra.Command {
	var hurry bool
	c := &cobra.Command{
		Use: "mend STACK [FAULT]", Short: "Take a fault back, or all of them, and wait until the stack is healthy",
		Args: args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, a []string) error {
			b, err := l.bench(c.Context(), a[0])
			if err != nil {
				return err
			}
			b.hurry = hurry
			if len(a) == 1 {
				return b.mendAll(c.Context())
			}
			f, err := faultOf(a[1])
			if err != nil {
				return err
			}
			return b.mendOne(c.Context(), f)
		},
	}
	c.Flags().BoolVar(&hurry, "no-wait", false, "do not wait until the stack is healthy")
	return c
}

// brokenList is what is broken in a stack, oldest first.
type brokenList []brokenItem

type brokenItem struct {
	Code  string    `json:"code"`
	At    time.Time `json:"at"`
	Saved saved     `json:"saved,omitempty"`
}

func (l brokenList) codes() []string {
	var out []string
	for _, i := range l {
		out = append(out, i.Code)
	}
	return out
}

func (l brokenList) find(code string) int {
	return slices.IndexFunc(l, func(i brokenItem) bool { return i.Code == code })
}

// broken reads what is broken in the stack.
func (s stack) broken() (brokenList, error) {
	data, err := os.ReadFile(s.path(".broken"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list brokenList
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path(".broken"), err)
	}
	return list, nil
}

// setBroken writes it; the file holds secrets that mend puts back.
func (s stack) setBroken(list brokenList) error {
	if len(list) == 0 {
		return removeIfThere(s.path(".broken"))
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(s.path(".broken"), append(data, '\n'), 0o600)
}

// breakIt notes the fault, brings it about and waits until it shows.
func (b *bench) breakIt(ctx context.Context, f fault) error {
	begin := time.Now()
	if err := b.fits(f); err != nil {
		return err
	}
	list, err := b.broken()
	if err != nil {
		return err
	}
	if at := list.find(f.code); at >= 0 {
		if still, how := f.shows(ctx, b); still {
			return &core.Error{Code: core.Conflict, Message: fmt.Sprintf("%s is already broken in %s (%s)", f.code, b.name, how), Hint: "lab mend " + b.name}
		}
		list = slices.Delete(list, at, at+1) // somebody repaired it
	}
	var s saved
	if f.save != nil {
		if s, err = f.save(ctx, b); err != nil {
			return fmt.Errorf("prepare %s: %w", f.code, err)
		}
	}
	if err := b.setBroken(append(list, brokenItem{Code: f.code, At: begin, Saved: s})); err != nil {
		return err
	}
	if err := f.apply(ctx, b, s); err != nil {
		return fmt.Errorf("bring %s about: %w", f.code, err)
	}
	how := ""
	err = poll(ctx, showTimeout, func(ctx context.Context) (bool, string) {
		var done bool
		done, how = f.shows(ctx, b)
		return done, how
	})
	if err != nil {
		return fmt.Errorf("%s does not show in %s: %w", f.code, b.name, err)
	}
	b.lab.say("%s is broken in %s after %.1f s: %s", f.code, b.name, time.Since(begin).Seconds(), how)
	return nil
}

// fits refuses a fault of services that the stack does not have.
func (b *bench) fits(f fault) error {
	env, err := b.env()
	if err == nil && f.overlay != "" && env["LAB_OVERLAY"] != f.overlay {
		return &core.Error{Code: core.Invalid, Message: f.code + " needs a stack with the overlay " + f.overlay, Hint: "lab up NAME --with " + f.overlay + " makes one"}
	}
	return err
}

// mendAll takes everything back, the last fault first.
func (b *bench) mendAll(ctx context.Context) error {
	list, err := b.broken()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		b.lab.say("nothing is broken in %s", b.name)
		return nil
	}
	for _, code := range slices.Backward(list.codes()) {
		f, err := faultOf(code)
		if err != nil {
			return err
		}
		if err := b.mendOne(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// mendOne takes a fault back. When it was the last one the stack must be
// healthy again.
func (b *bench) mendOne(ctx context.Context, f fault) error {
	begin := time.Now()
	list, err := b.broken()
	if err != nil {
		return err
	}
	at := list.find(f.code)
	if at < 0 {
		return core.Errorf(core.NotFound, "%s is not broken in %s", f.code, b.name)
	}
	if err := f.mend(ctx, b, list[at].Saved); err != nil {
		return fmt.Errorf("mend %s: %w", f.code, err)
	}
	if !f.quiet {
		if err := b.recovered(ctx, len(list) == 1); err != nil {
			return fmt.Errorf("bring %s up again after %s: %w", b.name, f.code, err)
		}
	}
	if err := b.setBroken(slices.Delete(list, at, at+1)); err != nil {
		return err
	}
	b.lab.say("%s is mended in %s after %.1f s", f.code, b.name, time.Since(begin).Seconds())
	return nil
}

// recovered brings the stack up again. While other faults last they may keep it
// from being healthy, and who is in a hurry looks for himself.
func (b *bench) recovered(ctx context.Context, last bool) error {
	if _, err := b.lab.settle(ctx, b.stack); err != nil {
		return err
	}
	if last && !b.hurry {
		return b.lab.healthy(ctx, b.stack)
	}
	return b.up(ctx)
}

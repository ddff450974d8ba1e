package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

// upTimeout bounds how long a stack may take until all of it is healthy.
const upTimeout = 3 * time.Minute

func (l *lab) upCommand() *cobra.Command {
	var overlay string
	c := &cobra.Command{
		Use: "up [NAME...]", Short: "Bring stacks up and wait until they are healthy (default lab-a lab-b)",
		Long: "Bring stacks up. Secrets, ports and network of a stack are chosen the first time and kept, and so is its data.\n" +
			"LAB_IMAGE_GOTRUE=image in the environment, and the like, puts another image in the place of the lab's own.",
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = []string{"lab-a", "lab-b"}
			}
			if overlay != "" && overlay != "logs" {
				return &usageError{fmt.Errorf("there is no overlay %q; there is logs", overlay)}
			}
			l.overlay = overlay
			return l.up(c.Context(), names)
		},
	}
	c.Flags().StringVar(&overlay, "with", "", "an overlay for new stacks: logs (analytics and vector)")
	return c
}

// up renders the stacks one after the other and starts them at once.
func (l *lab) up(ctx context.Context, names []string) error {
	if _, err := l.engine(ctx); err != nil {
		return err
	}
	images, err := overrides(os.Environ())
	if err != nil {
		return err
	}
	if err := l.haveImages(ctx, images); err != nil {
		return err
	}
	var stacks []stack
	for _, name := range names {
		s, err := l.stack(name)
		if err != nil {
			return err
		}
		if err := l.mayTake(ctx, name); err != nil {
			return err
		}
		if err := l.render(ctx, s, images); err != nil {
			return err
		}
		stacks = append(stacks, s)
	}
	errs := make([]error, len(stacks))
	var wg sync.WaitGroup
	for i, s := range stacks {
		wg.Go(func() { errs[i] = l.start(ctx, s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// mayTake refuses the name of a compose project that is somebody else's: up
// would recreate its containers.
func (l *lab) mayTake(ctx context.Context, name string) error {
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: labels(projectLabel + "=" + name)})
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Labels[label] != "1" {
			return &core.Error{
				Code: core.Conflict, Message: "the compose project " + name + " is not the lab's: its container " + firstName(c.Names) + " lacks the lab's label",
				Hint: "choose another name",
			}
		}
	}
	return nil
}

// haveImages makes sure that every image of a stack is on the engine: none of
// them can be pulled.
func (l *lab) haveImages(ctx context.Context, overrides map[string]string) error {
	for _, r := range recipes() {
		ref := cmp.Or(overrides[imageVariable(r.name)], r.ref(l.prefix))
		id, _, err := l.imageInputs(ctx, ref)
		if err != nil {
			return err
		}
		if id == "" {
			return &core.Error{Code: core.NotFound, Message: "the image " + ref + " is not on this engine", Hint: "lab images builds the lab's own"}
		}
	}
	return nil
}

func (l *lab) start(ctx context.Context, s stack) error {
	begin := time.Now()
	if err := l.healthy(ctx, s); err != nil {
		return fmt.Errorf("stack %s: %w", s.name, err)
	}
	env, err := s.env()
	if err != nil {
		return err
	}
	l.say("%s is healthy after %.1f s: %s", s.name, time.Since(begin).Seconds(), env["SUPABASE_PUBLIC_URL"])
	return nil
}

// healthy brings the stack up until all of it is healthy. Waiting ends with the
// first container that is sick, even with one that was sick before and only
// has to connect again; so sick ones are restarted and waited for once more.
func (l *lab) healthy(ctx context.Context, s stack) error {
	for end := time.Now().Add(upTimeout); ; {
		err := l.compose(ctx, s, upTimeout)
		if err == nil || core.CodeOf(err) != core.Unreachable || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		n, e := l.settle(ctx, s)
		if e != nil || n == 0 {
			return errors.Join(err, e)
		}
	}
}

// settle restarts the stack's containers that are unhealthy or in a restart
// loop, whose pauses grow to a minute, and returns how many those were.
func (l *lab) settle(ctx context.Context, s stack) (int, error) {
	api, err := l.api(ctx)
	if err != nil {
		return 0, err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: labels(label+"=1", projectLabel+"="+s.name)})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range list {
		sick := strings.Contains(c.Status, "(unhealthy)") && c.Labels[serviceLabel] != "db" // it may be at its first start, which must not be cut short
		if c.State == "restarting" || sick {
			n++
			if err := api.ContainerRestart(ctx, c.ID, container.StopOptions{}); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// compose makes the stack's containers what its files say, and waits until they
// are healthy when wait is set.
func (l *lab) compose(ctx context.Context, s stack, wait time.Duration) error {
	h, err := l.engine(ctx)
	if err != nil {
		return err
	}
	return h.Up(ctx, s.dir, s.name, s.files(), wait)
}

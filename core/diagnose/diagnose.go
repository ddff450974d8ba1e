// Package diagnose is the reading journey: it runs checkers on one observed
// instance, finds the root causes among what they found, and returns a
// diagnosis. It changes nothing and stores nothing.
package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// Options says how to look. The zero value is a full diagnosis by hand.
type Options struct {
	Depth    core.Depth
	Trigger  core.Trigger
	Timeout  time.Duration            // of one check that has none of its own; zero means 5 s
	Timeouts map[string]time.Duration // of single checks, by ID
	Total    time.Duration            // of all of them; zero means 30 s
	Parallel int                      // checks at once; zero means 16

	// Remedies lists the playbooks that may mend a code; nil means none.
	Remedies func(code string) []core.Remedy
}

const (
	defaultTimeout  = 5 * time.Second
	defaultTotal    = 30 * time.Second
	defaultParallel = 16
	cleanUpTime     = 15 * time.Second

	// lastWord is what a check has left to judge probes that used up its time.
	lastWord = 300 * time.Millisecond
)

// outcome is what one checker said.
type outcome struct {
	checker  core.Checker
	findings []core.Finding
	unknown  string // why it could not look
	took     time.Duration
}

// Run runs the checkers that opts asks for and waits for all of them. It never
// fails: a checker that errs, panics or outlives its timeout is reported as
// unknown, and what the others found stands.
func Run(ctx context.Context, t core.Target, checkers []core.Checker, opts Options) *core.Diagnosis {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(opts.Total, defaultTotal))
	defer cancel()
	return run(ctx, start, t, checkers, opts)
}

// run is Run on a target whose observation may still be under way. Of one that
// fails it returns nothing of worth.
func run(ctx context.Context, start time.Time, t core.Target, checkers []core.Checker, opts Options) *core.Diagnosis {
	depth := cmp.Or(opts.Depth, core.Full)
	wanted := slices.DeleteFunc(slices.Clone(checkers), func(c core.Checker) bool {
		return !depth.AtLeast(cmp.Or(c.Depth, core.Full))
	})
	outcomes := make([]outcome, len(wanted))
	slots := make(chan struct{}, cmp.Or(opts.Parallel, defaultParallel))
	var wg sync.WaitGroup
	for i, c := range wanted {
		wg.Go(func() {
			t := t
			if !c.Early {
				var err error
				if t, err = t.Whole(ctx); err != nil {
					outcomes[i] = outcome{checker: c, unknown: err.Error()}
					return
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			outcomes[i] = runOne(ctx, t, c, opts.timeout(c))
		})
	}
	wg.Wait()
	t, err := t.Whole(ctx)
	if err != nil {
		return nil
	}
	d := summarise(t, outcomes, catalogue(checkers), opts.Remedies)
	hideSecrets(d, t.Observation)
	d.ID, d.InstanceID, d.Project = core.NewID(), t.Instance.ID, t.Instance.Project
	d.Services = present(t.Containers)
	d.Mode, d.Trigger = depth, cmp.Or(opts.Trigger, core.ByHand)
	d.Timestamp, d.DurationMS = start.UTC(), time.Since(start).Milliseconds()
	return d
}

// present lists the services that have a container, each once.
func present(containers []core.Container) (list []core.Service) {
	for _, s := range core.Services {
		if slices.ContainsFunc(containers, func(c core.Container) bool { return c.Service == s }) {
			list = append(list, s)
		}
	}
	return list
}

// timeout is how long c may take.
func (o Options) timeout(c core.Checker) time.Duration {
	return cmp.Or(o.Timeouts[c.ID], c.Timeout, o.Timeout, defaultTimeout)
}

// runOne runs c in a goroutine of its own, so that one that ignores its context
// costs its timeout and no more.
func runOne(ctx context.Context, t core.Target, c core.Checker, timeout time.Duration) outcome {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	done := make(chan outcome, 1)
	go func() {
		o := outcome{checker: c}
		defer func() {
			if p := recover(); p != nil {
				o.findings, o.unknown = nil, fmt.Sprintf("the check panicked: %v", p)
			}
			done <- o
		}()
		findings, err := c.Check(ctx, t)
		o.findings = findings
		if err != nil {
			o.unknown = reason(err, timeout, parent)
		}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		patience := lastWord
		if c.Depth == core.Deep {
			patience = cleanUpTime // what it wrote must go again
		}
		select {
		case o = <-done: // it ended as its time did
		case <-time.After(patience):
			o = outcome{checker: c, unknown: reason(ctx.Err(), timeout, parent)}
		}
	}
	o.took = time.Since(start)
	return o
}

// reason says why a check could not look.
func reason(err error, timeout time.Duration, parent context.Context) string {
	switch {
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return err.Error()
	case errors.Is(parent.Err(), context.DeadlineExceeded):
		return "the time for the whole diagnosis was over"
	case parent.Err() != nil:
		return "the diagnosis was stopped"
	}
	return fmt.Sprintf("no answer within %v", timeout)
}

// catalogue maps codes to what the checkers say of them.
func catalogue(checkers []core.Checker) map[string]core.Explanation {
	m := map[string]core.Explanation{}
	for _, c := range checkers {
		for _, e := range c.Finds {
			m[e.Code] = e
		}
	}
	return m
}

// summarise makes a diagnosis of the outcomes: findings filled in from the
// catalogue, root causes, a line per category, the status of the whole.
func summarise(t core.Target, outcomes []outcome, codes map[string]core.Explanation, remedies func(string) []core.Remedy) *core.Diagnosis {
	d := &core.Diagnosis{Results: map[core.Category]core.CategoryResult{}, Findings: []core.Finding{}, RootCauses: []string{}, Unknowns: []core.Unknowable{}}
	for _, g := range t.Gaps {
		d.Unknowns = append(d.Unknowns, core.Unknowable{Check: g.What, Category: g.Category, Reason: g.Why})
	}
	for _, o := range outcomes {
		for _, f := range o.findings {
			d.Findings = add(d.Findings, complete(f, o.checker, codes[f.Code], remedies))
		}
		if o.unknown != "" {
			d.Unknowns = append(d.Unknowns, core.Unknowable{Check: o.checker.ID, Category: o.checker.Category, Reason: o.unknown})
		}
	}
	d.RootCauses = correlate(d.Findings, codes, edges(t.Observation))
	for _, o := range outcomes {
		d.Results[o.checker.Category] = core.CategoryResult{DurationMS: max(d.Results[o.checker.Category].DurationMS, o.took.Milliseconds())}
	}
	for category, r := range d.Results {
		d.Results[category] = judge(d, category, r)
	}
	d.Status = status(d)
	return d
}

// add puts f among found. What two checks saw of one service under one code is
// one finding with the proof of both.
func add(found []core.Finding, f core.Finding) []core.Finding {
	i := slices.IndexFunc(found, func(o core.Finding) bool {
		return o.Code == f.Code && o.Service == f.Service && o.Title == f.Title
	})
	if i < 0 {
		return append(found, f)
	}
	if f.Severity.AtLeast(found[i].Severity) {
		found[i].Severity = f.Severity
	}
	found[i].Evidence = append(found[i].Evidence, f.Evidence...)
	for _, s := range f.Affects {
		if !slices.Contains(found[i].Affects, s) {
			found[i].Affects = append(found[i].Affects, s)
		}
	}
	return found
}

// complete fills in what the check left to the catalogue.
func complete(f core.Finding, c core.Checker, e core.Explanation, remedies func(string) []core.Remedy) core.Finding {
	f.Category = cmp.Or(f.Category, c.Category)
	f.Severity = cmp.Or(f.Severity, e.Severity)
	f.Title = cmp.Or(f.Title, e.Title)
	f.Explanation = cmp.Or(f.Explanation, e.What+" "+e.Breaks+" "+e.Do+" "+e.Data)
	if f.Evidence == nil {
		f.Evidence = []core.Evidence{}
	}
	f.Remedies = []core.Remedy{}
	if remedies != nil {
		f.Remedies = append(f.Remedies, remedies(f.Code)...)
	}
	if len(f.Affects) == 0 {
		f.Affects = []core.Service{f.Service}
	}
	return f
}

// judge sums up one category.
func judge(d *core.Diagnosis, category core.Category, r core.CategoryResult) core.CategoryResult {
	counts := map[core.Severity]int{}
	r.Issues = []string{}
	for _, f := range d.Findings {
		if f.CountsIn(category) {
			counts[f.Severity]++
			r.Issues = append(r.Issues, fmt.Sprintf("%s %s", f.Code, f.Title))
		}
	}
	r.Healthy, r.Status = true, "ok"
	for _, s := range []core.Severity{core.Info, core.Warning, core.Critical} {
		if counts[s] > 0 {
			r.Status = fmt.Sprintf("%d %s", counts[s], s)
			r.Healthy = s == core.Info
		}
	}
	if len(r.Issues) == 0 {
		for _, u := range d.Unknowns {
			if u.Category == category {
				r.Healthy, r.Status = false, "unknown: "+u.Reason
			}
		}
	}
	return r
}

// status is the status of the whole. What could not be looked at is never
// called healthy.
func status(d *core.Diagnosis) core.Status {
	worst := core.Severity("")
	for _, f := range d.Findings {
		if worst == "" || f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	blind := len(d.Unknowns) > 0
	switch {
	case worst == core.Critical:
		return core.Unhealthy
	case worst == core.Warning:
		return core.Degraded
	case blind:
		return core.Unknown
	}
	return core.Healthy
}

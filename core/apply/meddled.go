package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// leaveStep begins the journal entry that says what a rollback leaves alone. It
// is written before the rollback, which itself removes and stops containers: a
// second one could not tell any more who did.
const leaveStep = "leave alone: "

// meddling is what somebody else did to containers while a change ran.
type meddling struct {
	services []string // compose services whose containers were stopped or removed
	what     []string // the same in words
}

func (m meddling) String() string { return strings.Join(m.what, ", ") }

// meddled compares the containers that ran before the change with those that run
// now. One that is gone or was stopped, though no action that began can have done
// it, was taken away by a person, and must not be brought back under their hands.
// A container that died by itself is started over by its restart policy, so only
// one with such a policy tells.
func (t *transaction) meddled(ctx context.Context) (meddling, error) {
	var m meddling
	was, err := t.Snapshots.Containers(t.snap)
	if err != nil {
		return m, err
	}
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return m, err
	}
	roles := map[string]core.Service{}
	for _, s := range obs.Compose.Services {
		roles[s.Name] = named(s.Service, s.Name)
	}
	for _, c := range obs.Containers {
		roles[c.ComposeService] = named(c.Service, c.ComposeService)
	}
	for _, c := range was {
		service := c.ComposeService
		if c.State != "running" || service == "" || slices.Contains(m.services, service) || t.mayHaveStopped(roles[service]) {
			continue
		}
		switch how := fate(obs, service, c.RestartPolicy); how {
		case "":
		default:
			m.services = append(m.services, service)
			m.what = append(m.what, service+" was "+how)
		}
	}
	return m, nil
}

// named is how actions name a service: by its role, or by its compose name when it
// has none.
func named(role core.Service, name string) core.Service { return cmp.Or(role, core.Service(name)) }

// fate says what became of the containers of a compose service that ran: "" when
// that tells of nobody's hand.
func fate(obs *core.Observation, service, policy string) string {
	found := false
	for _, c := range obs.Containers {
		if c.ComposeService != service {
			continue
		}
		if found = true; c.State != "exited" {
			return ""
		}
	}
	switch {
	case !found:
		return "removed"
	case policy == "always" || policy == "unless-stopped":
		return "stopped"
	}
	return ""
}

// mayHaveStopped reports whether an action of this change can be why a service
// does not run: it stops it, or it is about it and did not end well.
func (t *transaction) mayHaveStopped(s core.Service) bool {
	if t.c.Plan.Playbook == core.RestorePlaybook {
		return true // a restore stops every service itself
	}
	if slices.ContainsFunc(t.began, func(i int) bool { return t.c.Plan.Actions[i].Op == core.OpRemove }) {
		return true // it removed every container, and what came after may have other services
	}
	for _, i := range slices.Backward(t.began) {
		a := t.c.Plan.Actions[i]
		if !operationOf(a.Op).moves || a.Service != "" && a.Service != s {
			continue
		}
		return a.Op == core.OpStop || a.Op == core.OpRemove || !t.done[i]
	}
	return false
}

// untouched refuses an action on a service that somebody else stopped or removed
// since the change began.
func (t *transaction) untouched(ctx context.Context, a core.Action) error {
	if !operationOf(a.Op).moves {
		return nil
	}
	began := t.began
	t.began = began[:len(began)-1] // this action has not begun yet
	m, err := t.meddled(ctx)
	t.began = began
	if err != nil || len(m.services) == 0 {
		return err
	}
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return err
	}
	for i, service := range m.services {
		d := slices.IndexFunc(obs.Compose.Services, func(s core.ComposeService) bool { return s.Name == service && named(s.Service, s.Name) == a.Service })
		c := slices.IndexFunc(obs.Containers, func(c core.Container) bool {
			return c.ComposeService == service && named(c.Service, service) == a.Service
		})
		if a.Service == "" || d >= 0 || c >= 0 {
			return core.Errorf(core.Conflict, "the instance changed under us: %s by somebody else", m.what[i])
		}
	}
	return nil
}

// leave decides, once per change, what its rollback leaves alone, and writes it
// down.
func (t *transaction) leave(ctx context.Context) error {
	if t.decided {
		return nil
	}
	m, err := t.meddled(ctx)
	if err != nil {
		return err // the rollback, which needs the same, says why
	}
	t.decided, t.left = true, m.services
	if len(m.services) == 0 {
		return nil
	}
	t.c.Reason += fmt.Sprintf("; the instance changed under us: %s by somebody else while the change ran, and is left so", m)
	return t.step(ctx, "leave", leaveStep+strings.Join(m.services, " "), func() error { return nil })
}

package ui

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

const mostSchedules = 1000

type schedulesOut struct {
	Reply
	Schedules []core.Schedule `json:"schedules"`
}

type scheduleOut struct {
	Reply
	Schedule core.Schedule `json:"schedule"`
}

type scheduleIn struct {
	Instance string            `json:"instance_id" doc:"or * for all"`
	Kind     core.ScheduleKind `json:"kind" doc:"diagnose, snapshot, restore-drill, report, state-backup or audit-archive"`
	Spec     string            `json:"spec" doc:"five fields of cron, or @hourly, @daily …"`
	Zone     string            `json:"zone,omitempty" doc:"IANA name; UTC when left out"`
	Mode     core.Depth        `json:"mode,omitempty" doc:"of a diagnosis: quick, full or deep"`
	Scope    core.Scope        `json:"scope,omitempty" doc:"of a snapshot: config, database, volumes or full"`
	Jitter   int               `json:"jitter_seconds,omitempty"`
	Enabled  *bool             `json:"enabled,omitempty"`
}

func (c *call) listSchedules() (any, error) {
	all, err := c.Store.Schedules(c)
	out := schedulesOut{ok(""), []core.Schedule{}}
	for _, s := range all {
		if c.who.may(core.MayRead, s.Instance) {
			out.Schedules = append(out.Schedules, s)
		}
	}
	return out, err
}

// schedule reads a schedule and finds out whether the caller may have it.
func (c *call) schedule() (core.Schedule, error) {
	var in scheduleIn
	if err := c.body(&in); err != nil {
		return core.Schedule{}, err
	}
	s := core.Schedule{Instance: in.Instance, Kind: in.Kind, Spec: in.Spec, Zone: cmp.Or(in.Zone, "UTC"), Mode: in.Mode, Scope: in.Scope,
		Jitter: in.Jitter, Enabled: in.Enabled == nil || *in.Enabled, Owner: c.who.user.ID}
	if err := s.Check(); err != nil {
		return s, err
	}
	if s.Instance != core.EveryInstance {
		if _, err := c.Store.Instance(c, s.Instance); err != nil && core.CodeOf(err) != core.NotFound {
			return s, err
		} else if err != nil || !c.who.sees(s.Instance) {
			return s, core.Errorf(core.NotFound, "there is no instance %q", clip(s.Instance, 60))
		}
	}
	need := core.ScheduleKinds[s.Kind]
	switch {
	case !c.who.may(core.MaySchedule, s.Instance):
		return s, forbidden(core.MaySchedule)
	case !c.who.may(need, s.Instance):
		return s, forbidden(need)
	}
	var err error
	s.Next, err = queue.Next(s.Spec, s.Zone, c.Now())
	return s, err
}

func (c *call) addSchedule() (any, error) {
	s, err := c.schedule()
	if err != nil {
		return nil, err
	}
	all, err := c.Store.Schedules(c)
	if err != nil {
		return nil, err
	}
	if len(all) >= mostSchedules {
		return nil, core.Errorf(core.Conflict, "there are %d schedules already; remove some first", len(all))
	}
	s.ID, s.Created = core.NewID(), c.Now().UTC()
	return c.keep(s, "schedule.add", "the schedule is added")
}

func (c *call) editSchedule() (any, error) {
	s, err := c.schedule()
	if err != nil {
		return nil, err
	}
	old, err := c.Store.Schedule(c, c.Param("schedule"))
	if err != nil {
		return nil, err
	}
	s.ID, s.Created, s.Last, s.Outcome, s.Detail = old.ID, old.Created, old.Last, old.Outcome, old.Detail
	return c.keep(s, "schedule.edit", "the schedule is changed")
}

func (c *call) keep(s core.Schedule, action, message string) (any, error) {
	e := c.entry(action, "ok", fmt.Sprintf("schedule %s: %s at %q %s", s.ID, s.Kind, s.Spec, s.Zone))
	e.Instance = s.Instance
	if err := c.Store.SaveSchedule(c, s, e); err != nil {
		return nil, err
	}
	c.Scheduler.Wake()
	return scheduleOut{ok(message), s}, nil
}

func (c *call) removeSchedule() (any, error) {
	id := c.Param("schedule")
	return ok("the schedule is removed"), c.Store.RemoveSchedule(c, id, c.entry("schedule.remove", "ok", "schedule "+id))
}

type crontabOut struct {
	Reply
	Interval string   `json:"interval"`
	Lines    []string `json:"lines" doc:"put your token in place of YOUR_TOKEN"`
	Crontab  string   `json:"crontab"`
}

// every maps the intervals to their fields of cron. Nobody needs the full hour,
// when everything else runs.
var every = map[string]string{"1h": "7 * * * *", "6h": "7 */6 * * *", "12h": "7 */12 * * *", "24h": "7 3 * * *"}

func (c *call) scheduleConfig() (any, error) {
	interval := c.DefaultQuery("interval", "1h")
	spec, known := every[interval]
	if !known {
		return nil, core.Errorf(core.Invalid, "interval=%q is not one of: 1h, 6h, 12h, 24h", clip(interval, 20))
	}
	scheme := "http"
	if c.overTLS() {
		scheme = "https"
	}
	url := scheme + "://" + hostOf(c.Request.Host) + "/api/instances/" + c.instance.ID + "/run-diagnostics"
	lines := []string{
		"# Basewright: diagnose " + c.instance.ID + " every " + interval + "; make a token that may diagnose it with",
		"#   basewright token create cron --verb diagnose --instance " + c.instance.ID,
		spec + ` curl -fsS -o /dev/null -X POST -H "Authorization: Bearer YOUR_TOKEN" ` + url,
	}
	return crontabOut{ok(""), interval, lines, strings.Join(lines, "\n") + "\n"}, nil
}

// hostOf lets nothing but a host and a port into a line that people paste into
// a shell.
func hostOf(host string) string {
	harmless := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]", r)
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !harmless(r) }) {
		return "127.0.0.1:3080"
	}
	return host
}

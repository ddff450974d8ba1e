package ui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) schedulesPage() (any, error) { return c.schedulesWith(scheduleIn{}, "", "") }

// nextRuns is how many runs of a schedule are told beforehand.
const nextRuns = 3

// schedulesWith is the page, with a schedule or a window that was refused.
func (c *call) schedulesWith(in scheduleIn, problem, windowProblem string) (panel.Page, error) {
	of, err := c.of("schedules")
	if err != nil {
		return nil, err
	}
	out, err := c.listSchedules()
	if err != nil {
		return nil, err
	}
	p := &panel.Schedules{Frame: c.framed("fleet", c.instance.Name), Of: of, Problem: problem, WindowProblem: windowProblem,
		Kind: kindOf(in), Spec: in.Spec, Zone: in.Zone, Jitter: in.Jitter, All: in.Instance == core.EveryInstance, Kinds: scheduleKinds, Minutes: windowMinutes,
		MayAll: c.who.may(core.MaySchedule, core.EveryInstance)}
	if p.MayAll && c.who.may(core.MayAdmin, core.EveryInstance) {
		p.Kinds = append(slices.Clone(p.Kinds), string(core.ScheduleBackup), string(core.ScheduleArchive))
	}
	for _, s := range out.(schedulesOut).Schedules {
		if s.Instance == c.instance.ID || s.Instance == core.EveryInstance {
			p.Schedules = append(p.Schedules, panel.Schedule{Schedule: s, May: c.who.may(core.MaySchedule, s.Instance)})
		}
	}
	for i := range p.Schedules {
		s := &p.Schedules[i]
		for at := c.Now(); len(s.Runs) < nextRuns; {
			if at, err = queue.Next(s.Spec, s.Zone, at); err != nil {
				break // it was accepted once; a zone may be gone since
			}
			s.Runs = append(s.Runs, at)
		}
	}
	windows, err := c.windowsOf(c.instance.ID)
	if err != nil {
		return nil, err
	}
	for _, w := range windows {
		p.Windows = append(p.Windows, panel.Window{Window: w, Open: w.Holds(c.instance.ID, c.Now()), May: c.who.may(core.MaySchedule, w.Instance)})
	}
	cron, err := c.scheduleConfig()
	if err != nil {
		return nil, err
	}
	p.Interval, p.Crontab = cron.(crontabOut).Interval, cron.(crontabOut).Crontab
	return p, nil
}

// scheduleKinds are what a schedule of one instance may do, each with how.
var scheduleKinds = []string{"diagnose", "diagnose.quick", "diagnose.deep", "snapshot", "snapshot.database", "snapshot.volumes", "snapshot.full", "restore-drill", "report"}

// scheduled reads a kind with how it is done.
func scheduled(text string) scheduleIn {
	kind, how, _ := strings.Cut(text, ".")
	in := scheduleIn{Kind: core.ScheduleKind(kind)}
	if in.Kind == core.ScheduleSnapshot {
		in.Scope = core.Scope(how)
	} else {
		in.Mode = core.Depth(how)
	}
	return in
}

// kindOf is what scheduled reads.
func kindOf(in scheduleIn) string {
	return strings.TrimSuffix(string(in.Kind)+"."+cmp.Or(string(in.Mode), string(in.Scope)), ".")
}

func (c *call) addScheduleByForm() (any, error) {
	in := scheduled(c.PostForm("kind"))
	in.Instance, in.Spec, in.Zone = c.instance.ID, strings.TrimSpace(c.PostForm("spec")), strings.TrimSpace(c.PostForm("zone"))
	if c.PostForm("instance") == core.EveryInstance || in.Kind.OfAgent() {
		in.Instance = core.EveryInstance
	}
	var err error
	if late := strings.TrimSpace(c.PostForm("jitter")); late != "" && late != "0" {
		in.Jitter, err = number(late)
	}
	if err == nil {
		c.given = in
		_, err = c.addSchedule()
	}
	if core.CodeOf(err) == core.Invalid {
		return c.again(err, func(problem string) (panel.Page, error) { return c.schedulesWith(in, problem, "") })
	}
	if err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/schedules", "saved")
}

// turnSchedule switches a schedule off, or on again.
func (c *call) turnSchedule() (any, error) {
	s, err := c.Store.Schedule(c, c.Param("schedule"))
	if err != nil {
		return nil, err
	}
	on := c.PostForm("enabled") == "yes"
	c.given = scheduleIn{Instance: s.Instance, Kind: s.Kind, Spec: s.Spec, Zone: s.Zone, Mode: s.Mode, Scope: s.Scope, Jitter: s.Jitter, Enabled: &on}
	if _, err := c.editSchedule(); err != nil {
		return nil, err
	}
	return c.goTo(backOf(c.Context), "saved")
}

func (c *call) removeScheduleByForm() (any, error) {
	if _, err := c.removeSchedule(); err != nil {
		return nil, err
	}
	return c.goTo(backOf(c.Context), "saved")
}

// number reads a whole number from a form.
func number(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return 0, core.Errorf(core.Invalid, "%q is not a number from 1", clip(text, 20))
	}
	return n, nil
}

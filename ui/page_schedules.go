package ui

import (
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) schedulesPage() (any, error) { return c.schedulesWith(scheduleIn{}, "") }

// nextRuns is how many runs of a schedule are told beforehand.
const nextRuns = 3

func (c *call) schedulesWith(in scheduleIn, problem string) (any, error) {
	of, err := c.of("schedules")
	if err != nil {
		return nil, err
	}
	out, err := c.listSchedules()
	if err != nil {
		return nil, err
	}
	p := &panel.Schedules{Frame: c.framed("fleet", c.instance.Name), Of: of, Problem: problem, Spec: in.Spec, Zone: in.Zone}
	for _, s := range out.(schedulesOut).Schedules {
		if s.Instance != c.instance.ID && s.Instance != core.EveryInstance {
			continue
		}
		line := panel.Schedule{Schedule: s}
		for at := c.Now(); len(line.Runs) < nextRuns; {
			if at, err = queue.Next(s.Spec, s.Zone, at); err != nil {
				break // it was accepted once; a zone may be gone since
			}
			line.Runs = append(line.Runs, at)
		}
		p.Schedules = append(p.Schedules, line)
	}
	cron, err := c.scheduleConfig()
	if err != nil {
		return nil, err
	}
	p.Interval, p.Crontab = cron.(crontabOut).Interval, cron.(crontabOut).Crontab
	return p, nil
}

func (c *call) addScheduleByForm() (any, error) {
	in := scheduleIn{Instance: c.instance.ID, Kind: core.ScheduleKind(c.PostForm("kind")), Spec: strings.TrimSpace(c.PostForm("spec")), Zone: strings.TrimSpace(c.PostForm("zone"))}
	c.given = in
	_, err := c.addSchedule()
	if core.CodeOf(err) == core.Invalid {
		return c.schedulesWith(in, problemOf(err).Detail)
	}
	if err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/schedules", "saved")
}

func (c *call) removeScheduleByForm() (any, error) {
	if _, err := c.removeSchedule(); err != nil {
		return nil, err
	}
	return c.goTo(backOf(c.Context), "saved")
}

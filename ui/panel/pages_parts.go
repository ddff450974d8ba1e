package panel

import (
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// Logs shows what the services logged.
type Logs struct {
	Frame
	Of                      Instance
	Query, Service, Level   string
	Range                   string
	Stream                  string // query of the live tail
	Services                []core.Service
	Lines                   []LogLine
	Notes                   []string
	Found, Errors, Warnings int
}

// LogLine is one entry.
type LogLine struct {
	At      time.Time
	Service core.Service
	Level   logs.Level
	Message string
	Code    string
}

// Config is the form with an instance's settings.
type Config struct {
	Frame
	Of       Instance
	May      bool
	Problem  string
	Settings []Setting
}

// Setting is a variable of the .env; a secret's value is its fingerprint.
type Setting struct {
	Key, Value, Default, Help, Locked string
	Set, Secret                       bool
	Allowed, Services                 []string
}

// Snapshots lists what was kept of an instance.
type Snapshots struct {
	Frame
	Of        Instance
	Snapshots []core.Snapshot
	Pager     Pager
}

// Schedules lists what happens by itself.
type Schedules struct {
	Frame
	Of                Instance
	Schedules         []Schedule
	Problem           string
	Spec, Zone        string // of a form that was refused
	Interval, Crontab string
}

// Schedule is one, with its next runs.
type Schedule struct {
	core.Schedule
	Runs []time.Time
}

// The names of the pages' templates.

func (*Logs) Template() string      { return "logs" }
func (*Config) Template() string    { return "config" }
func (*Snapshots) Template() string { return "snapshots" }
func (*Schedules) Template() string { return "schedules" }

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
	Stream, After           string // query of the live tail, and the moment of the newest line
	Services                []core.Service
	Lines                   []LogLine
	Notes                   []string
	Found, Errors, Warnings int
	Missed                  bool // the line that somebody came for is not among them
}

// LogLine is one entry.
type LogLine struct {
	At      time.Time
	Service core.Service
	Level   logs.Level
	Message string
	Code    string
	Meant   bool // somebody came for this one
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

// FileText is one of the files that a stack is made of, as a text.
type FileText struct {
	Frame
	Of         Instance
	May        bool
	Problem    string
	Files      []string
	File, Text string
}

// Snapshots lists what was kept of an instance.
type Snapshots struct {
	Frame
	Of        Instance
	Snapshots []Snapshot
	Busy      bool // one of them is being tried
	Pager     Pager
}

// Snapshot is one, and what is done with it now.
type Snapshot struct {
	core.Snapshot
	HasDatabase bool
	Drilled     bool   // it is being restored into a throwaway database
	Vain        string // why the last drill showed nothing
}

// Schedules lists what happens by itself.
type Schedules struct {
	Frame
	Of                Instance
	Schedules         []Schedule
	Kinds             []string // that a new one may be of
	Problem           string
	Kind              string // of a form that was refused, as are these
	Spec, Zone        string
	Jitter            int
	All               bool
	MayAll            bool // have one of every instance
	Windows           []Window
	WindowProblem     string
	Minutes           []int // how long a new window may be
	Interval, Crontab string
}

// Schedule is one, with its next runs.
type Schedule struct {
	core.Schedule
	Runs []time.Time
	May  bool // be changed by whoever looks
}

// Window is a time of maintenance.
type Window struct {
	core.Window
	Open, May bool
}

// The names of the pages' templates.

func (*Logs) Template() string      { return "logs" }
func (*Config) Template() string    { return "config" }
func (*FileText) Template() string  { return "files" }
func (*Snapshots) Template() string { return "snapshots" }
func (*Schedules) Template() string { return "schedules" }

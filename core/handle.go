package core

import "regexp"

// Handle names a secret in a plan, which never holds the value. As text it is
// env:KEY, written:KEY, svc:SERVICE:KEY or given:KEY.
type Handle struct {
	From    HandleFrom
	Service Service // of FromService: the role, or the compose name of a service without one
	Key     string
}

// HandleFrom says where the value of a handle is looked up when it is used.
type HandleFrom string

// The first three are looked up in an Observation. A given value is in no file yet:
// it lives in memory until its action writes it.
const (
	FromEnv     HandleFrom = "env"     // the .env
	FromWritten HandleFrom = "written" // the .env, with the dollar signs that Compose took from the value
	FromService HandleFrom = "svc"     // the container of a service
	FromGiven   HandleFrom = "given"   // whoever approves the plan
)

var handleShape = regexp.MustCompile(`^(?:(env|written|given)|(svc):([A-Za-z0-9][A-Za-z0-9_.-]{0,127})):([A-Za-z_][A-Za-z0-9_]{0,127})$`)

// ParseHandle reads a handle from its text.
func ParseHandle(text string) (h Handle, ok bool) {
	m := handleShape.FindStringSubmatch(text)
	if m == nil {
		return Handle{}, false
	}
	return Handle{From: HandleFrom(m[1] + m[2]), Service: Service(m[3]), Key: m[4]}, true
}

func (h Handle) String() string {
	if h.From == FromService {
		return string(h.From) + ":" + string(h.Service) + ":" + h.Key
	}
	return string(h.From) + ":" + h.Key
}

// Arg is the handle as an argument of an action.
func (h Handle) Arg() map[string]any { return map[string]any{"secret": h.String()} }

// Secret returns the value that a handle stands for, if the instance has it.
func (o *Observation) Secret(h Handle) (Secret, bool) {
	switch h.From {
	case FromEnv:
		return o.Env.Lookup(h.Key)
	case FromWritten:
		return o.Env.Written(h.Key)
	case FromService:
		c, _ := o.Named(h.Service)
		v, ok := c.Env[h.Key]
		return v, ok
	}
	return "", false
}

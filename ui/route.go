package ui

import (
	"net/http"

	"github.com/basewright/basewright/core"
)

// scope says on what a route acts, and with that who may call it.
type scope int

const (
	nobody      scope = iota // the zero value: such a route is refused at start
	everybody                // without a login
	anybody                  // with a login; the handler shows what they may see
	everything               // with the permission on every instance
	oneInstance              // with the permission on the instance in the path
	oneChange
	oneSnapshot
	oneSchedule
	oneWindow
	oneAside
)

// object returns what the path names, and the parameter that names it.
func (s scope) object() (what, param string) {
	switch s {
	case oneChange:
		return "change", "cid"
	case oneSnapshot:
		return "snapshot", "sid"
	case oneSchedule:
		return "schedule", "schedule"
	case oneWindow:
		return "maintenance window", "window"
	case oneAside:
		return "entry of the quarantine", "aside"
	}
	return "instance", "id"
}

// route is one line of the table of contents.
type route struct {
	method, path string
	may          core.Verb
	on           scope
	does         string
	serve        func(*call) (any, error)

	in, out any      // zero values of the bodies; nil for none
	query   []string // "name: what it means"
	status  int      // of success
	stream  bool     // the handler writes the answer itself, as it comes
	page    bool     // it answers with a page of the panel
}

// to makes a line: method, path, permission, scope, what it does, the handler,
// and what else there is to know.
func to(method, path string, may core.Verb, on scope, does string, serve func(*call) (any, error), more ...func(*route)) route {
	r := route{method: method, path: path, may: may, on: on, does: does, serve: serve, status: http.StatusOK}
	for _, m := range more {
		m(&r)
	}
	return r
}

// takes and gives name the types of the bodies.
func takes[T any](r *route) { r.in = *new(T) }
func gives[T any](r *route) { r.out = *new(T) }

// creates, begins and accepts are successes with a status of their own.
func creates[T any](r *route) { r.out, r.status = *new(T), http.StatusCreated }
func begins[T any](r *route)  { r.out, r.status = *new(T), http.StatusAccepted }
func accepts(r *route)        { r.out, r.status = changeOut{}, http.StatusAccepted }

func asks(query ...string) func(*route) { return func(r *route) { r.query = query } }

func streams(r *route) { r.stream = true }

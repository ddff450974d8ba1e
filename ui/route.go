package ui

import (
	"net/http"
	"slices"

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

	in, out any       // zero values of the bodies; nil for none
	query   []string  // "name: what it means"
	status  int       // of success
	kinds   []string  // of content that a success can have besides JSON
	or      *answer   // another one
	stream  bool      // the handler writes the answer itself, as it comes
	heavy   bool      // it makes the engine, a database or a playbook work
	fresh   loginKind // which logins must have been proven a short while ago
	page    bool      // it answers with a page of the panel
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

// headed reports whether HEAD is answered, too: at pages, and at what monitors ask
// without a login.
func (r *route) headed() bool {
	return r.method == get && (r.page || r.on == everybody) && !slices.Contains(r.kinds, eventStream)
}

// takes and gives name the types of the bodies.
func takes[T any](r *route) { r.in = *new(T) }
func gives[T any](r *route) { r.out = *new(T) }

// creates, begins and accepts are successes with a status of their own.
func creates[T any](r *route) { r.out, r.status = *new(T), http.StatusCreated }
func begins[T any](r *route)  { r.out, r.status = *new(T), http.StatusAccepted }
func accepts(r *route)        { r.out, r.status = changeOut{}, http.StatusAccepted }

func asks(query ...string) func(*route) {
	return func(r *route) { r.query = append(r.query, query...) }
}

// answer is one that differs from the usual of its route.
type answer struct {
	status int
	out    any
}

// orGives names the answer that a route has besides its usual one and problems.
func orGives[T any](status int) func(*route) {
	return func(r *route) { r.or = &answer{status, *new(T)} }
}

// orAs names the kinds of content that a route answers with when it is asked to.
func orAs(kinds ...string) func(*route) {
	return func(r *route) { r.kinds = append(r.kinds, kinds...) }
}

// streams names the kind of content of an answer that its handler writes itself.
func streams(kind string) func(*route) {
	return func(r *route) { r.stream, r.kinds = true, []string{kind} }
}

// heavy counts what a route does as much, and who asks is limited to little of it.
func heavy(r *route) { r.heavy = true }

// fresh wants who asks by a login to have shown a short while ago that it is they,
// for what a browser that was left open must not do: it gives power that lasts, or
// shows what does.
func fresh(r *route) { r.fresh = allLogins }

// freshCookie wants it of browsers alone: a JWT is kept by a program, which nobody
// leaves open, and which may have been told to make users the whole day.
func freshCookie(r *route) { r.fresh = byCookie }

// loginKind says it in the description of the API.
type loginKind string

const (
	allLogins loginKind = "A login"
	byCookie  loginKind = "A login by cookie"
)

// eventStream is the kind of content of server-sent events.
const eventStream = "text/event-stream"

package ui

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// said are the schemas of what is said; a registry is not for two at once.
var said struct {
	sync.Mutex
	registry huma.Registry
}

// described wants what the API answered, in whichever test, to be what the
// OpenAPI document says of the route: one of its answers with its own status, body
// and kind of content, or a problem.
func (w *world) described(r *http.Request, rec *httptest.ResponseRecorder) {
	route := routeOf(r.Method, r.URL.EscapedPath())
	if route == nil || rec.Code == http.StatusOK && rec.Body.Len() == 0 && route.stream {
		return // no route of the API, or a stream that had nothing to say
	}
	kind, _, _ := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	as := route.out
	switch {
	case rec.Code >= http.StatusBadRequest && kind == "application/problem+json":
		as = Problem{}
	case route.or != nil && rec.Code == route.or.status && kind == "application/json":
		as = route.or.out
	case rec.Code != route.status || !slices.Contains(route.kinds, kind) && (route.out == nil || kind != "application/json"):
		w.t.Errorf("%s %s answers %d as %q, which is not described", r.Method, route.path, rec.Code, kind)
		return
	}
	if as == nil || slices.Contains(route.kinds, kind) {
		return
	}
	for _, err := range invalid(as, rec.Body.Bytes()) {
		w.t.Errorf("%s %s, %d: %v", r.Method, route.path, rec.Code, err)
	}
}

// invalid says how a body differs from the schema of a type.
func invalid(as any, body []byte) []error {
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		return []error{err}
	}
	said.Lock()
	defer said.Unlock()
	if said.registry == nil {
		said.registry = schemas()
	}
	var result huma.ValidateResult
	of := reflect.TypeOf(as)
	huma.Validate(said.registry, said.registry.Schema(of, true, of.Name()), huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, got, &result)
	return result.Errors
}

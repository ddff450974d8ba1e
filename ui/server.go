package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
)

// Bounds of what strangers can make us hold.
const (
	maxHeader   = 32 << 10
	readTime    = 7 * time.Second // for all of a request, its header first
	idleTime    = 60 * time.Second
	answerTime  = 3 * time.Minute        // for an answer that is no stream; a deep diagnosis fits in
	atOnce      = 64                     // requests that are worked on
	inLine      = 512                    // requests that wait
	lineTime    = 500 * time.Millisecond // from when a request came until it is worked on, in a crowd
	calmTime    = 10 * time.Second       // and where there is none: the machine stalls
	few         = 200                    // who come at once and are no crowd
	maxWatchers = 1250                   // streams
	maxShare    = 1000                   // of these, for one user
)

// Server returns the HTTP server for a handler, with every deadline set. It
// serves a listener of Receiving.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, MaxHeaderBytes: maxHeader, ReadTimeout: readTime, IdleTimeout: idleTime, ConnContext: withArrival}
}

func init() { gin.SetMode(gin.ReleaseMode) } // which prints nothing of its own

// Handler returns all routes behind their guards. trusted are the addresses of
// proxies whose X-Forwarded-For counts.
func (a *Agent) Handler(trusted []string) (http.Handler, error) {
	g := gin.New()
	g.HandleMethodNotAllowed = true
	g.RedirectTrailingSlash = false
	g.ContextWithFallback = true
	if err := g.SetTrustedProxies(trusted); err != nil {
		return nil, core.Errorf(core.Invalid, "a trusted proxy is not an address or a network: %v", err)
	}
	a.logins.init(a.Now)
	a.description = sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(describe(routes), "", " ") })
	a.reader = sync.OnceValues(func() (reader, error) { return newReader(routes) })
	all := everyRoute()
	a.panel.open(all, a.Now)
	line := newLine(atOnce, inLine, maxWatchers)
	a.Metrics.Gauges("basewright_http_places", "Requests that are worked on, wait for that, or stream.", "place", line.taken)
	g.Use(a.observed)
	for _, r := range all {
		if r.on == nobody || r.on != everybody && r.may == "" {
			return nil, fmt.Errorf("route %s %s has no permission", r.method, r.path)
		}
		g.Handle(r.method, r.path, a.guard(r, line))
		if r.headed() {
			g.HEAD(r.path, asGet, a.guard(r, line))
		}
	}
	g.NoRoute(func(c *gin.Context) {
		a.refuse(c, core.Errorf(core.NotFound, "there is nothing at %s", clip(c.Request.URL.Path, 120)))
	})
	g.NoMethod(func(c *gin.Context) {
		a.refuse(c, &statusError{http.StatusMethodNotAllowed, "this address does not take " + clip(c.Request.Method, 20)})
	})
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problemOf(core.Errorf(core.Forbidden, "a page of another site may not do this")).write(w)
	}))
	return harden(cross.Handler(g)), nil
}

// asGet has HEAD answered as GET is, to the word. The server sends none of its body.
func asGet(c *gin.Context) {
	r := *c.Request
	r.Method = http.MethodGet
	c.Request = &r
}

// everyRoute is the API and the panel.
func everyRoute() []*route {
	var all []*route
	for _, table := range [][]route{routes, pages} {
		for i := range table {
			all = append(all, &table[i])
		}
	}
	return all
}

// harden sets the headers that every answer has.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// observed gives the request an id, logs and counts it, and survives a panic.
func (a *Agent) observed(c *gin.Context) {
	start, id := time.Now(), core.NewID()[:16]
	c.Header("X-Request-Id", id)
	c.Set("id", id)
	defer func() {
		if p := recover(); p != nil {
			a.Log.Error("a request panicked", "request", id, "path", c.FullPath(), "panic", p, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				a.refuse(c, fmt.Errorf("panic: %v", p))
			}
		}
		took := time.Since(start)
		a.Metrics.request(c.Request.Method, c.FullPath(), c.Writer.Status(), took)
		a.Log.Debug("request", "request", id, "method", c.Request.Method, "route", c.FullPath(), "status", c.Writer.Status(),
			"actor", c.GetString("actor"), "took", took)
	}()
	c.Next()
}

// guard is the way of every request to its handler: its turn, its bounds, who
// asks, whether they may.
func (a *Agent) guard(r *route, l *line) gin.HandlerFunc {
	return func(g *gin.Context) {
		watches := r.stream && r.on != everybody
		g.Set("page", r.page)
		if err := preread(g, r); err != nil {
			a.refuse(g, err)
			return
		}
		leave, err := l.enter(g, watches, waited(g.Request))
		if err != nil {
			a.Metrics.shed.Inc()
			a.refuse(g, err)
			return
		}
		defer leave()
		g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, maxBody)
		if !watches {
			ctx, cancel := context.WithTimeout(g.Request.Context(), answerTime)
			defer cancel()
			g.Request = g.Request.WithContext(ctx)
		}
		c := &call{Agent: a, Context: g, ctx: g.Request.Context(), route: r}
		if r.on != everybody {
			if c.who, err = a.authenticate(g); err != nil {
				a.refuse(g, err)
				return
			}
			g.Set("actor", c.who.actor())
		}
		if err := c.admitted(); err != nil {
			a.refuse(g, err)
			return
		}
		if watches {
			done, err := a.shares.take(c.who.user.ID)
			if err != nil {
				a.refuse(g, err)
				return
			}
			defer done()
		}
		c.answer()
	}
}

// admitted refuses who may not do this, asks too fast, or must show first who they
// are. Who is asked for a password was denied nothing; a wrong one is written down
// where it is looked at.
func (c *call) admitted() error {
	if err := c.permit(); err != nil {
		c.denied(err)
		return err
	}
	if err := c.paced(); err != nil {
		return err
	}
	return c.proven()
}

// maxLogin bounds the body of a request without a login.
const maxLogin = 8 << 10

// preread reads what strangers send before they get a place: one who sends
// slowly would hold it. Who has a login is not read so.
func preread(g *gin.Context, r *route) error {
	if r.on != everybody || r.in == nil {
		return nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(g.Writer, g.Request.Body, maxLogin))
	if err != nil {
		return &statusError{http.StatusRequestEntityTooLarge, "the body did not come whole, or is larger than 8 KiB"}
	}
	g.Request.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}

// answer runs the handler and sends what it returns.
func (c *call) answer() {
	out, err := c.route.serve(c)
	if err != nil {
		if c.route.stream && c.Writer.Written() {
			return // it was cut, which the reader sees
		}
		c.refuse(c.Context, err)
		return
	}
	switch {
	case c.route.stream || c.Writer.Written():
	case c.route.page:
		c.send(out)
	default:
		c.JSON(c.route.status, out)
	}
}

// denied writes down that somebody with a login tried to change what they may
// not.
func (c *call) denied(err error) {
	if core.CodeOf(err) != core.Forbidden || c.Request.Method == http.MethodGet || !c.logins.mayNote(c.who.user.ID) {
		return
	}
	e := c.entry("access.denied", "denied", c.Request.Method+" "+c.route.path)
	e.Instance = clip(c.Param("id"), 60)
	if err := c.Store.Append(c, e); err != nil {
		c.Log.Error("a denied request could not be written down", "error", err)
	}
}

// refuse answers with a problem; what it hides goes into the log.
func (a *Agent) refuse(c *gin.Context, err error) {
	p := problemOf(err)
	p.RequestID = c.GetString("id")
	if p.Status == http.StatusConflict && strings.Contains(c.FullPath(), "/instances/:id/") {
		p.ChangeID = a.Changes.Holder(c.Param("id"))
	}
	if p.Status >= http.StatusInternalServerError && c.Request.Context().Err() == nil && !errors.Is(err, errCrowded) {
		a.Log.Error("a request failed", "request", p.RequestID, "method", c.Request.Method, "route", c.FullPath(), "status", p.Status, "error", err)
	}
	c.Abort()
	if a.wantsPage(c) {
		a.refusePage(c, p, err)
		return
	}
	p.write(c.Writer)
}

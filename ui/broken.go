package ui

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// Broken returns what is served while the state cannot be opened: nobody can
// log in, so all that is told is why, and what to do, to a person as a page.
func Broken(cause error) http.Handler {
	a := &Agent{Log: slog.New(slog.DiscardHandler)}
	prepare := sync.OnceFunc(func() { a.panel.open(nil, time.Now) }) // which a start that nobody watches need not wait for
	p := problemOf(cause)
	if core.CodeOf(cause) == core.Internal {
		p.Detail = "the state cannot be opened; the log says why"
	}
	p.Status, p.Title, p.Error, p.Retry = http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable), p.Detail, 10
	e := gin.New()
	e.GET("/healthz", func(c *gin.Context) {
		c.Data(http.StatusOK, "application/json; charset=utf-8", []byte(`{"success":true,"status":"alive"}`))
	})
	e.GET(panel.AssetsPath+":hash/:file", func(c *gin.Context) {
		prepare()
		if _, err := (&call{Agent: a, Context: c}).asset(); err != nil {
			problemOf(err).write(c.Writer)
		}
	})
	e.NoRoute(func(c *gin.Context) {
		if strings.HasPrefix(c.Request.URL.Path, "/api/") || !strings.Contains(c.GetHeader("Accept"), "text/html") {
			p.write(c.Writer)
			return
		}
		prepare()
		a.tell(c, identity{}, p, cause)
	})
	return harden(e)
}

package ui

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// pressroom is what pages are made with.
type pressroom struct {
	book   *panel.Book
	assets panel.Assets
	files  map[string]panel.Asset
	pages  map[string]*route // by path

	mu     sync.Mutex
	known  map[string]brief // of diagnoses, by their ID: these never change
	past   map[string]past  // days of instances, by their ID
	drafts map[string]draft // edits of settings that are looked at
	marks  sync.Mutex       // one writer of the marks at a time
	shelf  shelf
}

func (p *pressroom) open(all []*route, now func() time.Time) {
	p.pages = map[string]*route{}
	for _, r := range all {
		if r.page && r.method == get {
			p.pages[r.path] = r
		}
	}
	p.assets, p.files = panel.Files()
	p.known, p.drafts = map[string]brief{}, map[string]draft{}
	p.past = map[string]past{}
	p.shelf.pages = map[slot]*keptPage{}
	p.book = panel.Open(now)
}

// contentPolicy lets a page have what comes from here and nothing inline.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// The cookies that hold how somebody likes to see the panel.
const (
	langCookie  = "lang"
	themeCookie = "theme"
)

// frame is what the page of this request has around it.
func (a *Agent) frame(c *gin.Context, who identity) panel.Frame {
	lang := who.user.Language
	if lang == "" {
		lang, _ = c.Cookie(langCookie)
	}
	theme, _ := c.Cookie(themeCookie)
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	f := panel.Frame{
		Lang: panel.Choose(lang, c.GetHeader("Accept-Language")), Theme: theme,
		User: who.user.Name, Admin: who.may(core.MayAdmin, core.EveryInstance),
		Path: c.Request.URL.Path, Address: address(c.Request.URL), Version: a.Version, Assets: a.panel.assets, Nav: a.panel.navigation(who),
	}
	if who.user.Name != "" {
		f.Drawn = who.user.Drawn && who.user.Subject == "" // whom the issuer knows needs no password here
		f.Silent = a.silent()
		if a.Store.Damaged() != nil {
			f.Damaged = a.Store.Name()
		}
	}
	f.Notice = noticeOf(f.Lang, c.Query("done"))
	return f
}

// address is where the page can be asked for again, without the notice that
// it was reached with.
func address(u *url.URL) string {
	q := u.Query()
	q.Del("done")
	if len(q) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + q.Encode()
}

// framed is the frame of a page with a title of its own, in a section of the
// navigation.
func (c *call) framed(section, title string) panel.Frame {
	f := c.frame(c.Context, c.who)
	f.Section, f.Title = section, title
	return f
}

// send answers with a page, or with the part of it that a page asks for again.
// Nothing means that the handler led on to another page.
func (c *call) send(out any) {
	if out == nil {
		return
	}
	p, ok := out.(panel.Page)
	if !ok {
		c.refuse(c.Context, core.Errorf(core.Internal, "%s %s made no page", c.route.method, c.route.path))
		return
	}
	if c.Request.Method != http.MethodGet {
		c.Header("HX-Push-Url", "false") // nobody could ask for it again there
	}
	c.press(c.Context, c.route.status, p, partOf(c.Context))
}

// partOf is the block of the page that is asked for, "" for all of it.
func partOf(c *gin.Context) string {
	if c.GetHeader("HX-Request") != "true" {
		return ""
	}
	_, part, _ := strings.Cut(c.GetHeader("HX-Target"), "#")
	return part
}

// press renders a page and sends it.
func (a *Agent) press(c *gin.Context, status int, p panel.Page, part string) {
	content, err := a.panel.print(p, part, acceptsGzip(c))
	if err != nil {
		a.Log.Error("a page could not be made", "request", c.GetString("id"), "error", err)
		problemOf(err).write(c.Writer)
		return
	}
	deliver(c, status, content)
}

// sheet is a page as it is sent.
type sheet struct {
	content []byte
	gzipped bool
}

// print makes a page, or a part of it, compressed where that is worth it.
func (r *pressroom) print(p panel.Page, part string, small bool) (sheet, error) {
	var b bytes.Buffer
	if err := r.book.Render(&b, p, part); err != nil {
		return sheet{}, err
	}
	if !small || b.Len() <= 1024 {
		return sheet{content: b.Bytes()}, nil
	}
	content, err := squeezed(b.Bytes())
	return sheet{content, true}, err
}

// presses are used again: a new one takes more memory than any page.
var presses = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func squeezed(content []byte) ([]byte, error) {
	z := presses.Get().(*gzip.Writer)
	defer presses.Put(z)
	var small bytes.Buffer
	z.Reset(&small)
	_, err := z.Write(content)
	err = errors.Join(err, z.Close()) // which writes the end
	return small.Bytes(), err
}

// deliver sends a page with what every page tells a browser.
func deliver(c *gin.Context, status int, s sheet) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // forms lead back to where they were
	h.Set("Vary", "HX-Request, HX-Target, Cookie, Accept-Language, Accept-Encoding")
	if s.gzipped {
		h.Set("Content-Encoding", "gzip")
	}
	c.Data(status, "text/html; charset=utf-8", s.content)
}

func acceptsGzip(c *gin.Context) bool {
	return strings.Contains(c.GetHeader("Accept-Encoding"), "gzip")
}

// asset answers with a file whose address names its content, to be kept for
// good. An address of another version leads nowhere.
func (c *call) asset() (any, error) {
	f, found := c.panel.files[c.Param("file")]
	if !found || panel.Assets(panel.AssetsPath+c.Param("hash")+"/") != c.panel.assets {
		return nil, core.Errorf(core.NotFound, "there is no such file in this version")
	}
	h := c.Writer.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	content := f.Content
	if small := f.Gzipped(); small != nil && acceptsGzip(c.Context) {
		h.Set("Content-Encoding", "gzip")
		content = small
	}
	c.Data(http.StatusOK, f.Type, content)
	return nil, nil
}

// wantsPage reports whether a refusal is to be read by a person.
func (a *Agent) wantsPage(c *gin.Context) bool {
	return c.GetBool("page") || c.FullPath() == "" && c.Request.Method == http.MethodGet &&
		!strings.HasPrefix(c.Request.URL.Path, "/api/") && strings.Contains(c.GetHeader("Accept"), "text/html")
}

// refusePage tells a person why not. Who has no login is led to it.
func (a *Agent) refusePage(c *gin.Context, p Problem, cause error) {
	if p.Retry > 0 {
		c.Header("Retry-After", strconv.Itoa(p.Retry))
	}
	if p.Proof {
		a.askStill(c, p, cause)
		return
	}
	if p.Status == http.StatusUnauthorized {
		where := "/login?next=" + url.QueryEscape(address(c.Request.URL))
		if c.Request.Method != http.MethodGet {
			where = "/login"
		}
		if c.GetHeader("HX-Request") == "true" {
			c.Header("HX-Redirect", where)
			c.Status(http.StatusUnauthorized)
			return
		}
		c.Redirect(http.StatusSeeOther, where)
		return
	}
	who, _ := a.authenticate(c) // for the frame only
	a.tell(c, who, p, cause)
}

// tell makes the page that says what went wrong, and what to do.
func (a *Agent) tell(c *gin.Context, who identity, p Problem, cause error) {
	page := &panel.Problem{Frame: a.frame(c, who), Status: p.Status, Detail: p.Detail, Change: p.ChangeID, Back: backOf(c)}
	page.Title = page.Lang.T("problem.title")
	if key := "problem.title." + strconv.Itoa(p.Status); panel.Has(key) {
		page.Title = page.Lang.T(key)
	}
	if e, ok := errors.AsType[*core.Error](cause); ok && p.Detail == e.Error() && e.Err == nil && e.Hint != "" {
		page.Detail, page.Hint = e.Message, e.Hint
	}
	if p.Status >= http.StatusInternalServerError {
		page.Request = p.RequestID
	}
	a.press(c, p.Status, page, "")
}

// backOf is the page that the request came from, when that is one of ours.
func backOf(c *gin.Context) string {
	from, err := url.Parse(c.GetHeader("Referer"))
	if err != nil || from.Host != c.Request.Host || from.Path == c.Request.URL.Path {
		return "/"
	}
	return ours(from.RequestURI())
}

// ours returns an address of this panel, or its first page for any other.
func ours(where string) string {
	if u, err := url.Parse(where); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(where, "/") ||
		strings.HasPrefix(where, "//") || strings.ContainsAny(where, "\\\r\n\t") {
		return "/"
	}
	return where
}

// goTo leads on after a form; done names what it tells there.
func (c *call) goTo(where, done string) (any, error) {
	u, err := url.Parse(ours(where))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "there is no such page")
	}
	if done != "" {
		q := u.Query()
		q.Set("done", done)
		u.RawQuery = q.Encode()
	}
	c.Redirect(http.StatusSeeOther, cmp.Or(u.String(), "/"))
	return nil, nil
}

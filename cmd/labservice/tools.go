package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// The tools are what upstream's health checks call inside the containers; they know the flags used there.

func fetch(ctx context.Context, method, target string, header http.Header, follow bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if !follow {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c.Do(r)
}

// withScheme adds http:// where the user left it out, as curl and wget do.
func withScheme(s string) string {
	if strings.Contains(s, "://") {
		return s
	}
	return "http://" + s
}

// wgetOptions are the flags of busybox's wget that health checks use.
type wgetOptions struct {
	spider      bool
	target, out string
	header      http.Header
}

func parseWget(args []string) wgetOptions {
	o := wgetOptions{header: http.Header{}}
	for i := 0; i < len(args); i++ {
		a := args[i]
		value := func(attached string) string {
			if attached == "" && i+1 < len(args) {
				i++
				return args[i]
			}
			return attached
		}
		switch {
		case a == "--spider":
			o.spider = true
		case strings.HasPrefix(a, "-qO"), strings.HasPrefix(a, "-O"):
			o.out = value(a[strings.Index(a, "O")+1:])
		case strings.HasPrefix(a, "--header"):
			setHeader(o.header, value(strings.TrimPrefix(strings.TrimPrefix(a, "--header"), "=")))
		case a == "-T" || a == "-t":
			value("")
		case !strings.HasPrefix(a, "-"):
			o.target = withScheme(a)
		}
	}
	return o
}

// runWget is busybox's wget: --spider, -q, -O FILE, --no-verbose, --tries=N, --header.
func runWget(ctx context.Context, p proc) int {
	o := parseWget(p.args)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	method := http.MethodGet
	if o.spider {
		method = http.MethodHead
	}
	a, err := fetch(ctx, method, o.target, o.header, true)
	if err != nil {
		fmt.Fprintln(p.stderr, "wget: "+wgetText(o.target, err))
		return 1
	}
	defer a.Body.Close()
	if a.StatusCode >= 400 {
		fmt.Fprintf(p.stderr, "wget: server returned error: %s %s\n", a.Proto, a.Status)
		return 1
	}
	if o.spider {
		return 0
	}
	return saveBody(p, a.Body, o.out)
}

func wgetText(target string, err error) string {
	host := target
	if u, parseErr := url.Parse(target); parseErr == nil {
		host = u.Hostname()
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "bad address '" + host + "'"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "can't connect to remote host (" + host + "): Connection refused"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "download timed out"
	}
	return "error getting response: " + err.Error()
}

func setHeader(h http.Header, line string) {
	if k, v, ok := strings.Cut(line, ":"); ok {
		h.Set(strings.TrimSpace(k), strings.TrimSpace(v))
	}
}

// saveBody writes to a file, or to standard output for "-" and "".
func saveBody(p proc, body io.Reader, out string) int {
	w := p.stdout
	if out == os.DevNull {
		w = io.Discard
	} else if out != "" && out != "-" {
		f, err := os.Create(out)
		if err != nil {
			fmt.Fprintln(p.stderr, err)
			return 23
		}
		defer f.Close()
		w = f
	}
	if _, err := io.Copy(w, body); err != nil {
		fmt.Fprintln(p.stderr, err)
		return 18
	}
	return 0
}

var urlInCode = regexp.MustCompile(`https?://[^'"\x60\s)]+`)

// runNode is what studio's health check needs of node -e: it fetches the URL in the code and wants 200.
func runNode(ctx context.Context, p proc) int {
	target := urlInCode.FindString(strings.Join(p.args, " "))
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	a, err := fetch(ctx, http.MethodGet, target, nil, true)
	if err != nil {
		fmt.Fprintf(p.stderr, "TypeError: fetch failed\n    [cause]: %v\n", err)
		return 1
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		fmt.Fprintf(p.stderr, "Error: %d\n    at [eval]:1\n\nNode.js v22\n", a.StatusCode)
		return 1
	}
	return 0
}

// runTCPCheck tells whether something listens on HOST:PORT.
func runTCPCheck(ctx context.Context, p proc) int {
	if len(p.args) != 1 {
		fmt.Fprintln(p.stderr, "usage: tcpcheck HOST:PORT")
		return 2
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", p.args[0])
	if err != nil {
		fmt.Fprintln(p.stderr, err)
		return 1
	}
	c.Close()
	return 0
}

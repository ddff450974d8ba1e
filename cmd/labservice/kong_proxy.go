package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const kongVersion = "kong/3.9.1"

// proxyRoute is one path of one route, ready to be served.
type proxyRoute struct {
	prefix   string
	regex    *regexp.Regexp // in place of the prefix
	strip    bool
	preserve bool
	methods  []string
	target   *url.URL
	plugins  []kongPluginEntry
	proxy    *httputil.ReverseProxy
}

// upstreamPath joins the service's path with what the route leaves of the request's.
func (p *proxyRoute) upstreamPath(path string) string {
	rest := path
	switch {
	case p.strip && p.regex != nil:
		rest = path[len(p.regex.FindString(path)):]
	case p.strip:
		rest = strings.TrimPrefix(path, p.prefix)
	}
	base := strings.TrimSuffix(p.target.Path, "/")
	if rest == "" {
		if p.target.Path == "" {
			return "/"
		}
		return p.target.Path
	}
	return base + "/" + strings.TrimPrefix(rest, "/")
}

func (p *proxyRoute) matches(r *http.Request) bool {
	here := strings.HasPrefix(r.URL.Path, p.prefix)
	if p.regex != nil {
		here = p.regex.MatchString(r.URL.Path)
	}
	return here && (len(p.methods) == 0 || slices.Contains(p.methods, r.Method))
}

// visitKey carries the visit to the proxy's callbacks.
type visitKey struct{}

func (k *kong) newProxy(p *proxyRoute, s kongService) *httputil.ReverseProxy {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: milliseconds(s.ConnectTimeout)}).DialContext,
		ResponseHeaderTimeout: milliseconds(s.ReadTimeout),
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
	}
	return &httputil.ReverseProxy{
		Transport:     addressed{k.dns, t},
		FlushInterval: -1,
		Rewrite: func(q *httputil.ProxyRequest) {
			q.Out.URL.Scheme, q.Out.URL.Host = "http", p.target.Host
			q.Out.URL.Path, q.Out.URL.RawPath = p.upstreamPath(q.In.URL.Path), ""
			q.Out.Host = p.target.Host
			if p.preserve {
				q.Out.Host = q.In.Host
			}
			forwarded(q)
		},
		ModifyResponse: func(a *http.Response) error {
			if slices.ContainsFunc(p.plugins, func(e kongPluginEntry) bool { return e.Name == "cors" }) {
				a.Header.Del("Access-Control-Allow-Origin") // the plugin's own is already set
			}
			a.Header.Set("Via", "1.1 "+kongVersion)
			a.Header.Set("X-Kong-Request-Id", a.Request.Context().Value(visitKey{}).(*visit).id)
			a.Header.Set("X-Kong-Proxy-Latency", "0")
			a.Header.Set("X-Kong-Upstream-Latency", "1")
			return nil
		},
		ErrorHandler: k.upstreamError,
		ErrorLog:     k.quiet,
	}
}

func forwarded(q *httputil.ProxyRequest) {
	q.SetXForwarded()
	host, port, err := net.SplitHostPort(q.In.Host)
	if err != nil {
		host, port = q.In.Host, "8000"
	}
	q.Out.Header.Set("X-Forwarded-Host", host)
	q.Out.Header.Set("X-Forwarded-Port", port)
	q.Out.Header.Set("X-Forwarded-Path", q.In.URL.Path)
	q.Out.Header.Set("X-Forwarded-Prefix", q.In.URL.Path)
	q.Out.Header.Set("X-Real-IP", clientIP(q.In))
}

func milliseconds(n int) time.Duration {
	if n <= 0 {
		n = 60000
	}
	return time.Duration(n) * time.Millisecond
}

// resolver caches names as Kong's DNS client does: a found address is kept for KONG_DNS_VALID_TTL (the record's own
// lifetime by default, which is ten minutes with Docker's resolver), so a recreated container leaves a stale address.
type resolver struct {
	valid, notFound time.Duration
	mu              sync.Mutex
	cache           map[string]resolved
}

type resolved struct {
	ip    string
	err   error
	until time.Time
}

func newResolver(e env) *resolver {
	ttl := func(key string, def time.Duration) time.Duration {
		if n, err := strconv.ParseFloat(e[key], 64); err == nil {
			return time.Duration(n * float64(time.Second))
		}
		return def
	}
	return &resolver{valid: ttl("KONG_DNS_VALID_TTL", 10*time.Minute), notFound: ttl("KONG_DNS_NOT_FOUND_TTL", 30*time.Second), cache: map[string]resolved{}}
}

func (r *resolver) lookup(ctx context.Context, host string) (string, error) {
	if net.ParseIP(host) != nil {
		return host, nil
	}
	r.mu.Lock()
	c, ok := r.cache[host]
	r.mu.Unlock()
	if ok && time.Now().Before(c.until) {
		return c.ip, c.err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	c = resolved{err: err, until: time.Now().Add(r.notFound)}
	if err == nil {
		c = resolved{ip: addrs[0].Unmap().String(), until: time.Now().Add(r.valid)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache[host] = c
	return c.ip, c.err
}

// addressed asks by address, as Kong's balancer does: kept connections belong
// to an address and not to a name, so that a name that has moved is not asked
// at its old place for as long as somebody there keeps the connection.
type addressed struct {
	dns *resolver
	to  http.RoundTripper
}

func (a addressed) RoundTrip(r *http.Request) (*http.Response, error) {
	ip, err := a.dns.lookup(r.Context(), r.URL.Hostname())
	if err != nil {
		return nil, err
	}
	asked := r.Clone(r.Context())
	if asked.URL.Host = ip; r.URL.Port() != "" {
		asked.URL.Host = net.JoinHostPort(ip, r.URL.Port())
	}
	resp, err := a.to.RoundTrip(asked)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

// upstreamError answers and logs what went wrong on the way to the upstream, in nginx's and Kong's words.
func (k *kong) upstreamError(w http.ResponseWriter, r *http.Request, err error) {
	v := r.Context().Value(visitKey{}).(*visit)
	upstream := r.URL.Host
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Addr != nil {
		upstream = e.Addr.String()
	}
	nginx := func(what string) {
		k.errorLine(v, fmt.Sprintf(`%s, client: %s, server: kong, request: "%s %s %s", upstream: "http://%s%s", host: "%s"`,
			what, clientIP(v.r), v.r.Method, v.r.RequestURI, v.r.Proto, upstream, r.URL.RequestURI(), v.r.Host))
	}
	timeout := func() bool { n, ok := errors.AsType[net.Error](err); return ok && n.Timeout() }
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		reason := "dns server error: 3 name error"
		if !d.IsNotFound {
			reason = "dns client error: 101 empty record received"
		}
		k.errorLine(v, fmt.Sprintf(`[lua] balancer.lua:350: execute(): DNS resolution failed: %s. Tried: ["(short)%s:(na) - cache-miss"], client: %s, server: kong, request: "%s %s %s", host: "%s"`,
			reason, d.Name, clientIP(v.r), v.r.Method, v.r.RequestURI, v.r.Proto, v.r.Host))
		k.refuse(w, v, &refusal{status: 503, message: "name resolution failed"})
		return
	}
	status, message := 502, "An invalid response was received from the upstream server"
	switch {
	case errors.Is(err, context.Canceled):
		status = 499
	case errors.Is(err, syscall.ECONNREFUSED):
		nginx("connect() failed (111: Connection refused) while connecting to upstream")
	case errors.Is(err, syscall.EHOSTUNREACH):
		nginx("connect() failed (113: Host is unreachable) while connecting to upstream")
	case timeout():
		status, message = 504, "The upstream server is timing out"
		nginx("upstream timed out (110: Operation timed out) while reading response header from upstream")
	case errors.Is(err, syscall.ECONNRESET):
		nginx("recv() failed (104: Connection reset by peer) while reading response header from upstream")
	default:
		nginx("upstream prematurely closed connection while reading response header from upstream")
	}
	k.refuse(w, v, &refusal{status: status, message: message})
}

// refuse answers with Kong 3's error body.
func (k *kong) refuse(w http.ResponseWriter, v *visit, f *refusal) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Server", kongVersion)
	h.Set("X-Kong-Response-Latency", "0")
	h.Set("X-Kong-Request-Id", v.id)
	for name, value := range f.headers {
		h.Set(name, value)
	}
	body := fmt.Sprintf("{\n  \"message\":%q,\n  \"request_id\":%q\n}", f.message, v.id)
	if f.body != "" {
		body = strings.TrimSpace(f.body)
		if f.ctype != "" {
			h.Set("Content-Type", f.ctype)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	w.Write([]byte(body))
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x", b)
}

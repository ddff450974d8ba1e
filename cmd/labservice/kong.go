package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kong stands in for Kong 3.9 in DB-less mode, with the plugins that Supabase's kong.yml uses.
type kong struct {
	routes []*proxyRoute
	keys   map[string]string   // key → consumer
	groups map[string][]string // consumer → ACL groups
	basic  []kongBasic
	dns    *resolver
	out    *lines
	errs   *lines
	quiet  *log.Logger
	// combined drops Kong's own request id from the access log, as KONG_PROXY_ACCESS_LOG="… combined" does.
	combined bool
}

func runKong(ctx context.Context, p proc) int {
	if len(p.args) > 0 && p.args[0] == "health" {
		return kongHealth(p)
	}
	errs := &lines{w: p.stderr}
	files := kongPaths{kongTemplate, kongEntrypoint, cmp.Or(p.env["KONG_DECLARATIVE_CONFIG"], kongDefault)}
	files.prepare(p.env, errs.print)
	conf, err := files.parse()
	if err != nil {
		errs.print(fmt.Sprintf("nginx: [error] init_by_lua error: /usr/local/share/lua/5.1/kong/init.lua:654: error parsing declarative config file %s:\n%v\nstack traceback:\n\t[C]: in function 'error'\n\t/usr/local/share/lua/5.1/kong/init.lua:654: in function 'init'\n\tinit_by_lua(nginx-kong.conf:37):3: in main chunk", files.config, err))
		return 1
	}
	k := newKong(conf, p.env, p.stdout, p.stderr)
	addr := kongListen(p.env)
	if err := serve(ctx, addr, k); err != nil {
		errs.print(fmt.Sprintf("nginx: [emerg] bind() to %s failed (98: Address already in use)", addr))
		return 1
	}
	return 0
}

// kongListen is the first plain address of KONG_PROXY_LISTEN.
func kongListen(e env) string {
	for part := range strings.SplitSeq(e["KONG_PROXY_LISTEN"], ",") {
		if f := strings.Fields(part); len(f) > 0 && !slices.Contains(f, "ssl") {
			return f[0]
		}
	}
	return "0.0.0.0:8000"
}

// kongHealth is the command "kong health": it tells whether the proxy runs in this container.
func kongHealth(p proc) int {
	_, port, err := net.SplitHostPort(kongListen(p.env))
	if err != nil {
		port = "8000"
	}
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, 2*time.Second)
	if err != nil {
		fmt.Fprintln(p.stderr, "Error: Kong is not running at /usr/local/kong\n\n  Run with --v (verbose) or --vv (debug) for more details")
		return 1
	}
	c.Close()
	fmt.Fprintln(p.stdout, "nginx.......running\n\nKong is healthy at /usr/local/kong")
	return 0
}

func newKong(c *kongFile, e env, stdout, stderr io.Writer) *kong {
	k := &kong{
		keys: map[string]string{}, groups: map[string][]string{}, basic: slices.Clone(c.Basic), dns: newResolver(e),
		out: &lines{w: stdout}, errs: &lines{w: stderr}, quiet: log.New(io.Discard, "", 0),
		combined: strings.Contains(e["KONG_PROXY_ACCESS_LOG"], "combined"),
	}
	keys, acls := slices.Clone(c.KeyAuths), slices.Clone(c.ACLs)
	for _, u := range c.Consumers {
		for _, key := range u.Keys {
			keys = append(keys, kongKey{u.Username, key.Key})
		}
		for _, a := range u.ACLs {
			acls = append(acls, kongACL{u.Username, a.Group})
		}
		for _, b := range u.Basic {
			k.basic = append(k.basic, kongBasic{u.Username, b.Username, b.Password})
		}
	}
	for _, key := range keys {
		if key.Key != "" { // an unset variable must not open the door to an empty header
			k.keys[key.Key] = key.Consumer
		}
	}
	for _, a := range acls {
		k.groups[a.Consumer] = append(k.groups[a.Consumer], a.Group)
	}
	k.addRoutes(c)
	return k
}

func (k *kong) addRoutes(c *kongFile) {
	for _, s := range c.Services {
		target, err := url.Parse(s.URL)
		if err != nil {
			continue
		}
		for _, r := range s.Routes {
			for _, path := range r.Paths {
				p := &proxyRoute{
					prefix: path, regex: pathRegex(path), strip: r.StripPath == nil || *r.StripPath, preserve: r.PreserveHost,
					methods: r.Methods, target: target, plugins: orderPlugins(c.Plugins, s.Plugins, r.Plugins),
				}
				p.proxy = k.newProxy(p, s)
				k.routes = append(k.routes, p)
			}
		}
	}
	slices.SortStableFunc(k.routes, func(a, b *proxyRoute) int {
		if regexA, regexB := a.regex != nil, b.regex != nil; regexA != regexB {
			if regexA {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(b.prefix), len(a.prefix))
	})
}

// pathRegex reads a path that begins with ~, which Kong takes for a regular
// expression and tries before all prefixes; nil for a plain one.
func pathRegex(path string) *regexp.Regexp {
	expression, ok := strings.CutPrefix(path, "~")
	if !ok {
		return nil
	}
	r, err := regexp.Compile("^(?:" + expression + ")")
	if err != nil {
		return nil
	}
	return r
}

// orderPlugins merges global, service and route plugins: the nearest wins, and the priority decides the order.
func orderPlugins(levels ...[]kongPluginEntry) []kongPluginEntry {
	last := map[string]kongPluginEntry{}
	for _, level := range levels {
		for _, p := range level {
			last[p.Name] = p
		}
	}
	var out []kongPluginEntry
	for _, name := range kongPluginOrder {
		if p, ok := last[name]; ok && (p.Enabled == nil || *p.Enabled) {
			out = append(out, p)
		}
	}
	return out
}

func (k *kong) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	v := &visit{k: k, id: newRequestID(), r: r}
	defer func() { k.accessLine(v, rec) }()
	i := slices.IndexFunc(k.routes, func(p *proxyRoute) bool { return p.matches(r) })
	if i < 0 {
		k.refuse(rec, v, &refusal{status: 404, message: "no Route matched with those values"})
		return
	}
	route := k.routes[i]
	v.r = r.Clone(context.WithValue(r.Context(), visitKey{}, v))
	for _, p := range route.plugins {
		run, ok := kongPlugins[p.Name]
		if !ok {
			continue
		}
		if f := run(v, p.Config); f != nil {
			k.refuse(rec, v, f)
			return
		}
		if p.Name == "cors" {
			for name, value := range corsHeaders(r, p.Config) {
				rec.Header().Set(name, value)
			}
		}
	}
	route.proxy.ServeHTTP(rec, v.r)
}

// accessLine writes nginx's combined format.
func (k *kong) accessLine(v *visit, rec *recorder) {
	s := fmt.Sprintf(`%s - %s [%s] "%s %s %s" %d %d "%s" "%s"`,
		clientIP(v.r), cmp.Or(basicUser(v.r), "-"), time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000"),
		v.r.Method, v.r.RequestURI, v.r.Proto, rec.status, rec.size,
		cmp.Or(v.r.Header.Get("Referer"), "-"), cmp.Or(v.r.Header.Get("User-Agent"), "-"))
	if !k.combined {
		s += fmt.Sprintf(` kong_request_id: "%s"`, v.id)
	}
	k.out.print(s)
}

func basicUser(r *http.Request) string {
	u, _, _ := r.BasicAuth()
	return u
}

// errorLine writes nginx's error format.
func (k *kong) errorLine(v *visit, msg string) {
	k.errs.print(fmt.Sprintf(`%s [error] %d#0: *1 %s, request_id: "%s"`, time.Now().UTC().Format("2006/01/02 15:04:05"), os.Getpid(), msg, v.id))
}

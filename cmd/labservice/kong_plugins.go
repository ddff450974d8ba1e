package main

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// visit is one request on its way through the plugins of a route.
type visit struct {
	r        *http.Request
	k        *kong
	consumer string
	id       string
}

// refusal is an answer that Kong gives itself, without asking the upstream.
type refusal struct {
	status  int
	message string
	headers map[string]string
	body    string // instead of the message
	ctype   string
}

// kongPluginOrder is Kong's order of execution, by the plugins' priorities.
var kongPluginOrder = []string{"cors", "key-auth", "basic-auth", "ip-restriction", "acl", "request-transformer", "request-termination", "post-function", "pre-function"}

var kongPlugins = map[string]func(v *visit, c kongFields) *refusal{
	"cors":                preflight,
	"key-auth":            keyAuth,
	"basic-auth":          basicAuth,
	"ip-restriction":      ipRestriction,
	"acl":                 acl,
	"request-transformer": transformRequest,
	"request-termination": terminate,
	"post-function":       postFunction,
}

// preflight answers a CORS preflight; simple requests get their headers in corsHeaders.
func preflight(v *visit, c kongFields) *refusal {
	if v.r.Method != http.MethodOptions || v.r.Header.Get("Origin") == "" || v.r.Header.Get("Access-Control-Request-Method") == "" {
		return nil
	}
	h := corsHeaders(v.r, c)
	h["Access-Control-Allow-Methods"] = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
	if ask := v.r.Header.Get("Access-Control-Request-Headers"); ask != "" {
		h["Access-Control-Allow-Headers"] = ask
	}
	return &refusal{status: 200, headers: h, body: " ", ctype: "text/plain"}
}

func corsHeaders(r *http.Request, c kongFields) map[string]string {
	h := map[string]string{"Access-Control-Allow-Origin": "*"}
	if origin := r.Header.Get("Origin"); origin != "" && len(c.Origins) > 0 && !slices.Contains(c.Origins, "*") {
		if !slices.Contains(c.Origins, origin) {
			return map[string]string{}
		}
		h = map[string]string{"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
	}
	if c.Credentials {
		h["Access-Control-Allow-Credentials"] = "true"
	}
	return h
}

// keyAuth finds the consumer of the key in a header or in the query. Only the configured strings count: a token that
// is merely signed with the right secret is not a key.
func keyAuth(v *visit, c kongFields) *refusal {
	names := c.KeyNames
	if len(names) == 0 {
		names = []string{"apikey"}
	}
	query := v.r.URL.Query()
	key := ""
	for _, n := range names {
		if key = v.r.Header.Get(n); key != "" {
			break
		}
		if key = query.Get(n); key != "" {
			break
		}
	}
	realm := "Key"
	if c.Realm != "" {
		realm = `Key realm="` + c.Realm + `"`
	}
	if key == "" {
		return &refusal{status: 401, message: "No API key found in request", headers: map[string]string{"WWW-Authenticate": realm}}
	}
	consumer, ok := v.k.keys[key]
	if !ok {
		return &refusal{status: 401, message: "Unauthorized", headers: map[string]string{"WWW-Authenticate": realm}}
	}
	v.consumer = consumer
	if c.HideCredentials {
		for _, n := range names {
			v.r.Header.Del(n)
			query.Del(n)
		}
		v.r.URL.RawQuery = query.Encode()
	}
	v.r.Header.Set("X-Consumer-Username", consumer)
	return nil
}

func basicAuth(v *visit, c kongFields) *refusal {
	realm := c.Realm
	if realm == "" {
		realm = "service"
	}
	user, password, given := v.r.BasicAuth()
	i := slices.IndexFunc(v.k.basic, func(b kongBasic) bool {
		return given && b.Username != "" && b.Username == user && b.Password == password
	})
	if i < 0 {
		return &refusal{status: 401, message: "Unauthorized", headers: map[string]string{"WWW-Authenticate": `Basic realm="` + realm + `"`}}
	}
	v.consumer = v.k.basic[i].Consumer
	if c.HideCredentials {
		v.r.Header.Del("Authorization")
	}
	return nil
}

func ipRestriction(v *visit, c kongFields) *refusal {
	ip := clientIP(v.r)
	addr, err := netip.ParseAddr(ip)
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool {
			if p, err := netip.ParsePrefix(s); err == nil {
				return p.Contains(addr.Unmap())
			}
			a, err := netip.ParseAddr(s)
			return err == nil && a.Unmap() == addr.Unmap()
		})
	}
	if err != nil || in(c.Deny) || len(c.Allow) > 0 && !in(c.Allow) {
		return &refusal{status: 403, message: "IP address not allowed: " + ip}
	}
	return nil
}

func acl(v *visit, c kongFields) *refusal {
	groups := v.k.groups[v.consumer]
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(g string) bool { return slices.Contains(groups, g) })
	}
	allow := slices.Concat(c.Allow, c.Whitelist)
	if v.consumer == "" || len(allow) > 0 && !has(allow) || has(c.Deny) {
		return &refusal{status: 403, message: "You cannot consume this service"}
	}
	return nil
}

func terminate(_ *visit, c kongFields) *refusal {
	status := c.StatusCode
	if status == 0 {
		status = 503
	}
	return &refusal{status: status, message: c.Message, body: c.Body, ctype: c.ContentType}
}

// transformRequest removes, replaces what is there and adds what is not, in this order, as Kong does.
func transformRequest(v *visit, c kongFields) *refusal {
	before, query := v.r.Header.Clone(), v.r.URL.Query()
	original := v.r.URL.Query()
	value := func(template string) string { return expand(template, before, original) }
	for _, h := range c.Remove.Headers {
		v.r.Header.Del(h)
	}
	for _, pair := range c.Replace.Headers {
		if name, t := cutPair(pair); len(before.Values(name)) > 0 {
			v.r.Header.Set(name, value(t))
		}
	}
	for _, pair := range c.Add.Headers {
		if name, t := cutPair(pair); len(v.r.Header.Values(name)) == 0 {
			v.r.Header.Set(name, value(t))
		}
	}
	for _, pair := range c.Replace.Querystring {
		if name, t := cutPair(pair); query.Has(name) {
			query.Set(name, value(t))
		}
	}
	for _, pair := range c.Add.Querystring {
		if name, t := cutPair(pair); !query.Has(name) {
			query.Set(name, value(t))
		}
	}
	if len(c.Replace.Querystring)+len(c.Add.Querystring) > 0 {
		v.r.URL.RawQuery = query.Encode()
	}
	return nil
}

func cutPair(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, ":")
	return strings.TrimSpace(name), strings.TrimSpace(value)
}

// expand evaluates a template of the form $(…); anything else stands for itself.
func expand(template string, h http.Header, q url.Values) string {
	if !strings.HasPrefix(template, "$(") || !strings.HasSuffix(template, ")") {
		return template
	}
	s := luaEval(template[2:len(template)-1], func(table, name string) (string, bool) {
		switch table {
		case "headers":
			name = strings.ReplaceAll(name, "_", "-")
			return h.Get(name), len(h.Values(name)) > 0
		case "query_params":
			return q.Get(name), q.Has(name)
		}
		return "", false
	})
	return s
}

// postFunction knows one Lua snippet, Supabase's: it drops an Authorization header that came out blank.
func postFunction(v *visit, c kongFields) *refusal {
	for _, code := range c.Access {
		if strings.Contains(code, `clear_header("authorization")`) && strings.TrimSpace(v.r.Header.Get("Authorization")) == "" {
			v.r.Header.Del("Authorization")
		}
	}
	return nil
}

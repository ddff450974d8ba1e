package checks

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// rule is one code of a family and what tells it. A rule without a title is a
// second way to tell a code that another checker explains.
type rule struct {
	core.Explanation
	tell func(ctx context.Context, t core.Target) []core.Finding
}

// family registers rules that look at the observation and at files alone.
func family(id, title string, category core.Category, rules []rule) {
	c := core.Checker{ID: id, Title: title, Category: category, Files: true}
	for _, r := range rules {
		if r.Title != "" {
			c.Finds = append(c.Finds, r.Explanation)
		}
	}
	c.Check = func(ctx context.Context, t core.Target) ([]core.Finding, error) {
		var found []core.Finding
		for _, r := range rules {
			for _, f := range r.tell(ctx, t) {
				found = append(found, explained(f, r.Code))
			}
		}
		return found, nil
	}
	register(c)
}

// explained fills in what the catalogue says of a finding, also when its code
// is another checker's, which a run over files alone may leave out.
func explained(f core.Finding, code string) core.Finding {
	f.Code = cmp.Or(f.Code, code)
	if e, _, ok := Explain(f.Code); ok {
		f.Severity, f.Title = cmp.Or(f.Severity, e.Severity), cmp.Or(f.Title, e.Title)
		f.Explanation = cmp.Or(f.Explanation, e.What+" "+e.Breaks+" "+e.Do+" "+e.Data)
	}
	return f
}

// nothing is what advice explains: a risk is never why a service fails.
var nothing = []core.Service{"none"}

// advice makes a finding that explains no other, or none without evidence.
func advice(s core.Service, proof ...core.Evidence) []core.Finding {
	if len(proof) == 0 {
		return nil
	}
	return []core.Finding{{Service: s, Evidence: proof, Affects: nothing}}
}

// fault makes a finding that may be why its service fails, or none without
// evidence.
func fault(s core.Service, proof ...core.Evidence) []core.Finding {
	if len(proof) == 0 {
		return nil
	}
	return []core.Finding{{Service: s, Evidence: proof}}
}

// part is a service as it runs or, without a container, as the files declare it.
type part struct {
	role    core.Service
	name    string // of the container, or what the files would call it
	image   string
	env     map[string]core.Secret
	ports   []core.Port
	mounts  []core.Mount
	command []string // entrypoint and arguments
	running bool
	files   *core.Compose // that declare it; nil when a container was seen
	service string        // name in the files
}

// at names where a part of it is set, as the source of evidence.
func (p part) at(path ...string) string {
	if p.files == nil {
		return "inspect:" + p.name
	}
	return p.files.Place(append([]string{p.service}, path...)...)
}

// setting names where one of its variables is set.
func (p part) setting(key string) string {
	if p.files == nil {
		return "env:" + string(p.role)
	}
	return p.at("environment", key)
}

// settingOf is setting for the service s.
func settingOf(t core.Target, s core.Service, key string) string {
	p, _ := partOf(t, s)
	return p.setting(key)
}

func partOf(t core.Target, s core.Service) (part, bool) {
	if c, ok := t.Container(s); ok {
		return part{role: s, name: c.Name, image: c.Image, env: c.Env, ports: c.Ports, mounts: c.Mounts, command: c.Command, running: c.State == "running"}, true
	}
	if d, ok := t.Declared(s); ok {
		return part{role: s, name: cmp.Or(d.ContainerName, d.Name), image: d.Image, env: d.Env, ports: d.Ports, mounts: d.Mounts, command: d.Command, files: &t.Compose, service: d.Name}, true
	}
	return part{}, false
}

// parts lists the services of the stack in the order of their roles.
func parts(t core.Target) []part {
	var out []part
	for _, s := range core.Services {
		if p, ok := partOf(t, s); ok {
			out = append(out, p)
		}
	}
	return out
}

// value returns a variable of a service, "" when it has none.
func value(t core.Target, s core.Service, key string) string {
	p, _ := partOf(t, s)
	return p.env[key].Reveal()
}

// envOr returns a variable of .env or, where that lacks it, of a service.
func envOr(t core.Target, key string, s core.Service, variable string) string {
	if v, ok := t.Env.Lookup(key); ok && v != "" {
		return v.Reveal()
	}
	return value(t, s, variable)
}

// clock is when the instance was looked at.
func clock(t core.Target) time.Time {
	if t.At.IsZero() {
		return time.Now()
	}
	return t.At
}

// everywhere reports whether a port is published on every address of the host.
func everywhere(p core.Port) bool {
	return p.HostPort != 0 && slices.Contains([]string{"", "0.0.0.0", "::"}, p.HostIP)
}

// hostOf returns the host of a URL, "" when it is none.
func hostOf(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// fromEnv names the line of .env that sets key, as the source of evidence.
func fromEnv(t core.Target, key string) string {
	if n := t.Env.Line(key); n > 0 {
		return fmt.Sprintf("file:.env:%d", n)
	}
	return "file:.env"
}

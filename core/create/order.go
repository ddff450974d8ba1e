// Package create makes new instances: it checks what a person asks for against
// what the host has, chooses ports and a network, and renders the folder of the
// stack from a release's templates. Package apply carries the plan out.
package create

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
)

// Order is what a person asks for. Zero fields are chosen.
type Order struct {
	ID      string // slug; empty makes it of the name
	Name    string // for people
	Release string // of Supabase; empty means the newest that is known
	URL     string // where browsers reach the stack: http://127.0.0.1:8000, https://shop.example.com
	SiteURL string // where users come from, e.g. the app's address; empty means URL
	Bind    string // address of this host that ports are published on; empty means 127.0.0.1
	Ports   Ports
	Images  string // prefix of all images, for a mirror: "registry.example/supabase"; empty means upstream's own
	PG      int    // PostgreSQL major version, 15 or 17; 0 means 17
	Subnets string // range that the stack's own /24 network is taken from; empty means 10.201.0.0/16

	Gateway      string // kong or envoy; empty means kong
	Logs         bool   // analytics and vector beside the others: logs in Studio
	MemoryLimits bool   // each service may have so much memory and no more

	Keep  bool  // leave what was made when it fails, for a person to look at
	Clone Clone // what it gets of another instance

	DashboardUser string // empty means "dashboard"
	SMTP          SMTP
}

// Clone says of which instance a new one gets a copy. Its identity and its secrets
// are its own all the same.
type Clone struct {
	Of         string // instance; empty for a new one
	SchemaOnly bool   // tables and functions, and no row
	Snapshot   string // id of the snapshot of Of that it gets; empty takes one now
	Rehearsal  bool   // an upgrade is tried with it, and then it is removed
}

// Ports are what a stack publishes on the host.
type Ports struct {
	Gateway     int `json:"gateway"`     // HTTP API and dashboard
	Session     int `json:"session"`     // pooler, session mode; also the database's own port inside the stack
	Transaction int `json:"transaction"` // pooler, transaction mode
}

// SMTP is the mail server that auth sends with. Without a host users are
// confirmed at once.
type SMTP struct {
	Host, User, From string
	Port             int
	Password         core.Secret
}

// Problem is one reason why an instance cannot be made as ordered.
type Problem struct {
	What string `json:"what"` // the field or thing: "name", "gateway port", "image kong/kong:3.9.3"
	Text string `json:"text"` // what is wrong and what to do, a sentence
	// Taken says that another instance or stack has it already.
	Taken bool `json:"taken,omitempty"`
}

// Refusal is every problem of an order at once.
type Refusal struct {
	ID       string
	Problems []Problem
	Code     core.ErrorCode // core.Conflict when the name is taken, else core.Invalid
}

func (r *Refusal) Error() string {
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, p.What+": "+p.Text)
	}
	return quoted(r.ID) + " cannot be made: " + strings.Join(lines, "; ")
}

// Unwrap gives programs the code.
func (r *Refusal) Unwrap() error {
	return core.Errorf(r.Code, "%s cannot be made", quoted(r.ID))
}

// reserved are slugs that would read as something else in a path or a command.
var reserved = []string{"adopt", "all", "api", "audit", "basewright", "check-all-health", "default", "events", "instances", "login", "preflight", "supabase"}

// complete fills in what is chosen without looking at the host, and returns
// what is wrong with the order by itself.
func (o Order) complete() (Order, []Problem) {
	var p problems
	o.Name = strings.TrimSpace(o.Name)
	if n := len([]rune(o.Name)); o.ID == "" && spells(o.Name) && n >= 3 && n <= 40 {
		o.ID = core.Slug(o.Name)
	}
	o.Name = cmp.Or(o.Name, o.ID)
	o.Release = cmp.Or(o.Release, configs.Releases()[len(configs.Releases())-1])
	o.Bind = cmp.Or(o.Bind, "127.0.0.1")
	o.PG = cmp.Or(o.PG, 17)
	o.Subnets = cmp.Or(o.Subnets, "10.201.0.0/16")
	o.DashboardUser = cmp.Or(o.DashboardUser, "dashboard")
	o.Gateway = cmp.Or(o.Gateway, Kong)
	o.checkName(&p)
	o.checkPlace(&p)
	o.checkPorts(&p)
	o.checkText(&p)
	return o, p
}

type problems []Problem

func (p *problems) add(what, text string) { *p = append(*p, Problem{What: what, Text: text}) }
func (p *problems) taken(what, text string) {
	*p = append(*p, Problem{What: what, Text: text, Taken: true})
}

// spells reports whether an id that is made of a name still tells of it: a name in
// other letters than a to z leaves nothing.
func spells(name string) bool {
	latin := strings.ContainsFunc(name, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' })
	digits := strings.ContainsFunc(name, func(r rune) bool { return r >= '0' && r <= '9' })
	return latin || digits && !strings.ContainsFunc(name, unicode.IsLetter)
}

// path reports whether a name reads as one. It would never be used as one, but
// whoever wrote it meant something else than a name.
func path(name string) bool { return strings.ContainsAny(name, `/\`) || strings.Contains(name, "..") }

func (o Order) checkName(p *problems) {
	switch {
	case path(o.Name):
		p.add("name", quoted(o.Name)+" is a path; a name has no / and no ..")
	case o.ID == "" && spells(o.Name):
		p.add("name", "of the name "+quoted(o.Name)+" no id can be made, since an id has 3 to 40 characters; give an id, too")
	case o.ID == "" && o.Name != "":
		p.add("name", "of the name "+quoted(o.Name)+" no id can be made, since it has no letter from a to z; give an id, too")
	case o.ID == "":
		p.add("name", "the instance needs a name")
	case !core.ValidID(o.ID):
		p.add("name", "the id "+quoted(o.ID)+" may have 3 to 40 small letters, digits and dashes, and begins with a letter")
	case slices.Contains(reserved, o.ID):
		p.add("name", "the id "+o.ID+" is reserved; choose another")
	}
	if len([]rune(o.Name)) > 80 || strings.ContainsFunc(o.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add("name", "the name may have up to 80 characters and no control characters")
	}
}

func quoted(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return `"` + strings.ToValidUTF8(s, "�") + `"`
}

func (o Order) checkPlace(p *problems) {
	if !slices.Contains(configs.Releases(), o.Release) {
		p.add("release", "there is no release "+quoted(o.Release)+"; there are: "+strings.Join(configs.Releases(), ", "))
	}
	if o.PG != 15 && o.PG != 17 {
		p.add("postgres", "PostgreSQL may be 15 or 17")
	}
	if o.Gateway != Kong && o.Gateway != Envoy {
		p.add("gateway", quoted(o.Gateway)+" is not one of: kong, envoy")
	}
	if net.ParseIP(o.Bind) == nil {
		p.add("bind", quoted(o.Bind)+" is not an IP address of this host, such as 127.0.0.1 or 0.0.0.0")
	}
	if r, err := netip.ParsePrefix(o.Subnets); err != nil || !r.Addr().Is4() || r.Bits() > 24 || !r.Addr().IsPrivate() {
		p.add("subnets", quoted(o.Subnets)+" is not a private IPv4 range of at least a /24, such as 10.201.0.0/16")
	}
	for what, text := range map[string]string{"url": o.URL, "site url": o.SiteURL} {
		if text == "" {
			continue
		}
		if why := badURL(text); why != "" {
			p.add(what, quoted(text)+" "+why)
		}
	}
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// badURL says why text cannot be the address of a stack.
func badURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "is not an address such as https://shop.example.com"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "may have no user, path or query: the stack answers at the root of its address"
	case !plainHost.MatchString(u.Host):
		return "has a host name with characters that no host name has"
	case u.Hostname() == "0.0.0.0" || u.Hostname() == "::":
		return "is every address and none: give the one that browsers use"
	}
	return ""
}

func (o Order) checkPorts(p *problems) {
	seen := map[int]string{}
	for _, port := range o.Ports.list() {
		switch {
		case port.number == 0:
			continue
		case port.number < 0 || port.number > 65535:
			p.add(port.name+" port", "a port is 1 to 65535")
		case port.number < 1024:
			p.add(port.name+" port", "ports below 1024 belong to the system; use one from 1024 on, and a reverse proxy for 80 and 443")
		case seen[port.number] != "":
			p.add(port.name+" port", "is the same as the "+seen[port.number]+" port")
		}
		seen[port.number] = port.name
	}
}

type namedPort struct {
	name   string
	number int
}

func (p Ports) list() []namedPort {
	return []namedPort{{"gateway", p.Gateway}, {"session", p.Session}, {"transaction", p.Transaction}}
}

var (
	plainUser  = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)
	plainImage = regexp.MustCompile(`^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$`)
)

func (o Order) checkText(p *problems) {
	if !plainUser.MatchString(o.DashboardUser) {
		p.add("dashboard user", quoted(o.DashboardUser)+" may have letters, digits and . _ @ - only")
	}
	if o.Images != "" && !plainImage.MatchString(o.Images) {
		p.add("images", quoted(o.Images)+" is not a prefix of image names, such as registry.example/supabase")
	}
	for what, text := range map[string]string{"mail server": o.SMTP.Host, "mail user": o.SMTP.User, "mail sender": o.SMTP.From, "mail password": o.SMTP.Password.Reveal()} {
		if strings.ContainsAny(text, "\n\r\x00") || len(text) > 512 {
			p.add(what, "may be one line of up to 512 characters")
		}
	}
	if o.SMTP.Port < 0 || o.SMTP.Port > 65535 {
		p.add("mail port", "a port is 1 to 65535")
	}
	if o.SMTP.Host == "" && (o.SMTP.User != "" || o.SMTP.Password != "" || o.SMTP.Port != 0) {
		p.add("mail server", "a mail user, password or port needs a mail server")
	}
}

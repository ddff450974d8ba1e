package create

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestOrdersThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		order Order
		want  []string // "what: part of the text"
	}{
		"no name":                       {Order{}, []string{"name: needs a name"}},
		"a name of other letters":       {Order{Name: "Магазин"}, []string{`name: of the name "Магазин" no id can be made, since it has no letter from a to z; give an id, too`}},
		"other letters with a number":   {Order{Name: "店 2"}, []string{"name: of the name"}},
		"a name of nothing but symbols": {Order{Name: "☃", ID: "☃"}, []string{"name: 3 to 40 small letters"}},
		"a path for an id":              {Order{Name: "x", ID: "../etc"}, []string{"name: 3 to 40 small letters"}},
		"a path for a name":             {Order{Name: "../shop"}, []string{"name: is a path"}},
		"a path beside an id":           {Order{Name: `..\shop`, ID: "shop"}, []string{"name: is a path"}},
		"a name of one letter":          {Order{Name: "a"}, []string{"name: an id has 3 to 40 characters; give an id"}},
		"a name of forty-one letters":   {Order{Name: strings.Repeat("a", 41)}, []string{"name: an id has 3 to 40 characters; give an id"}},
		"capitals in the id":            {Order{Name: "x", ID: "Shop"}, []string{"name: 3 to 40 small letters"}},
		"an id of forty-one letters":    {Order{ID: strings.Repeat("a", 41)}, []string{"name: 3 to 40 small letters"}},
		"a reserved id":                 {Order{Name: "Instances"}, []string{"name: reserved"}},
		"a name over two lines":         {Order{Name: "Sh\nop", ID: "shop"}, []string{"name: no control characters"}},
		"an address of every interface": {Order{Name: "Shop", URL: "http://0.0.0.0:8000"}, []string{"url: every address and none"}},
		"an address with a path":        {Order{Name: "Shop", URL: "https://example.com/shop"}, []string{"url: no user, path or query"}},
		"an address with a password":    {Order{Name: "Shop", URL: "https://a:b@example.com"}, []string{"url: no user, path or query"}},
		"an address that is a script":   {Order{Name: "Shop", URL: "javascript:alert(1)"}, []string{"url: is not an address"}},
		"a host name with a command":    {Order{Name: "Shop", URL: "https://$(id).example.com"}, []string{"url: has a host name"}},
		"a privileged port":             {Order{Name: "Shop", Ports: Ports{Gateway: 443}}, []string{"gateway port: below 1024"}},
		"a port that is none":           {Order{Name: "Shop", Ports: Ports{Gateway: 70000}}, []string{"gateway port: 1 to 65535"}},
		"one port for two":              {Order{Name: "Shop", Ports: Ports{Gateway: 9000, Session: 9000}}, []string{"session port: the same as the gateway port"}},
		"a release that is not there":   {Order{Name: "Shop", Release: "../../etc"}, []string{"release: there is no release"}},
		"another PostgreSQL":            {Order{Name: "Shop", PG: 12}, []string{"postgres: may be 15 or 17"}},
		"a public range":                {Order{Name: "Shop", Subnets: "8.8.0.0/16"}, []string{"subnets: private IPv4 range"}},
		"a bind that is a name":         {Order{Name: "Shop", Bind: "localhost"}, []string{"bind: not an IP address"}},
		"images with a command":         {Order{Name: "Shop", Images: "a;id"}, []string{"images: not a prefix"}},
		"a dashboard user with a quote": {Order{Name: "Shop", DashboardUser: `a"b`}, []string{"dashboard user: letters, digits"}},
		"a mail user without a server":  {Order{Name: "Shop", SMTP: SMTP{User: "a"}}, []string{"mail server: needs a mail server"}},
		"a mail password of two lines":  {Order{Name: "Shop", SMTP: SMTP{Host: "mail", Password: "a\nB=c"}}, []string{"mail password: one line"}},
		"all at once":                   {Order{Name: "Shop", PG: 1, Bind: "x", URL: "x"}, []string{"postgres: ", "bind: ", "url: "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := tt.order.complete()
			if len(found) != len(tt.want) {
				t.Fatalf("got %d problems, want %d: %+v", len(found), len(tt.want), found)
			}
			for _, want := range tt.want {
				what, text, _ := strings.Cut(want, ": ")
				if !has(found, what, text) {
					t.Errorf("no problem of %s with %q in %+v", what, text, found)
				}
			}
		})
	}
}

func has(found []Problem, what, text string) bool {
	for _, p := range found {
		if p.What == what && strings.Contains(p.Text, text) {
			return true
		}
	}
	return false
}

func TestOrdersThatAreTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		order Order
		id    string
	}{
		"a plain name":          {Order{Name: "Shop"}, "shop"},
		"a name with an accent": {Order{Name: "Loja São Paulo"}, "loja-s-o-paulo"},
		"an id of its own":      {Order{Name: "Shop", ID: "shop-2"}, "shop-2"},
		"a full address":        {Order{Name: "Shop", URL: "https://shop.example.com/", SiteURL: "https://app.example.com:8443"}, "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			o, found := tt.order.complete()
			if len(found) > 0 {
				t.Fatalf("refused: %+v", found)
			}
			if o.ID != tt.id || o.Release == "" || o.Bind != "127.0.0.1" || o.PG != 17 {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func TestRefusalSaysAll(t *testing.T) {
	err := refusal(Order{ID: "shop"}, []Problem{{What: "disk", Text: "full"}, {What: "name", Text: "there", Taken: true}})
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "disk: full; name: there") {
		t.Errorf("got %s: %v", core.CodeOf(err), err)
	}
}

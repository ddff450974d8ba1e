package checks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// upgrades is a gateway that knows its key, and takes websockets.
func upgrades(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("apikey") == "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == socketPath && r.Header.Get("Upgrade") != "websocket":
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == socketPath:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
	}
}

// forgetful is a proxy in front of upgrades that speaks plain HTTP only.
func forgetful(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Upgrade")
	w.Header().Set("Server", "nginx")
	upgrades(w, r)
}

func TestOuterProxy(t *testing.T) {
	asked := func(hit *bool, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { *hit = true; h(w, r) }
	}
	for name, row := range map[string]struct {
		outer, gateway http.HandlerFunc
		address        string // that the public name has; "" is this machine
		published      bool   // the public URL is the gateway's own port
		remote         bool   // the engine is elsewhere
		want           []string
		hit            bool // the public URL may be asked
	}{
		"the proxy passes websockets on":       {outer: upgrades, gateway: upgrades, hit: true},
		"the proxy forgets the headers":        {outer: forgetful, gateway: upgrades, hit: true, want: []string{"GW-15 gateway"}},
		"the public URL leads elsewhere":       {outer: http.NotFound, gateway: upgrades, hit: true},
		"the gateway refuses the socket, too":  {outer: forgetful, gateway: http.NotFound},
		"nothing stands in front":              {outer: forgetful, gateway: upgrades, published: true},
		"the name is one of the cloud's own":   {outer: forgetful, gateway: upgrades, address: "169.254.169.254"},
		"the name is this machine, not theirs": {outer: forgetful, gateway: upgrades, remote: true},
	} {
		t.Run(name, func(t *testing.T) {
			hit := false
			outer := httptest.NewServer(asked(&hit, row.outer))
			defer outer.Close()
			u, err := url.Parse(outer.URL)
			if err != nil {
				t.Fatal(err)
			}
			s := newScene(t)
			s.o.Host.Local = !row.remote
			for i, v := range s.o.Env.Vars {
				if v.Key == "SUPABASE_PUBLIC_URL" {
					s.o.Env.Vars[i].Value = core.Secret("http://api.example.test:" + u.Port() + "/")
				}
			}
			if row.published {
				port, _ := net.LookupPort("tcp", u.Port())
				s.port(core.Gateway, "0.0.0.0", port, 8000)
			}
			s.Inspector = &coretest.Engine{Containers: coretest.Running(core.Services...), Ports: map[core.Address]func(net.Conn){
				{Service: core.Gateway, Port: 8000}: coretest.HTTP(row.gateway)}}
			o := outerProxy{func(context.Context, string, string) ([]netip.Addr, error) {
				if row.address != "" {
					return []netip.Addr{netip.MustParseAddr(row.address)}, nil
				}
				return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
			}}
			found, err := o.check(t.Context(), core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")})
			if err != nil {
				t.Fatal(err)
			}
			if hit != row.hit || len(found) != len(row.want) {
				t.Fatalf("asked: %v, found %+v, want %v", hit, found, row.want)
			}
			for _, f := range found {
				if text := f.Evidence[0].Text + f.Evidence[1].Text; !strings.Contains(text, "400 Bad Request from nginx") || !strings.Contains(text, "101") || strings.Contains(f.Evidence[0].Source, "apikey") {
					t.Errorf("the two answers are not shown: %+v", f.Evidence)
				}
			}
		})
	}
}

// What a public URL leads to is asked only where no machine tells its secrets.
func TestAskableAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"203.0.113.7": true, "10.0.0.5": true, "100.64.1.2": true, "2001:db8::1": true, "fd12:3456::1": true, "64:ff9b::203.0.113.7": true, "2002:cb00:7107::1": true,
		"127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "64:ff9b::127.0.0.1": true,
		"169.254.169.254": false, "fe80::a9fe:a9fe": false, "fd00:ec2::254": false, "fd20:ce::254": false, "100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
		"::ffff:169.254.169.254": false, "::ffff:100.100.100.200": false, "64:ff9b::169.254.169.254": false, "64:ff9b::100.100.100.200": false,
		"64:ff9b:1::169.254.169.254": false, "2002:a9fe:a9fe::1": false, "::169.254.169.254": false, "2001:0:5ef5:79fb::1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false,
	} {
		a := netip.MustParseAddr(text)
		if got := askable(a, true); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if want && innermost(a).IsLoopback() && askable(a, false) {
			t.Errorf("%s is this machine, where the stack is not", text)
		}
	}
}

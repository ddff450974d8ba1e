package create

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestPlanIsOfTheWholeOrder wants another hash for every other wish: what is
// approved by hash is no other address or mail server. Passwords stay out.
func TestPlanIsOfTheWholeOrder(t *testing.T) {
	const planted = "pl4nted-mail-password"
	order := func() Order {
		return Order{Name: "Shop", URL: "https://shop.example.com", Ports: Ports{Gateway: 18000, Session: 18001, Transaction: 18002},
			SMTP: SMTP{Host: "mail.example.com", User: "ana", From: "ana@example.com", Port: 587, Password: planted}}
	}
	p := place(t, host{})
	p.Key = core.FingerprintKey("a key of the test")
	hash := func(o Order) string {
		t.Helper()
		job, plan, err := p.Prepare(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := json.Marshal(plan); err != nil || strings.Contains(string(b), planted) {
			t.Errorf("the plan holds the password: %v", err)
		}
		if err := p.Abandon(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		return plan.Hash
	}
	want := hash(order())
	if again := hash(order()); again != want {
		t.Error("the same order has another hash")
	}
	for name, change := range map[string]func(o *Order){
		"address": func(o *Order) { o.URL = "https://other.example.com" }, "address of the app": func(o *Order) { o.SiteURL = "https://app.example.com" },
		"mail server": func(o *Order) { o.SMTP.Host = "mail.example.org" }, "mail port": func(o *Order) { o.SMTP.Port = 25 },
		"mail user": func(o *Order) { o.SMTP.User = "bob" }, "mail sender": func(o *Order) { o.SMTP.From = "bob@example.com" },
		"mail password": func(o *Order) { o.SMTP.Password += "!" }, "no mail password": func(o *Order) { o.SMTP.Password = "" },
		"dashboard user": func(o *Order) { o.DashboardUser = "root" }, "PostgreSQL": func(o *Order) { o.PG = 15 }, "images": func(o *Order) { o.Images = "mirror.example/x" },
		"name": func(o *Order) { o.Name = "SHOP" }, "bind": func(o *Order) { o.Bind = "127.0.0.2" }, "logs": func(o *Order) { o.Logs = true },
		"memory limits": func(o *Order) { o.MemoryLimits = true }, "gateway": func(o *Order) { o.Gateway = Envoy }, "release": func(o *Order) { o.Release = "0.6.0" },
		"network": func(o *Order) { o.Subnets = "10.202.0.0/16" }, "a clone": func(o *Order) { o.Clone.Of = "old" },
	} {
		o := order()
		if change(&o); hash(o) == want {
			t.Errorf("another %s, and the hash is the same", name)
		}
	}
}

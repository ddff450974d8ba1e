package ui

import (
	"github.com/basewright/basewright/core"
)

// CreateOrder is what a new instance is to be. What is left out is chosen.
type CreateOrder struct {
	Name            string      `json:"name" doc:"for people"`
	ID              string      `json:"id,omitempty" doc:"fixed for life; made of the name when left out"`
	Release         string      `json:"release,omitempty" doc:"of Supabase; the newest that is known when left out"`
	URL             string      `json:"url,omitempty" doc:"where browsers reach the stack"`
	SiteURL         string      `json:"site_url,omitempty" doc:"the app that users come from"`
	Bind            string      `json:"bind,omitempty" doc:"address of the host to publish ports on; 127.0.0.1 when left out"`
	GatewayPort     int         `json:"gateway_port,omitempty"`
	SessionPort     int         `json:"session_port,omitempty"`
	TransactionPort int         `json:"transaction_port,omitempty"`
	Images          string      `json:"images,omitempty" doc:"prefix of all images, for a mirror"`
	Postgres        int         `json:"postgres,omitempty" doc:"major version: 15 or 17"`
	Gateway         string      `json:"gateway,omitempty" doc:"kong or envoy; kong when left out"`
	Logs            bool        `json:"logs,omitempty" doc:"logs in Studio: Logflare and Vector run beside the other services"`
	MemoryLimits    bool        `json:"memory_limits,omitempty" doc:"bound each service's memory, as MEMORY_… in its .env says"`
	DashboardUser   string      `json:"dashboard_username,omitempty"`
	SMTPHost        string      `json:"smtp_host,omitempty" doc:"mail server; without one users are confirmed at once"`
	SMTPPort        int         `json:"smtp_port,omitempty"`
	SMTPUser        string      `json:"smtp_user,omitempty"`
	SMTPPassword    core.Secret `json:"smtp_password,omitempty"`
	SMTPFrom        string      `json:"smtp_from,omitempty"`
	FromSnapshot    string      `json:"from_snapshot,omitempty" doc:"id of a snapshot whose database and files it gets, with secrets of its own"`
	KeepOnFailure   bool        `json:"keep_on_failure,omitempty" doc:"leave what was made when it fails"`
}

// Preflight is what a look at the host says of an order.
type Preflight struct {
	ID       string         `json:"id" doc:"that the instance would get"`
	URL      string         `json:"url,omitempty" doc:"where it would be reached, as far as it is known before ports are chosen"`
	Release  string         `json:"release"`
	Problems []OrderProblem `json:"problems"`
}

// OrderProblem is one reason why an instance cannot be made as ordered.
type OrderProblem struct {
	What string `json:"what" doc:"the field or thing"`
	Text string `json:"text" doc:"what is wrong and what to do"`
}

// Handed is one thing that the owner of a new instance needs.
type Handed struct {
	Key    string
	Value  core.Secret
	Secret bool
}

type preflightOut struct {
	Reply
	Preflight
}

func (c *call) preflight() (any, error) {
	var in CreateOrder
	if err := c.body(&in); err != nil {
		return nil, err
	}
	found, err := c.Preflight(c, in)
	found.Problems = listed(found.Problems)
	return preflightOut{Reply{len(found.Problems) == 0, ""}, found}, err
}

// createInstance checks the order, lists every problem at once, and begins to
// make the instance.
func (c *call) createInstance() (any, error) {
	var in CreateOrder
	if err := c.body(&in); err != nil {
		return nil, err
	}
	inst, job, err := c.Create(c, in, c.who.actor())
	if err != nil {
		return nil, err
	}
	c.instance = inst
	return c.begin(job)
}

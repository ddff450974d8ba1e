package checks

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestMail(t *testing.T) {
	type env = map[string]core.Secret
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	tests := map[string]struct {
		env     env
		peer    string // state of a container called mail
		connect error
		log     string
		want    string
	}{
		"autoconfirm":                       {env: env{"GOTRUE_MAILER_AUTOCONFIRM": "true", "GOTRUE_SMTP_HOST": "supabase-mail"}},
		"no sign-up":                        {env: env{"GOTRUE_DISABLE_SIGNUP": "true", "GOTRUE_SMTP_HOST": "supabase-mail"}},
		"no sign-up by e-mail":              {env: env{"GOTRUE_EXTERNAL_EMAIL_ENABLED": "false", "GOTRUE_SMTP_HOST": "supabase-mail"}},
		"a hook sends":                      {env: env{"GOTRUE_HOOK_SEND_EMAIL_ENABLED": "true", "GOTRUE_SMTP_HOST": "supabase-mail"}},
		"a blank that auth cannot read":     {env: env{"GOTRUE_MAILER_AUTOCONFIRM": "", "GOTRUE_SMTP_HOST": "supabase-mail"}},
		"the placeholder":                   {env: env{"GOTRUE_SMTP_HOST": "supabase-mail"}, want: "AUTH-08 auth"},
		"the placeholder's user":            {env: env{"GOTRUE_SMTP_HOST": "smtp.example.com", "GOTRUE_SMTP_USER": "fake_mail_user"}, want: "AUTH-08 auth"},
		"no mail server":                    {want: "AUTH-08 auth"},
		"a container takes mail":            {env: env{"GOTRUE_SMTP_HOST": "mail"}, peer: "running"},
		"a container's port is closed":      {env: env{"GOTRUE_SMTP_HOST": "mail"}, peer: "running", connect: refused, want: "AUTH-09 auth"},
		"a container is stopped":            {env: env{"GOTRUE_SMTP_HOST": "mail"}, peer: "exited", want: "AUTH-09 auth"},
		"a server that answers":             {env: env{"GOTRUE_SMTP_HOST": "smtp.example.com"}},
		"a server that refuses":             {env: env{"GOTRUE_SMTP_HOST": "smtp.example.com"}, connect: refused, want: "AUTH-09 auth"},
		"a server that keeps silent":        {env: env{"GOTRUE_SMTP_HOST": "smtp.example.com"}, connect: context.DeadlineExceeded},
		"a name that only the stack knows":  {env: env{"GOTRUE_SMTP_HOST": "relay"}, connect: refused},
		"auth has said that it was refused": {env: env{"GOTRUE_SMTP_HOST": "relay"}, log: `{"error":"500: Error sending confirmation email: 535 5.7.8 authentication failed"}`, want: "AUTH-09 auth"},
		"a mail went out since":             {env: env{"GOTRUE_SMTP_HOST": "relay"}, log: `{"path":"/signup","status":200}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tgt := stack(map[core.Service]func(*core.Container){core.Auth: func(c *core.Container) {
				c.Env, c.Networks = tt.env, []core.Endpoint{{Network: "n"}}
				if tt.log != "" {
					c.Logs = []core.LogLine{{At: now.Add(-time.Minute), Text: tt.log}}
				}
			}})
			if tt.peer != "" {
				tgt.Containers = append(tgt.Containers, core.Container{Name: "mail", State: tt.peer, Networks: []core.Endpoint{{Network: "n", IP: "10.0.0.9"}}})
			}
			w := mailWorld{
				resolve: func(context.Context, string) ([]netip.Addr, error) {
					return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
				},
				connect: func(context.Context, string) error { return tt.connect },
			}
			found, err := w.check(t.Context(), tgt)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range found {
				got += f.Code + " " + string(f.Service)
			}
			if got != tt.want {
				t.Errorf("found %q, want %q: %+v", got, tt.want, found)
			}
		})
	}
}

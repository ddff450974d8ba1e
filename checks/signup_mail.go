package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "auth.mail", Title: "Auth can send the mails that sign-up waits for",
		Category: core.AuthService, Check: mailOutside.check,
		Finds: []core.Explanation{
			{
				Code: "AUTH-08", Title: "Sign-up waits for a mail that no server sends", Severity: core.Critical,
				What:   "New users must confirm their address, and SMTP_HOST or SMTP_USER is still the placeholder of .env.example (or there is no mail server at all).",
				Breaks: "Sign-up answers 500 \"Error sending confirmation email\", or nobody ever gets the mail; the user is not stored. Invitations and forgotten passwords fail as well.",
				Do:     "Decide: give auth a real mail server (SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASS, SMTP_ADMIN_EMAIL), or trust addresses unseen with ENABLE_EMAIL_AUTOCONFIRM=true. Then recreate auth.",
				Data:   "No data is at risk.", Sources: "supabase/auth#1814, supabase/supabase#29164, #12075; .env.example",
			},
			{
				Code: "AUTH-09", Title: "The mail server does not take auth's mails", Severity: core.Critical, SymptomOf: []string{"HOST-02"},
				What:   "New users must confirm their address, and the mail server refuses the connection or the login, or cannot be reached.",
				Breaks: "Sign-up answers 500 \"Error sending confirmation email\" or 504.",
				Do:     "Read the error: 535 is the user or password, x509 the certificate's name, i/o timeout a blocked port (25 is blocked by most providers; use 587 or 465), connection refused a wrong port or a server that is down.",
				Data:   "No data is at risk.", Sources: "supabase/supabase#36784, auth#1388",
			},
		},
	})
}

// mailWorld is what of the outside auth.mail looks at. It opens connections and
// says nothing on them.
type mailWorld struct {
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	connect func(ctx context.Context, address string) error
}

var mailOutside = mailWorld{
	resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	},
	connect: func(ctx context.Context, address string) error {
		conn, err := (&net.Dialer{Timeout: 1500 * time.Millisecond}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	},
}

// check looks at the mail server of a stack whose sign-up needs one.
func (w mailWorld) check(ctx context.Context, t core.Target) ([]core.Finding, error) {
	c, ok := t.Container(core.Auth)
	if !ok || !answers(t, c) || !confirms(c) {
		return nil, nil
	}
	host, user := c.Env["GOTRUE_SMTP_HOST"].Reveal(), c.Env["GOTRUE_SMTP_USER"].Reveal()
	f := &core.Finding{Service: core.Auth, Details: map[string]string{"step": atMail}}
	said, failed := mailFailure(t, c)
	switch peer, found := mailContainer(t, c, host); {
	case host == "":
		f.Code, f.Severity, f.Title = "AUTH-08", core.Warning, "Sign-up waits for a mail, and auth has no mail server"
		f.Evidence = settingsEvidence(c, "GOTRUE_MAILER_AUTOCONFIRM", "GOTRUE_SMTP_HOST")
	case !found && (host == "supabase-mail" || user == "fake_mail_user" && strings.Contains(host, ".")):
		f.Code = "AUTH-08"
		f.Evidence = append(settingsEvidence(c, "GOTRUE_MAILER_AUTOCONFIRM", "GOTRUE_SMTP_HOST", "GOTRUE_SMTP_USER"),
			evidence("inspect:"+c.Name, "no container on its networks is called "+host))
	default:
		f.Code = "AUTH-09"
		f.Evidence = w.refusal(ctx, t, c, host, peer, found)
		if len(f.Evidence) == 0 && !failed {
			return nil, nil
		}
		f.Evidence = append(f.Evidence, settingsEvidence(c, "GOTRUE_MAILER_AUTOCONFIRM", "GOTRUE_SMTP_HOST", "GOTRUE_SMTP_PORT")...)
	}
	if failed {
		f.Evidence = append([]core.Evidence{said}, f.Evidence...)
	}
	return []core.Finding{*f}, nil
}

// confirms reports whether a new user of c must answer a mail that goes by
// SMTP. A value that auth itself could not read tells nothing. The defaults are
// auth's: internal/conf/configuration.go.
func confirms(c core.Container) bool {
	for _, v := range []struct {
		variable    string
		usual, need bool
	}{
		{"GOTRUE_MAILER_AUTOCONFIRM", false, false},
		{"GOTRUE_EXTERNAL_EMAIL_ENABLED", true, true},
		{"GOTRUE_DISABLE_SIGNUP", false, false},
		{"GOTRUE_HOOK_SEND_EMAIL_ENABLED", false, false}, // somebody else sends
	} {
		value := v.usual
		if text, set := c.Env[v.variable]; set {
			b, err := strconv.ParseBool(text.Reveal())
			if err != nil {
				return false
			}
			value = b
		}
		if value != v.need {
			return false
		}
	}
	return true
}

// mailContainer returns the container of the project that auth would reach
// under the name host.
func mailContainer(t core.Target, auth core.Container, host string) (core.Container, bool) {
	for _, c := range t.Containers {
		for _, e := range c.Networks {
			shared := slices.ContainsFunc(auth.Networks, func(a core.Endpoint) bool { return a.Network == e.Network })
			if shared && (c.Name == host || c.ComposeService == host || slices.Contains(e.Aliases, host) || e.IP == host) {
				return c, true
			}
		}
	}
	return core.Container{}, false
}

// refusal proves that the mail server cannot be used, where that can be told
// from here: for a container of the project and for a public address. A time
// that runs out tells nothing, nor does a name that only the stack may know.
func (w mailWorld) refusal(ctx context.Context, t core.Target, auth core.Container, host string, peer core.Container, isContainer bool) []core.Evidence {
	port := cmp.Or(auth.Env["GOTRUE_SMTP_PORT"].Reveal(), "587")
	var addresses []string
	switch {
	case isContainer && peer.State != "running":
		return []core.Evidence{evidence("inspect:"+peer.Name, "the mail server's container is "+describe(peer))}
	case !t.Host.Local:
		return nil
	case isContainer:
		for _, e := range peer.Networks {
			if e.IP != "" {
				addresses = append(addresses, e.IP)
			}
		}
	case strings.Contains(host, "."):
		found, err := w.resolve(ctx, host)
		if err != nil {
			return nil
		}
		for _, a := range found {
			a = a.Unmap()
			if !a.IsGlobalUnicast() || a.IsPrivate() {
				return nil
			}
			addresses = append(addresses, a.String())
		}
	}
	var last error
	for _, a := range addresses {
		if last = w.connect(ctx, net.JoinHostPort(a, port)); !errors.Is(last, syscall.ECONNREFUSED) {
			return nil
		}
	}
	if last == nil {
		return nil
	}
	return []core.Evidence{evidence("tcp:"+net.JoinHostPort(host, port), shortError(last))}
}

var (
	mailFailed = compile(`Error sending [a-z ]*e?mail|gomail: `)
	mailSent   = compile(`"path":"/(signup|otp|magiclink|recover|invite|resend)".*"status":2\d\d`)
)

// mailFailure returns what auth logged last of a mail that it could not send,
// unless one has gone out since.
func mailFailure(t core.Target, c core.Container) (core.Evidence, bool) {
	for _, l := range slices.Backward(c.Logs) {
		if l.At.Before(c.StartedAt.Add(-time.Second)) || t.At.Sub(l.At) > recentRequest || mailSent.MatchString(l.Text) {
			break
		}
		if mailFailed.MatchString(l.Text) {
			return logEvidence(core.Auth, l), true
		}
	}
	return core.Evidence{}, false
}

// settingsEvidence quotes settings of a container that are no secrets.
func settingsEvidence(c core.Container, names ...string) []core.Evidence {
	var out []core.Evidence
	for _, n := range names {
		value, set := c.Env[n]
		text := fmt.Sprintf("%s=%s", n, value.Reveal())
		if !set {
			text = n + " is not set"
		}
		out = append(out, evidence("env:auth", clip(Mask(text))))
	}
	return out
}

package checks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// The steps of a sign-up at which it can fail. A sixth, mail, is told by
// auth.mail, since the probe sends none.
const (
	atGateway  = "gateway"
	atKey      = "key"
	atAuth     = "auth"
	atDatabase = "database"
	atTrigger  = "trigger"
	atMail     = "mail"
)

// The bits of pg_trigger.tgtype. Source: catalog/pg_trigger.h.
const (
	onInsert = 1 << 2
	onUpdate = 1 << 4
)

var (
	// byPolicy matches refusals of a sign-in that the stack's owner wants.
	// Source: auth, internal/api/apierrors/errorcode.go.
	byPolicy = regexp.MustCompile(`email_provider_disabled|captcha_failed|over_request_rate_limit|Email logins are disabled`)

	databaseError = regexp.MustCompile(`Database error|request_timeout|SQLSTATE`)
	wrongKey      = regexp.MustCompile(`signature is invalid|bad_jwt`)
	sqlState      = regexp.MustCompile(`SQLSTATE ([0-9A-Z]{5})`)
	noFunction    = regexp.MustCompile(`^(08|53|57|58|25006|XX)`)
)

// judge names the step at which a stage failed.
func (s *signup) judge(ctx context.Context, st stage, resp core.Response, err error) *core.Finding {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), judgeTimeout)
	defer cancel()
	f := &core.Finding{Code: st.code, Service: core.Auth, Details: map[string]string{}}
	step := ""
	switch {
	case err != nil:
		step = s.silent(ctx, err)
		f.Evidence = []core.Evidence{evidence(stageSource(st), "asked to "+st.does+": "+shortError(unanswered(err)))}
	default:
		step = s.refused(resp)
		f.Evidence = []core.Evidence{evidence(stageSource(st), "asked to "+st.does+": "+answer(resp))}
	}
	if step == atDatabase {
		step = s.inDatabase(ctx, st, resp, f)
	}
	s.assign(f, st, step, resp)
	return f
}

// assign gives the finding the code of its step and the service that the step
// belongs to, so that it goes under whatever is wrong there.
func (s *signup) assign(f *core.Finding, st stage, step string, resp core.Response) {
	f.Details["step"] = step
	switch {
	case step == atDatabase && st.code == "AUTH-17":
		return
	case step == atTrigger && st.events == onInsert:
		f.Code = "AUTH-05"
		return
	case step == atKey && resp.Status == 401 && ownRefusal.MatchString(resp.Body):
		f.Code, f.Service = "GW-04", core.Gateway
		f.Details["services"] = string(core.Gateway)
		f.Evidence = append(f.Evidence, s.keyEvidence(st)...)
		return
	case step == atKey && (!wrongKey.MatchString(resp.Body) || strings.Contains(resp.Body, "expired")):
		f.Service = core.Gateway // the key itself is wrong, not what verifies it
	case step == atGateway && resp.Status == 0:
		f.Service = core.Gateway // else it answers, and lacks the way to auth
	}
	if f.Code == "AUTH-17" {
		f.Code = "SIGN-02"
	}
	what := "Sign-up"
	if f.Code == "SIGN-03" {
		what = "Sign-in"
	}
	f.Title = fmt.Sprintf("%s fails at the step %s", what, step)
}

// silent tells who did not answer: the gateway, or auth behind it.
func (s *signup) silent(ctx context.Context, err error) string {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" || core.CodeOf(err) == core.NotFound {
		return atGateway
	}
	c, ok := s.t.Container(core.Auth)
	if !ok || !answers(s.t, c) {
		return atAuth
	}
	p := probeOf(core.Auth)
	resp, err := core.Send(ctx, s.t, core.Request{Address: core.Address{Service: core.Auth, Port: portOf(c, p)}, Path: p.path})
	if err == nil && resp.Status == 200 {
		return atGateway
	}
	return atAuth
}

// refused tells who answered with an error.
func (s *signup) refused(r core.Response) string {
	switch {
	case r.Status == 401 && ownRefusal.MatchString(r.Body):
		return atKey
	case strings.Contains(r.Body, "name resolution failed"):
		if c, ok := s.t.Container(core.Auth); !ok || !answers(s.t, c) {
			return atAuth // its name is gone with it
		}
		return atGateway
	case strings.Contains(r.Body, "no Route matched"):
		return atGateway
	case r.Status == 401 || r.Status == 403:
		return atKey
	case r.Status >= 500 && databaseError.MatchString(r.Body):
		return atDatabase
	}
	return atAuth
}

// inDatabase reads what auth and the database have logged since, and tells a
// trigger of the user's own from the database itself.
func (s *signup) inDatabase(ctx context.Context, st stage, resp core.Response, f *core.Finding) string {
	state := s.said(ctx, resp, f)
	if st.events == 0 {
		return atDatabase
	}
	triggers, err := s.t.Query(ctx, "postgres", fmt.Sprintf(`select t.tgname, n.nspname || '.' || p.proname,
case when p.prosecdef then 'security definer' else 'security invoker' end, pg_get_userbyid(p.proowner), coalesce(array_to_string(p.proconfig, ', '), '')
from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
where t.tgrelid = to_regclass('auth.users') and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgtype::int & %d <> 0 order by t.tgname`, st.events))
	if err != nil || len(triggers) == 0 {
		return atDatabase
	}
	for _, r := range triggers {
		if len(r) < 5 {
			continue
		}
		f.Evidence = append(f.Evidence, evidence("sql:pg_trigger", clip(fmt.Sprintf("trigger %s on auth.users calls %s, %s, owner %s, %s",
			r[0], r[1], r[2], r[3], cmp.Or(r[4], "no search_path of its own")))))
	}
	if noFunction.MatchString(state) {
		return atDatabase
	}
	return atTrigger
}

// said adds the lines that auth and the database have logged of the failure,
// and returns the SQLSTATE in auth's.
func (s *signup) said(ctx context.Context, resp core.Response, f *core.Finding) string {
	o, err := s.t.Observe(ctx)
	if err != nil {
		return ""
	}
	var reference struct {
		ID string `json:"error_id"`
	}
	if err := json.Unmarshal([]byte(resp.Body), &reference); err != nil {
		reference.ID = "" // then the time has to do
	}
	since := s.begin.Add(-time.Second)
	last := func(service core.Service, wanted func(string) bool) string {
		c, _ := o.Container(service)
		for _, l := range slices.Backward(c.Logs) {
			if !l.At.Before(since) && wanted(l.Text) {
				f.Evidence = append(f.Evidence, logEvidence(service, l))
				return l.Text
			}
		}
		return ""
	}
	line := last(core.Auth, func(text string) bool {
		return strings.Contains(text, "SQLSTATE") && (reference.ID == "" || strings.Contains(text, reference.ID))
	})
	if line == "" && reference.ID != "" {
		line = last(core.Auth, func(text string) bool { return strings.Contains(text, "SQLSTATE") })
	}
	last(core.DB, func(text string) bool {
		return strings.Contains(text, "CONTEXT:") && strings.Contains(text, "function")
	})
	if states := sqlState.FindAllStringSubmatch(line, -1); len(states) > 0 {
		f.Details["sqlstate"] = states[len(states)-1][1] // the first ones say only that the transaction was over
		return f.Details["sqlstate"]
	}
	return ""
}

// holdsFast returns a table that would keep a user from being deleted, and the
// trigger that may write to it.
func (s *signup) holdsFast(ctx context.Context) (table, trigger string, err error) {
	rows, err := s.t.Query(ctx, "postgres", fmt.Sprintf(`select c.conrelid::regclass::text, t.tgname
from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
cross join pg_trigger t
where c.contype = 'f' and c.confrelid = to_regclass('auth.users') and c.confdeltype in ('a', 'r') and n.nspname <> 'auth'
and t.tgrelid = to_regclass('auth.users') and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgtype::int & %d <> 0
limit 1`, onInsert))
	if err != nil || len(rows) == 0 || len(rows[0]) < 2 {
		return "", "", err
	}
	return rows[0][0], rows[0][1], nil
}

// keyEvidence says which key the gateway did not know.
func (s *signup) keyEvidence(st stage) []core.Evidence {
	name, key := "ANON_KEY", s.anon
	if st.admin {
		name, key = "SERVICE_ROLE_KEY", s.service
	}
	where := "env:gateway"
	if n := s.t.Env.Line(name); n > 0 {
		where = fmt.Sprintf("file:.env:%d", n)
	}
	return []core.Evidence{evidence(where, name+" has the "+fingerprint(s.t, key))}
}

func stageSource(st stage) string {
	path, _, _ := strings.Cut(st.path, "?")
	return "http:gateway/auth/v1" + path
}

func unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

package checks

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	signupTimeout = 15 * time.Second
	// Kept of it for finding out what went wrong and for leaving no trace.
	judgeTimeout = 1500 * time.Millisecond
	leaveTimeout = 3 * time.Second
)

func init() {
	register(core.Checker{
		ID: "auth.signup", Title: "A user can be created, sign in and refresh the session through the gateway",
		Category: core.AuthService, Depth: core.Deep, Timeout: signupTimeout, Check: signUp,
		Finds: []core.Explanation{
			{
				Code: "SIGN-03", Title: "A user cannot sign in", Severity: core.Critical, Level: core.Consequence,
				SymptomOf: []string{"GW-06", "GW-07", "GW-18"},
				What:      "A user who was just created could not sign in with the right password, or could not refresh the session; the evidence has auth's own answer.",
				Breaks:    "Users cannot sign in or are signed out within the hour.",
				Do:        "Read the SQLSTATE in the evidence: 42703 is a migration that stopped half way, NULL where text is expected comes from rows that were inserted by hand, anything in a function is a trigger or an auth hook of your own.",
				Data:      "No data is at risk.", Sources: "supabase/supabase#1479, #49890; auth token.go",
			},
			{
				Code: "SIGN-02", Title: "No user can be created", Severity: core.Critical, Level: core.Consequence,
				SymptomOf: []string{"GW-06", "GW-07", "GW-18"},
				What:      "Creating a user through the gateway with the service key, as Studio does, failed at the step that the title names: gateway, key, auth or database.",
				Breaks:    "Nobody can sign up, and Studio says \"Failed to create user\".",
				Do:        "Mend what stands at that step; the evidence has the real answer.",
				Data:      "No data is at risk.", Sources: "supabase/supabase#19155, #20606, #24902",
			},
			{
				Code: "SIGN-01", Title: "The sign-up probe left a user behind", Severity: core.Critical, Level: core.Consequence,
				What:   "The probe creates a user and deletes it again; this time it could not delete it, or could not see whether it is gone.",
				Breaks: "Nothing; there is one user too many, who can do what any user can. The password is random and was never kept.",
				Do:     "Delete the user with the address in the evidence, in Studio or with `delete from auth.users where email = '…'`. The next probe tries again as well.",
				Data:   "No data is at risk.",
			},
		},
	})
}

// signup is one run of the probe: a user who comes and goes through the gateway.
type signup struct {
	t             core.Target
	begin         time.Time
	anon, service core.Secret
	email         string
	password      core.Secret
	created       bool // the user exists, or may
	unsure        bool // nobody answered whether it does
	id            string
	refresh       core.Secret
	users         int // before, -1 when auth did not say
}

// stage is one request of the probe and what is made of a good answer.
type stage struct {
	does         string // "create a user"
	method, path string
	admin        bool // with the service key; else with the anon key
	body         func() map[string]any
	take         func(core.Response) bool // false when the answer lacks what is needed
	code         string                   // of a refusal by auth or the database
	events       int                      // of auth.users, whose triggers it sets off
}

func (s *signup) stages() []stage {
	credentials := func() map[string]any { return map[string]any{"email": s.email, "password": s.password.Reveal()} }
	return []stage{
		{does: "count the users", path: "/admin/users?page=1&per_page=1", admin: true, take: s.takeCount, code: "AUTH-17"},
		{does: "create a user", method: http.MethodPost, path: "/admin/users", admin: true, code: "SIGN-02", events: onInsert, take: s.takeUser,
			body: func() map[string]any {
				b := credentials()
				b["email_confirm"] = true // so that no mail is sent
				return b
			}},
		{does: "sign in", method: http.MethodPost, path: "/token?grant_type=password", body: credentials, take: s.takeSession, code: "SIGN-03", events: onUpdate},
		{does: "refresh the session", method: http.MethodPost, path: "/token?grant_type=refresh_token", take: s.takeSession, code: "SIGN-03", events: onUpdate,
			body: func() map[string]any { return map[string]any{"refresh_token": s.refresh.Reveal()} }},
	}
}

// signUp is the probe. Whatever happens, the user is gone afterwards, or the
// findings say which one is not.
func signUp(ctx context.Context, t core.Target) ([]core.Finding, error) {
	if !t.Has(core.Gateway) || !t.Has(core.Auth) {
		return nil, nil
	}
	gw, _ := t.Container(core.Gateway)
	h := gatewayKeys(t, gw)
	s := &signup{t: t, begin: time.Now(), users: -1, email: newAddress(), password: core.Secret(rand.Text())}
	s.anon, s.service = cmp.Or(h.env.anon, h.gateway.anon), cmp.Or(h.env.service, h.gateway.service)
	if s.anon == "" || s.service == "" {
		return nil, core.Errorf(core.NotFound, "the sign-up probe found no ANON_KEY and SERVICE_ROLE_KEY, in .env or in the gateway")
	}
	var found []core.Finding
	f, err := s.visit(ctx)
	if f != nil {
		found = append(found, *f)
	}
	if f := s.leave(ctx); f != nil {
		found = append(found, *f)
	}
	return found, err
}

// visit takes the stages in order and stops at the first that fails.
func (s *signup) visit(ctx context.Context) (*core.Finding, error) {
	whole := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-judgeTimeout-leaveTimeout))
		defer cancel()
	}
	for _, st := range s.stages() {
		if st.events == onInsert {
			if f, err := s.prepare(ctx); f != nil || err != nil {
				return f, err
			}
			s.created, s.unsure = true, true
		}
		resp, err := s.send(ctx, st)
		switch {
		case core.CodeOf(err) == core.Unreachable && err != nil:
			return nil, err
		case errors.Is(whole.Err(), context.Canceled):
			return nil, whole.Err() // somebody ended it, which tells nothing
		}
		if st.events == onInsert && err == nil {
			s.created = resp.Status < 300 || resp.Status >= 500
			s.unsure = resp.Status > 500
		}
		if err == nil && resp.Status < 300 && st.take(resp) {
			continue
		}
		if err == nil && !st.admin && byPolicy.MatchString(resp.Body) {
			return nil, nil // this stack wants no sign-in by password, or not from a program
		}
		return s.judge(ctx, st, resp, err), nil
	}
	return nil, nil
}

// prepare makes sure that the new user can be removed again: nothing will hold
// it, and those of earlier probes can be.
func (s *signup) prepare(ctx context.Context) (*core.Finding, error) {
	table, trigger, err := s.holdsFast(ctx)
	if err == nil && table != "" {
		return nil, &core.Error{Code: core.Conflict, Message: fmt.Sprintf("no user was created: %s refers to auth.users without ON DELETE, and the trigger %s may fill it, so that the user could not be deleted again", table, trigger),
			Hint: "add ON DELETE CASCADE to that foreign key"}
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	old, _ := s.ours(ctx) // what nobody can list is left to the next probe
	for _, u := range old {
		if u.age <= leftoverAge {
			continue
		}
		if err := s.erase(ctx, u.id); err != nil {
			return leftBehind("A user of an earlier sign-up probe is still there", u.email, err, nil), nil
		}
		if s.users > 0 {
			s.users--
		}
	}
	return nil, nil
}

// send asks auth through the gateway.
func (s *signup) send(ctx context.Context, st stage) (core.Response, error) {
	return s.ask(ctx, core.Address{Service: core.Gateway, Port: 8000}, "/auth/v1"+st.path, st)
}

func (s *signup) ask(ctx context.Context, to core.Address, path string, st stage) (core.Response, error) {
	key := s.anon
	if st.admin {
		key = s.service
	}
	r := core.Request{Address: to, Method: st.method, Path: path, Headers: map[string]string{
		"apikey": key.Reveal(), "Authorization": "Bearer " + key.Reveal(), "Content-Type": "application/json",
	}}
	if st.body != nil {
		body, err := json.Marshal(st.body())
		if err != nil {
			return core.Response{}, err
		}
		r.Body = string(body)
	}
	return core.Send(ctx, s.t, r)
}

func (s *signup) takeCount(r core.Response) bool {
	s.users = userTotal(r)
	return true
}

// userTotal is how many users auth says there are, -1 when it does not.
func userTotal(r core.Response) int {
	if n, err := strconv.Atoi(r.Header.Get("X-Total-Count")); err == nil {
		return n
	}
	return -1
}

func (s *signup) takeUser(r core.Response) bool {
	var user struct{ ID string }
	err := json.Unmarshal([]byte(r.Body), &user)
	s.id = user.ID
	return err == nil && s.id != ""
}

func (s *signup) takeSession(r core.Response) bool {
	var session struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	err := json.Unmarshal([]byte(r.Body), &session)
	s.refresh = core.Secret(session.Refresh)
	return err == nil && session.Access != "" && s.refresh != ""
}

// newAddress makes an address that tells whose it is, under a domain that can
// never exist (RFC 2606).
func newAddress() string { return probeName + strings.ToLower(rand.Text()[:16]) + probeDomain }

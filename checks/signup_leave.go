package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	probeName   = "basewright-probe-"
	probeDomain = "@probe.invalid"
	leftoverAge = time.Minute // a younger one may belong to a probe under way, which lives less than half of that
)

// probeUser is a user that some probe created.
type probeUser struct {
	id, email string
	age       time.Duration
}

// leave deletes the user and proves that it is gone, under a context that
// nobody can cancel.
func (s *signup) leave(ctx context.Context) *core.Finding {
	if !s.created {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	err := s.leaveNoUser(ctx)
	if err == nil && s.counted(ctx) {
		return nil
	}
	left, lookErr := s.find(ctx)
	switch {
	case lookErr == nil && left == "":
		return nil // others may sign up at the same time
	case lookErr != nil && !s.unsure && (err == nil || s.id == ""):
		return nil // auth has said that it is deleted, or never was
	}
	return leftBehind("", s.email, err, lookErr)
}

// leftBehind tells whom to delete, and why nobody has.
func leftBehind(title, email string, err, lookErr error) *core.Finding {
	f := &core.Finding{Code: "SIGN-01", Service: core.Auth, Title: title, Details: map[string]string{"user": email},
		Evidence: []core.Evidence{evidence("probe:signup", "the user to delete is "+email)}}
	if err != nil {
		f.Evidence = append(f.Evidence, evidence("http:gateway/auth/v1/admin/users", shortError(err)))
	}
	if lookErr != nil {
		f.Evidence = append(f.Evidence, evidence("sql:auth.users", shortError(lookErr)))
	}
	return f
}

// leaveNoUser deletes the user. When nobody answered the request that was to
// create it, it may still come to be, so it is looked for twice.
func (s *signup) leaveNoUser(ctx context.Context) error {
	tries := 1
	if s.unsure {
		tries = 2
	}
	for i := range tries {
		if i > 0 {
			waitAWhile(ctx, 500*time.Millisecond)
		}
		if s.id == "" {
			id, err := s.find(ctx)
			if err != nil {
				return err
			}
			s.id = id
		}
		if s.id != "" {
			return s.remove(ctx, s.id)
		}
	}
	return nil
}

// remove deletes a user, and tries again for as long as there is time.
func (s *signup) remove(ctx context.Context, id string) error {
	for {
		err := s.erase(ctx, id)
		if err == nil || !waitAWhile(ctx, 500*time.Millisecond) {
			return err
		}
	}
}

// erase deletes a user through the gateway or, when that does not work, asks
// auth itself.
func (s *signup) erase(ctx context.Context, id string) error {
	st := stage{method: http.MethodDelete, path: "/admin/users/" + url.PathEscape(id), admin: true}
	resp, err := s.send(ctx, st)
	if isGone(resp, err) {
		return nil
	}
	if c, ok := s.t.Container(core.Auth); ok {
		direct := core.Address{Service: core.Auth, Port: portOf(c, probeOf(core.Auth))}
		r, e := s.ask(ctx, direct, st.path, st)
		if isGone(r, e) {
			return nil
		}
		if err != nil && e == nil {
			resp, err = r, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("the deletion was answered with %s", answer(resp))
	}
	return err
}

func isGone(r core.Response, err error) bool {
	return err == nil && (r.Status < 300 || r.Status == 404 && strings.Contains(r.Body, "user_not_found"))
}

// waitAWhile waits and reports whether there is time left.
func waitAWhile(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// counted reports whether there are as many users as before.
func (s *signup) counted(ctx context.Context) bool {
	if s.users < 0 || s.unsure {
		return false
	}
	resp, err := s.send(ctx, s.stages()[0])
	return err == nil && resp.Status < 300 && userTotal(resp) == s.users
}

// find returns the ID of this probe's user, or "" when there is none.
func (s *signup) find(ctx context.Context) (string, error) {
	all, err := s.ours(ctx)
	if err != nil {
		return "", err
	}
	for _, u := range all {
		if u.email == s.email {
			return u.id, nil
		}
	}
	return "", nil
}

// ours lists the users that probes have created. The database knows; auth is
// asked where it cannot be looked at.
func (s *signup) ours(ctx context.Context) ([]probeUser, error) {
	rows, err := s.t.Query(ctx, "postgres", `select id::text, email, greatest(0, extract(epoch from now() - created_at))::bigint
from auth.users where email like '`+probeName+`%`+probeDomain+`' order by created_at limit 100`)
	if err != nil {
		return s.listed(ctx)
	}
	var out []probeUser
	for _, r := range rows {
		if len(r) == 3 {
			seconds, _ := strconv.Atoi(r[2])
			out = append(out, probeUser{r[0], r[1], time.Duration(seconds) * time.Second})
		}
	}
	return out, nil
}

// listed asks auth for them. It looks at one page only: where auth cannot
// filter, older ones may be missed and this probe's own cannot.
func (s *signup) listed(ctx context.Context) ([]probeUser, error) {
	resp, err := s.send(ctx, stage{path: "/admin/users?page=1&per_page=20&filter=" + probeName, admin: true})
	if err != nil {
		return nil, err
	}
	var page struct {
		Users []struct {
			ID, Email string
			Created   time.Time `json:"created_at"`
		}
	}
	if err := json.Unmarshal([]byte(resp.Body), &page); err != nil || resp.Status >= 300 {
		return nil, fmt.Errorf("the list of users cannot be read: %s", answer(core.Response{Status: resp.Status, Body: firstBytes(resp.Body)}))
	}
	var out []probeUser
	for _, u := range page.Users {
		if strings.HasPrefix(u.Email, probeName) && strings.HasSuffix(u.Email, probeDomain) {
			out = append(out, probeUser{u.ID, u.Email, time.Since(u.Created)})
		}
	}
	return out, nil
}

// firstBytes keeps users' addresses out of evidence.
func firstBytes(body string) string {
	if strings.Contains(body, "@") {
		return ""
	}
	return body
}

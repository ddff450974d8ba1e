package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/basewright/basewright/core"
)

// issuerTime bounds each question to the issuer.
const issuerTime = 10 * time.Second

// LastShown is how long ago somebody may have shown the issuer who they are; after
// that it asks them again, since a login is a proof here, too.
const LastShown = 15 * time.Minute

// SingleSignOn lets people log in at an issuer of OpenID Connect.
type SingleSignOn struct {
	Issuer string // its address, as its tokens name it
	Client string // what it knows Basewright as
	Secret core.Secret
	Return string // address of Basewright to which it sends people back
	Claim  string // of a token, in which groups are
	// Roles is the role on every instance that each group gives. With any, the
	// issuer decides: whoever is in no such group has none.
	Roles map[string]core.Role
	// NewRole is what somebody has who is not a user yet; "" lets no such person
	// in.
	NewRole core.Role

	mu       sync.Mutex
	provider *oidc.Provider
	asking   *inquiry // under way; nil when nobody asks
}

// inquiry is a question to the issuer what it can, which all who log in
// meanwhile wait for.
type inquiry struct {
	done     chan struct{}
	provider *oidc.Provider
	err      error
}

// Attempt is a login that began and did not end yet. Only the browser in which
// it began may end it: it keeps the attempt, sealed, so that strangers who begin
// logins take no room here.
type Attempt struct {
	State, Nonce, Verifier string
	Next                   string // the page that was asked for
	Expires                time.Time
}

// Seal returns the attempt as a browser keeps it.
func (a Attempt) Seal(key core.FingerprintKey) string { return shutValue(key, attempts, a) }

// OpenAttempt returns what Seal closed; anything else is the zero value, which
// nobody can finish.
func OpenAttempt(key core.FingerprintKey, sealed string) Attempt {
	return unshutValue[Attempt](key, attempts, sealed)
}

// Vouched is a login that the issuer has proven, and that waits for the code of
// the user's own second factor.
type Vouched struct {
	UserID, Next string
	Expires      time.Time
	Shown        time.Time // as of a Person
}

// Seal returns it as a browser keeps it.
func (v Vouched) Seal(key core.FingerprintKey) string { return shutValue(key, vouched, v) }

// OpenVouched returns what Seal closed, if it is not past; anything else is the
// zero value.
func OpenVouched(key core.FingerprintKey, sealed string, now time.Time) Vouched {
	v := unshutValue[Vouched](key, vouched, sealed)
	if now.After(v.Expires) {
		return Vouched{}
	}
	return v
}

// Person is whom the issuer vouches for.
type Person struct {
	Subject string    // the issuer's address and their id there
	Name    string    // how they would be called here; "" when nothing fits
	Role    core.Role // by their groups, "" for none
	Shown   time.Time // when they showed the issuer who they are; now when it does not tell
}

// Check says what is wrong with the settings, before anybody tries them.
func (s *SingleSignOn) Check() error {
	for name, address := range map[string]string{"--oidc-issuer": s.Issuer, "--public-url": s.Return} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
			return core.Errorf(core.Invalid, "%s must be an address with https, or http on this machine", name)
		}
	}
	if s.Client == "" {
		return core.Errorf(core.Invalid, "--oidc-issuer needs --oidc-client, the id that the issuer gave to Basewright")
	}
	for group, role := range s.Roles {
		if !slices.Contains(core.Roles, role) {
			return core.Errorf(core.Invalid, "--oidc-role %s=%s: the role is viewer, operator or admin", group, role)
		}
	}
	if s.NewRole != "" && !slices.Contains(core.Roles, s.NewRole) {
		return core.Errorf(core.Invalid, "--oidc-create-role %q is not one of: viewer, operator, admin", s.NewRole)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Host is how people call the issuer.
func (s *SingleSignOn) Host() string {
	u, err := url.Parse(s.Issuer)
	if err != nil {
		return s.Issuer
	}
	return u.Host
}

// Begin returns where to send somebody who wants to log in, and what must be
// remembered until they are back.
func (s *SingleSignOn) Begin(ctx context.Context, next string, now time.Time) (address string, a Attempt, err error) {
	const patience = 10 * time.Minute
	flow, _, err := s.flow(ctx)
	if err != nil {
		return "", a, err
	}
	a = Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Expires: now.Add(patience)}
	recent := oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(LastShown.Seconds())))
	return flow.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier), recent), a, nil
}

// Finish proves who came back with a code.
func (s *SingleSignOn) Finish(ctx context.Context, a Attempt, state, code string, now time.Time) (Person, error) {
	refused := func(why string) error {
		return core.Errorf(core.Forbidden, "%s did not let you in: %s; try again", s.Host(), why)
	}
	switch {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(state), []byte(a.State)) != 1:
		return Person{}, refused("the answer belongs to no login that began in this browser")
	case now.After(a.Expires):
		return Person{}, refused("it took longer than ten minutes")
	case code == "":
		return Person{}, refused("the answer holds no code")
	}
	flow, provider, err := s.flow(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx, cancel := context.WithTimeout(withClient(ctx), issuerTime)
	defer cancel()
	token, err := flow.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Person{}, refused("it does not take its own code back")
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: s.Client, Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		return Person{}, refused("its token cannot be believed")
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return Person{}, refused("its token is of another login")
	}
	return s.person(id, now)
}

// person reads who a token is about.
func (s *SingleSignOn) person(id *oidc.IDToken, now time.Time) (Person, error) {
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return Person{}, core.Errorf(core.Forbidden, "the token of %s cannot be read", s.Host())
	}
	p := Person{Subject: s.Issuer + "#" + id.Subject, Shown: now}
	if at, told := claims["auth_time"].(float64); told && at < float64(now.Unix()) {
		p.Shown = time.Unix(int64(at), 0)
	}
	for _, claim := range []string{"preferred_username", "email", "sub"} {
		if name, _ := claims[claim].(string); core.ValidUserName(name) {
			p.Name = name
			break
		}
	}
	for _, group := range texts(claims[s.Claim]) {
		p.Role = p.Role.Stronger(s.Roles[group])
	}
	return p, nil
}

// texts returns a claim that is one text or several.
func texts(claim any) []string {
	if one, ok := claim.(string); ok {
		return strings.Fields(one)
	}
	var all []string
	list, _ := claim.([]any)
	for _, v := range list {
		if text, ok := v.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// flow asks the issuer what it can, once; an issuer that was away is asked again.
func (s *SingleSignOn) flow(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := s.discovered(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{ClientID: s.Client, ClientSecret: s.Secret.Reveal(), RedirectURL: s.Return,
		Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}, provider, nil
}

// discovered returns what is known of the issuer. Whoever asks first asks for
// all; nobody waits longer than they like.
func (s *SingleSignOn) discovered(ctx context.Context) (*oidc.Provider, error) {
	s.mu.Lock()
	if s.provider != nil {
		defer s.mu.Unlock()
		return s.provider, nil
	}
	if s.asking == nil {
		s.asking = &inquiry{done: make(chan struct{})}
		go s.inquire(context.WithoutCancel(ctx), s.asking)
	}
	q := s.asking
	s.mu.Unlock()
	select {
	case <-q.done:
		return q.provider, q.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inquire answers an inquiry.
func (s *SingleSignOn) inquire(ctx context.Context, q *inquiry) {
	ctx, cancel := context.WithTimeout(withClient(ctx), issuerTime)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, s.Issuer)
	if err != nil {
		q.err = &core.Error{Code: core.Unreachable, Message: s.Host() + ", where people log in, does not answer as an issuer does",
			Hint: "log in with a password, and look whether " + s.Issuer + " is right", Err: err}
	} else {
		q.provider = provider
	}
	s.mu.Lock()
	s.provider, s.asking = q.provider, nil
	s.mu.Unlock()
	close(q.done)
}

func withClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, &http.Client{Timeout: issuerTime})
}

package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"
)

func (g *gotrue) getHealth(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, 200, struct {
		Version     string `json:"version"`
		Name        string `json:"name"`
		Description string `json:"description"`
	}{gotrueVersion, "GoTrue", "GoTrue is a user registration and authentication API"})
	return nil
}

// providers are the external logins that GET /settings lists (internal/api/settings.go); none is configured here.
var providers = []string{"apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "github", "gitlab", "google",
	"kakao", "keycloak", "linkedin", "linkedin_oidc", "notion", "slack", "slack_oidc", "snapchat", "spotify", "twitch",
	"twitter", "workos", "zoom"}

func (g *gotrue) getSettings(w http.ResponseWriter, _ *http.Request) error {
	external := map[string]bool{"anonymous_users": g.conf.anonymous, "email": g.conf.emailEnabled, "phone": g.conf.phoneEnabled}
	for _, p := range providers {
		external[p] = false
	}
	writeJSON(w, 200, map[string]any{
		"external": external, "disable_signup": g.conf.disableSignup, "mailer_autoconfirm": g.conf.autoconfirm,
		"phone_autoconfirm": g.conf.smsAutoconfirm, "sms_provider": "", "saml_enabled": false,
	})
	return nil
}

func (g *gotrue) getJWKS(w http.ResponseWriter, _ *http.Request) error {
	keys := []jwk{}
	for _, k := range g.conf.jwtKeys {
		if k.Kty != "oct" {
			keys = append(keys, k.public())
		}
	}
	w.Header().Set("Cache-Control", "public, max-age=600")
	writeJSON(w, 200, map[string]any{"keys": keys})
	return nil
}

func (g *gotrue) openID(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, 200, map[string]any{"issuer": g.conf.jwtIssuer, "jwks_uri": g.conf.jwtIssuer + "/.well-known/jwks.json"})
	return nil
}

type credentials struct {
	Email        string         `json:"email"`
	Password     string         `json:"password"`
	RefreshToken string         `json:"refresh_token"`
	Data         map[string]any `json:"data"`
}

func readCredentials(r *http.Request) (credentials, error) {
	var c credentials
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&c); err != nil {
		return c, refuse(400, "bad_json", "Could not parse request body as JSON: "+err.Error())
	}
	c.Email = strings.ToLower(strings.TrimSpace(c.Email))
	return c, nil
}

// checkSignup holds the rules of internal/api/signup.go that need no database.
func (g *gotrue) checkSignup(c credentials) error {
	switch {
	case g.conf.disableSignup:
		return refuse(422, "signup_disabled", "Signups not allowed for this instance")
	case c.Email == "" && c.Password == "":
		return refuse(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
	case !g.conf.emailEnabled:
		return refuse(400, "email_provider_disabled", "Email signups are disabled")
	case c.Password == "":
		return refuse(400, "validation_failed", "Signup requires a valid password")
	}
	return checkNewUser(c.Email, c.Password)
}

func checkNewUser(email, password string) error {
	if _, err := mail.ParseAddress(email); err != nil {
		return refuse(400, "validation_failed", "Unable to validate email address: invalid format")
	}
	if len(password) < 6 {
		return refuse(422, "weak_password", "Password should be at least 6 characters.")
	}
	return nil
}

func (g *gotrue) signup(w http.ResponseWriter, r *http.Request) error {
	c, err := readCredentials(r)
	if err != nil {
		return err
	}
	if err := g.checkSignup(c); err != nil {
		return err
	}
	ctx := r.Context()
	u, found, err := findUser(ctx, g.db, "email = $1", c.Email)
	if err != nil {
		return internal("Database error finding user", g.dbCause(err))
	}
	if found && u.EmailConfirmedAt != nil {
		return refuse(422, "user_already_exists", "User already registered")
	}
	var session *sessionAnswer
	err = pgx.BeginFunc(ctx, g.db, func(tx pgx.Tx) error {
		token := randomToken(32)
		if !found {
			n := newUser{email: c.Email, password: c.Password, meta: c.Data, confirmed: g.conf.autoconfirm}
			if !n.confirmed {
				n.token = token
			}
			if u, err = g.insertUser(ctx, tx, n); err != nil {
				return internal("Database error saving new user", abortedText(err))
			}
		}
		if !g.conf.autoconfirm {
			if err := g.sendMail(ctx, c.Email, "Confirm Your Signup", g.link("signup", token)); err != nil {
				return internal("Error sending confirmation email", err)
			}
			return nil
		}
		session, err = g.issue(r, tx, u)
		return err
	})
	if err != nil {
		return g.database(err, "Database error saving new user")
	}
	if session != nil {
		writeJSON(w, 200, session)
		return nil
	}
	writeJSON(w, 200, u)
	return nil
}

// link is the address in an e-mail.
func (g *gotrue) link(kind, token string) string {
	q := url.Values{"token": {token}, "type": {kind}, "redirect_to": {g.conf.siteURL}}
	return strings.TrimSuffix(g.conf.externalURL, "/") + "/verify?" + q.Encode()
}

// dbCause words a lost connection as GoTrue logs it.
func (g *gotrue) dbCause(err error) error {
	if !notConnected(err) {
		return errors.New("error finding user: " + pgText(err))
	}
	return errors.New("error finding user: " + pgconn1Text(g.db.Config().ConnConfig, err))
}

// database gives an error that is not yet worded for the API the given message.
func (g *gotrue) database(err error, msg string) error {
	if _, ok := errors.AsType[*apiError](err); ok {
		return err
	}
	return internal(msg, g.dbCause(err))
}

// sessionAnswer is GoTrue's AccessTokenResponse.
type sessionAnswer struct {
	AccessToken  string    `json:"access_token"`
	TokenType    string    `json:"token_type"`
	ExpiresIn    int       `json:"expires_in"`
	ExpiresAt    int64     `json:"expires_at"`
	RefreshToken string    `json:"refresh_token"`
	User         *authUser `json:"user"`
}

func (g *gotrue) answerFor(u *authUser, session, refresh string) (*sessionAnswer, error) {
	now := time.Now()
	access, err := g.newAccessToken(u, session, now)
	if err != nil {
		return nil, internal("error generating jwt token", err)
	}
	return &sessionAnswer{access, "bearer", g.conf.jwtExp, now.Unix() + int64(g.conf.jwtExp), refresh, u}, nil
}

func (g *gotrue) issue(r *http.Request, tx pgx.Tx, u *authUser) (*sessionAnswer, error) {
	session, refresh, err := g.openSession(r.Context(), tx, u)
	if err != nil {
		return nil, internal("Database error granting user", abortedText(err))
	}
	return g.answerFor(u, session, refresh)
}

func (g *gotrue) token(w http.ResponseWriter, r *http.Request) error {
	grants := map[string]func(*http.Request, credentials) (*sessionAnswer, error){
		"password": g.passwordGrant, "refresh_token": g.refreshGrant,
	}
	grant, ok := grants[r.URL.Query().Get("grant_type")]
	if !ok {
		return refuse(400, "invalid_credentials", "unsupported_grant_type")
	}
	c, err := readCredentials(r)
	if err != nil {
		return err
	}
	answer, err := grant(r, c)
	if err != nil {
		return err
	}
	writeJSON(w, 200, answer)
	return nil
}

func (g *gotrue) passwordGrant(r *http.Request, c credentials) (answer *sessionAnswer, err error) {
	ctx := r.Context()
	u, found, err := findUser(ctx, g.db, "email = $1", c.Email)
	if err != nil {
		return nil, internal("Database error querying schema", g.dbCause(err))
	}
	if !found || bcrypt.CompareHashAndPassword([]byte(deref(u.password)), []byte(c.Password)) != nil {
		return nil, refuse(400, "invalid_credentials", "Invalid login credentials")
	}
	if u.EmailConfirmedAt == nil {
		return nil, refuse(400, "email_not_confirmed", "Email not confirmed")
	}
	err = pgx.BeginFunc(ctx, g.db, func(tx pgx.Tx) error {
		answer, err = g.issue(r, tx, u)
		return err
	})
	if err != nil {
		return nil, g.database(err, "Database error granting user")
	}
	return answer, nil
}

func (g *gotrue) refreshGrant(r *http.Request, c credentials) (answer *sessionAnswer, err error) {
	ctx := r.Context()
	err = pgx.BeginFunc(ctx, g.db, func(tx pgx.Tx) error {
		var user, session string
		err := tx.QueryRow(ctx, `update refresh_tokens set revoked = true, updated_at = now()
			where token = $1 and not revoked returning user_id, session_id::text`, c.RefreshToken).Scan(&user, &session)
		if errors.Is(err, pgx.ErrNoRows) {
			return refuse(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
		} else if err != nil {
			return err
		}
		u, found, err := findUser(ctx, tx, "id = $1", user)
		if err != nil || !found {
			return errors.Join(err, refuse(400, "refresh_token_not_found", "Invalid Refresh Token: User Not Found"))
		}
		next := newRefreshToken()
		if err := addRefreshToken(ctx, tx, next, user, session, c.RefreshToken); err != nil {
			return err
		}
		answer, err = g.answerFor(u, session, next)
		return err
	})
	if err != nil {
		return nil, g.database(err, "Database error granting user")
	}
	return answer, nil
}

func (g *gotrue) logout(w http.ResponseWriter, r *http.Request) error {
	c := r.Context().Value(claimsKey{}).(jwt.MapClaims)
	if _, err := g.db.Exec(r.Context(), `delete from sessions where user_id = $1`, claimText(c, "sub")); err != nil {
		return internal("Error logging out user", g.dbCause(err))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *gotrue) getUser(w http.ResponseWriter, r *http.Request) error {
	c := r.Context().Value(claimsKey{}).(jwt.MapClaims)
	u, found, err := findUser(r.Context(), g.db, "id = $1", claimText(c, "sub"))
	if err != nil {
		return internal("Database error finding user", g.dbCause(err))
	}
	if !found {
		return refuse(403, "user_not_found", "User from sub claim in JWT does not exist")
	}
	writeJSON(w, 200, u)
	return nil
}

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// listUsers answers GET /admin/users; its failure is the one deep, read-only proof that GoTrue reaches its tables.
func (g *gotrue) listUsers(w http.ResponseWriter, r *http.Request) error {
	page, perPage := queryInt(r, "page", 1), queryInt(r, "per_page", 50)
	users, total, err := listUsers(r.Context(), g.db, perPage, (page-1)*perPage)
	if err != nil {
		return internal("Database error finding users", g.dbCause(err))
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	writeJSON(w, 200, map[string]any{"users": users, "aud": g.conf.jwtAud})
	return nil
}

func queryInt(r *http.Request, key string, def int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(key))
	if err != nil || n < 1 {
		return def
	}
	return n
}

func (g *gotrue) createUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email    string         `json:"email"`
		Password string         `json:"password"`
		Confirm  bool           `json:"email_confirm"`
		UserMeta map[string]any `json:"user_metadata"`
		AppMeta  map[string]any `json:"app_metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return refuse(400, "bad_json", "Could not parse request body as JSON: "+err.Error())
	}
	if in.Password == "" {
		in.Password = randomToken(24)
	}
	if err := checkNewUser(in.Email, in.Password); err != nil {
		return err
	}
	_, found, err := findUser(r.Context(), g.db, "email = $1", in.Email)
	if err != nil {
		return internal("Database error checking email", g.dbCause(err))
	}
	if found {
		return refuse(422, "email_exists", "A user with this email address has already been registered")
	}
	var u *authUser
	err = pgx.BeginFunc(r.Context(), g.db, func(tx pgx.Tx) (err error) {
		u, err = g.insertUser(r.Context(), tx, newUser{email: in.Email, password: in.Password, meta: in.UserMeta, appMeta: in.AppMeta, confirmed: in.Confirm})
		if err != nil {
			return internal("Database error creating new user", abortedText(err))
		}
		return nil
	})
	if err != nil {
		return g.database(err, "Database error creating new user")
	}
	writeJSON(w, 200, u)
	return nil
}

// pathUser is the user that {id} names.
func (g *gotrue) pathUser(r *http.Request) (*authUser, error) {
	u, found, err := findUser(r.Context(), g.db, "id::text = $1", r.PathValue("id"))
	if err != nil {
		return nil, internal("Database error loading user", g.dbCause(err))
	}
	if !found {
		return nil, refuse(404, "user_not_found", "User not found")
	}
	return u, nil
}

func (g *gotrue) showUser(w http.ResponseWriter, r *http.Request) error {
	u, err := g.pathUser(r)
	if err != nil {
		return err
	}
	writeJSON(w, 200, u)
	return nil
}

func (g *gotrue) deleteUser(w http.ResponseWriter, r *http.Request) error {
	u, err := g.pathUser(r)
	if err != nil {
		return err
	}
	if _, err := g.db.Exec(r.Context(), `delete from users where id = $1`, u.ID); err != nil {
		return internal("Database error deleting user", g.dbCause(err))
	}
	writeJSON(w, 200, map[string]any{})
	return nil
}

// recover mails a password link; an unknown address is answered like a known one.
func (g *gotrue) recover(w http.ResponseWriter, r *http.Request) error {
	c, err := readCredentials(r)
	if err != nil {
		return err
	}
	u, found, err := findUser(r.Context(), g.db, "email = $1", c.Email)
	if err != nil {
		return internal("Unable to process request", g.dbCause(err))
	}
	if found {
		token := randomToken(32)
		if _, err := g.db.Exec(r.Context(), `update users set recovery_token = $2, recovery_sent_at = now() where id = $1`, u.ID, token); err != nil {
			return internal("Unable to process request", g.dbCause(err))
		}
		if err := g.sendMail(r.Context(), c.Email, "Reset Your Password", g.link("recovery", token)); err != nil {
			return internal("Error sending recovery email", err)
		}
	}
	writeJSON(w, 200, map[string]any{})
	return nil
}

// verify follows the link of a confirmation e-mail and sends the browser on to the site.
func (g *gotrue) verify(w http.ResponseWriter, r *http.Request) error {
	site := g.conf.siteURL
	token := r.URL.Query().Get("token")
	var u *authUser
	var found bool
	var err error
	if token != "" {
		u, found, err = findUser(r.Context(), g.db, "confirmation_token = $1", token)
	}
	if err != nil {
		return internal("Database error finding user", g.dbCause(err))
	}
	if !found {
		q := url.Values{"error": {"access_denied"}, "error_code": {"otp_expired"}, "error_description": {"Email link is invalid or has expired"}}
		http.Redirect(w, r, site+"#"+q.Encode(), http.StatusSeeOther)
		return nil
	}
	var answer *sessionAnswer
	err = pgx.BeginFunc(r.Context(), g.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(r.Context(), `update users set email_confirmed_at = now(), confirmation_token = '' where id = $1`, u.ID); err != nil {
			return err
		}
		var err error
		answer, err = g.issue(r, tx, u)
		return err
	})
	if err != nil {
		return g.database(err, "Error confirming user")
	}
	q := url.Values{"access_token": {answer.AccessToken}, "refresh_token": {answer.RefreshToken}, "token_type": {"bearer"}, "type": {"signup"}}
	http.Redirect(w, r, site+"#"+q.Encode(), http.StatusSeeOther)
	return nil
}

func (g *gotrue) authorize(http.ResponseWriter, *http.Request) error {
	return refuse(400, "validation_failed", "Unsupported provider: provider is not enabled")
}

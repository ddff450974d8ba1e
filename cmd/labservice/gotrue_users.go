package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/crypto/bcrypt"
)

// authUser is a row of auth.users as GoTrue shows it (internal/models/user.go).
type authUser struct {
	ID               string         `json:"id"`
	Aud              string         `json:"aud"`
	Role             string         `json:"role"`
	Email            *string        `json:"email"`
	EmailConfirmedAt *time.Time     `json:"email_confirmed_at,omitempty"`
	Phone            string         `json:"phone"`
	ConfirmationSent *time.Time     `json:"confirmation_sent_at,omitempty"`
	ConfirmedAt      *time.Time     `json:"confirmed_at,omitempty"`
	LastSignInAt     *time.Time     `json:"last_sign_in_at,omitempty"`
	AppMeta          map[string]any `json:"app_metadata"`
	UserMeta         map[string]any `json:"user_metadata"`
	Identities       []any          `json:"identities"`
	CreatedAt        *time.Time     `json:"created_at"`
	UpdatedAt        *time.Time     `json:"updated_at"`
	IsAnonymous      bool           `json:"is_anonymous"`
	password         *string
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

const userColumns = `id::text, coalesce(aud, ''), coalesce(role, ''), email, email_confirmed_at, confirmation_sent_at,
	last_sign_in_at, coalesce(raw_app_meta_data, '{}'), coalesce(raw_user_meta_data, '{}'), created_at, updated_at,
	encrypted_password, confirmation_token, recovery_token, email_change_token_new, email_change`

// tokenColumns are text columns that GoTrue scans into plain strings: a NULL in them, left by a manual insert, breaks
// every query that meets the row.
var tokenColumns = [...]string{"confirmation_token", "recovery_token", "email_change_token_new", "email_change"}

func scanUser(row pgx.Row) (*authUser, error) {
	u := &authUser{Identities: []any{}}
	var tokens [len(tokenColumns)]*string
	err := row.Scan(&u.ID, &u.Aud, &u.Role, &u.Email, &u.EmailConfirmedAt, &u.ConfirmationSent, &u.LastSignInAt,
		&u.AppMeta, &u.UserMeta, &u.CreatedAt, &u.UpdatedAt, &u.password, &tokens[0], &tokens[1], &tokens[2], &tokens[3])
	if err != nil {
		return nil, err
	}
	for i, t := range tokens {
		if t == nil {
			return nil, fmt.Errorf("sql: Scan error on column index %d, name %q: converting NULL to string is unsupported", i+3, tokenColumns[i])
		}
	}
	u.ConfirmedAt = u.EmailConfirmedAt
	return u, nil
}

// findUser returns the first user that cond, a condition on $1, holds for; nil when there is none.
func findUser(ctx context.Context, q querier, cond string, arg any) (*authUser, bool, error) {
	u, err := scanUser(q.QueryRow(ctx, `select `+userColumns+` from users where `+cond+` limit 1`, arg))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return u, err == nil, err
}

// listUsers reads one page, newest first, and the number of all users.
func listUsers(ctx context.Context, q querier, limit, offset int) ([]*authUser, int, error) {
	var total int
	if err := q.QueryRow(ctx, `select count(*) from users`).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := q.Query(ctx, `select `+userColumns+` from users order by created_at desc limit $1 offset $2`, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	list := []*authUser{}
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, u)
	}
	return list, total, rows.Err()
}

// newUser is what a sign-up or an administrator asks for.
type newUser struct {
	email     string
	password  string
	meta      map[string]any
	appMeta   map[string]any
	confirmed bool
	token     string // confirmation token, "" when confirmed
}

// insertUser writes the user and the e-mail identity.
func (g *gotrue) insertUser(ctx context.Context, tx pgx.Tx, n newUser) (*authUser, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(n.password), bcrypt.DefaultCost)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	var confirmed, sent *time.Time
	if n.confirmed {
		confirmed = &now
	} else if n.token != "" {
		sent = &now
	}
	app := map[string]any{"provider": "email", "providers": []string{"email"}}
	for k, v := range n.appMeta {
		app[k] = v
	}
	if n.meta == nil {
		n.meta = map[string]any{}
	}
	id := newUUID()
	n.meta["sub"], n.meta["email"], n.meta["email_verified"], n.meta["phone_verified"] = id, n.email, false, false
	u, err := scanUser(tx.QueryRow(ctx, `insert into users (id, instance_id, aud, role, email, encrypted_password,
		email_confirmed_at, confirmation_token, confirmation_sent_at, recovery_token, email_change_token_new, email_change,
		raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
		values ($1, '00000000-0000-0000-0000-000000000000', $2, $3, $4, $5, $6, $7, $8, '', '', '', $9, $10, $11, $11)
		returning `+userColumns,
		id, g.conf.jwtAud, g.conf.defaultGroup, n.email, string(hash), confirmed, n.token, sent, app, n.meta, now))
	if err != nil {
		return nil, err
	}
	data := map[string]any{"sub": id, "email": n.email, "email_verified": false, "phone_verified": false}
	_, err = tx.Exec(ctx, `insert into identities (`+g.identityID+`, user_id, identity_data, provider, last_sign_in_at,
		created_at, updated_at) values ($1, $2, $3, 'email', $4, $4, $4)`, id, id, data, now)
	if err != nil {
		return nil, err
	}
	u.Identities = []any{map[string]any{"identity_id": id, "id": id, "user_id": id, "identity_data": data, "provider": "email",
		"last_sign_in_at": now, "created_at": now, "updated_at": now, "email": n.email}}
	return u, nil
}

// abortedText is how a failed statement inside a transaction reaches GoTrue's log: pop closes the prepared statement
// in the aborted transaction, so 25P02 comes first and the real cause is the last SQLSTATE.
func abortedText(err error) error {
	if pgCode(err) == "" {
		return err
	}
	return errors.New("failed to close prepared statement: ERROR: current transaction is aborted, commands ignored until " +
		"end of transaction block (SQLSTATE 25P02): " + pgText(err))
}

// openSession writes a session with its refresh token and stamps the user.
func (g *gotrue) openSession(ctx context.Context, tx pgx.Tx, u *authUser) (session, refresh string, err error) {
	session, refresh = newUUID(), newRefreshToken()
	now := time.Now().UTC()
	if _, err = tx.Exec(ctx, `insert into sessions (id, user_id, created_at, updated_at) values ($1, $2, $3, $3)`, session, u.ID, now); err != nil {
		return "", "", err
	}
	if err = addRefreshToken(ctx, tx, refresh, u.ID, session, ""); err != nil {
		return "", "", err
	}
	_, err = tx.Exec(ctx, `update users set last_sign_in_at = $2, updated_at = $2 where id = $1`, u.ID, now)
	u.LastSignInAt, u.UpdatedAt = &now, &now
	return session, refresh, err
}

func addRefreshToken(ctx context.Context, tx pgx.Tx, token, user, session, parent string) error {
	_, err := tx.Exec(ctx, `insert into refresh_tokens (instance_id, token, user_id, revoked, parent, session_id, created_at, updated_at)
		values ('00000000-0000-0000-0000-000000000000', $1, $2, false, nullif($3, ''), $4, now(), now())`, token, user, parent, session)
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

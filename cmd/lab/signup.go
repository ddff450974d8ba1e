package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func (l *lab) signupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "signup NAME", Short: "Create a user through the gateway, as a client would",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			b, err := l.bench(c.Context(), names[0])
			if err != nil {
				return err
			}
			return b.signup(c.Context())
		},
	}
}

// signup creates a user with the anon key and says how that went. When it
// fails, the error is what Studio shows to a person who tries.
func (b *bench) signup(ctx context.Context) error {
	a, err := b.createUser(ctx)
	if err != nil {
		return studioError("Failed to fetch", err)
	}
	b.lab.say("POST /auth/v1/signup: %s", a.short())
	if a.status != http.StatusOK {
		return studioError(a.message(), nil)
	}
	return nil
}

func (b *bench) createUser(ctx context.Context) (answer, error) {
	body, err := json.Marshal(map[string]string{"email": "user-" + hexOf(6) + "@example.com", "password": hexOf(12)})
	if err != nil {
		return answer{}, err
	}
	return b.ask(ctx, http.MethodPost, "/auth/v1/signup", "ANON_KEY", body)
}

func studioError(message string, cause error) error {
	text := "Failed to create user: API error happened while trying to communicate with the server"
	return errors.Join(fmt.Errorf("%s: %s", text, message), cause)
}

// short is the answer in one line without the tokens that it may hold.
func (a answer) short() string {
	var user struct {
		User struct{ ID, Email string }
	}
	if a.status == http.StatusOK && json.Unmarshal([]byte(a.body), &user) == nil && user.User.ID != "" {
		return fmt.Sprintf("%d user %s (%s)", a.status, user.User.Email, user.User.ID)
	}
	return a.String()
}

// message is the sentence in an error answer of GoTrue or of the gateway.
func (a answer) message() string {
	var m struct{ Msg, Message string }
	if json.Unmarshal([]byte(a.body), &m) == nil && m.Msg+m.Message != "" {
		return strings.TrimSpace(m.Msg + m.Message)
	}
	return a.String()
}

package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/store"
)

func userCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Who may log in, and what they may"}
	cmd.AddCommand(userList(g), userAdd(g), userPassword(g), userGrant(g), userDisable(g, true), userDisable(g, false), userResetFactor(g), userSubject(g), userRemove(g))
	return cmd
}

// local is an audit entry of whoever sits at the terminal.
func local(action, detail string) core.AuditEntry {
	return core.AuditEntry{At: time.Now(), Actor: actor(), Action: action, Outcome: "ok", Detail: detail}
}

func userList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the users and their roles", Example: "  basewright user list", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				users, err := s.Users(cmd.Context())
				if err != nil {
					return err
				}
				if output == "json" {
					return listJSON(g.console, "users", users)
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "USER\tSTATE\tSINCE\tROLES")
				for _, u := range users {
					state := map[bool]string{true: "locked out", false: "active"}[u.Disabled]
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(u.Name), state, u.Created.Local().Format(time.DateOnly), printable(rolesOf(u)))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func rolesOf(u core.User) string {
	var roles []string
	for _, i := range slices.Sorted(maps.Keys(u.Grants)) {
		roles = append(roles, string(u.Grants[i])+" on "+i)
	}
	return cmp.Or(strings.Join(roles, ", "), "none")
}

// withPassword hands set a password from stdin, or one that it makes, and prints
// that once it holds.
func withPassword(g *global, fromStdin bool, set func(password string) error) error {
	if !fromStdin {
		p := rand.Text()
		if err := set(p); err != nil {
			return err
		}
		fmt.Fprintf(g.out, "Password (shown this once): %s\n", p)
		return nil
	}
	line, err := bufio.NewReader(g.in).ReadString('\n')
	p := strings.TrimRight(line, "\r\n")
	if p == "" && err != nil {
		return core.Errorf(core.Invalid, "there is no password on stdin")
	}
	if err := access.CheckPassword(p); err != nil {
		return err
	}
	return set(p)
}

func userAdd(g *global) *cobra.Command {
	var role, instance string
	var stdin bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a user; prints a password unless one is given on stdin", Example: "  basewright user add ana --role operator --instance shop", Args: exactly(1, "one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !core.ValidUserName(args[0]) {
				return core.Errorf(core.Invalid, "a user name has 1 to 64 letters, digits and . _ @ -, and begins with a letter or a digit")
			}
			if err := checkRole(core.Role(role), instance); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				return withPassword(g, stdin, func(password string) error {
					u := core.User{ID: core.NewID(), Name: args[0], Created: time.Now(), Grants: map[string]core.Role{instance: core.Role(role)}}
					return s.AddUser(cmd.Context(), u, access.Hash(password), local("user.add", u.Name))
				})
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", string(core.Viewer), "viewer, operator or admin")
	cmd.Flags().StringVar(&instance, "instance", core.EveryInstance, "on which instance; * is all")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from stdin")
	return cmd
}

func checkRole(role core.Role, instance string) error {
	if !slices.Contains(core.Roles, role) {
		return core.Errorf(core.Invalid, "--role %q is not one of: viewer, operator, admin", role)
	}
	if instance != core.EveryInstance && !core.ValidID(instance) {
		return core.Errorf(core.Invalid, "--instance %q is not the id of an instance, nor * for all", instance)
	}
	return nil
}

// onUser makes a command that does something to one user.
func onUser(g *global, use, short, example string, do func(ctx context.Context, s *store.Store, u core.User) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: "  basewright user " + example, Args: exactly(1, "one user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				u, _, err := s.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return do(cmd.Context(), s, u)
			})
		},
	}
}

func userPassword(g *global) *cobra.Command {
	var stdin bool
	cmd := onUser(g, "password NAME", "Set a password; ends all logins of the user", "password admin", func(ctx context.Context, s *store.Store, u core.User) error {
		return withPassword(g, stdin, func(password string) error {
			return s.SetPassword(ctx, u.ID, access.Hash(password), "", local("user.password", u.Name))
		})
	})
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from stdin")
	return cmd
}

func userGrant(g *global) *cobra.Command {
	var role, instance string
	cmd := onUser(g, "grant NAME", "Give a user a role on an instance, or on all; none takes it away", "grant ana --role operator --instance shop", func(ctx context.Context, s *store.Store, u core.User) error {
		if role == "none" {
			return s.Grant(ctx, u.ID, instance, "", local("user.revoke", u.Name+": nothing more on "+instance))
		}
		if err := checkRole(core.Role(role), instance); err != nil {
			return err
		}
		return s.Grant(ctx, u.ID, instance, core.Role(role), local("user.grant", u.Name+": "+role+" on "+instance))
	})
	cmd.Flags().StringVar(&role, "role", string(core.Viewer), "viewer, operator, admin or none")
	cmd.Flags().StringVar(&instance, "instance", core.EveryInstance, "on which instance; * is all")
	return cmd
}

func userDisable(g *global, disabled bool) *cobra.Command {
	use, short := "enable", "Let a user in again"
	if disabled {
		use, short = "disable", "Lock a user out; ends all their logins"
	}
	return onUser(g, use+" NAME", short, use+" ana", func(ctx context.Context, s *store.Store, u core.User) error {
		return s.DisableUser(ctx, u.ID, disabled, local("user."+use, u.Name))
	})
}

func userResetFactor(g *global) *cobra.Command {
	return onUser(g, "reset-factor NAME", "Take the second factor away from a user who lost it", "reset-factor ana", func(ctx context.Context, s *store.Store, u core.User) error {
		return s.SetFactor(ctx, u.ID, "", 0, nil, "", local("user.factor", "no second factor any more for "+u.Name))
	})
}

func userSubject(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "subject NAME SUBJECT", Short: "Say who a user is at the issuer of single sign-on; an empty one is nobody", Args: exactly(2, "one user and one subject"),
		Example: "  basewright user subject ana 'https://login.example.com#248289761001'     # as the audit log has it when ana is refused",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				u, _, err := s.UserByName(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return s.SetSubject(cmd.Context(), u.ID, args[1], local("user.subject", u.Name+" is "+args[1]))
			})
		},
	}
}

func userRemove(g *global) *cobra.Command {
	return onUser(g, "remove NAME", "Remove a user with their tokens", "remove ana", func(ctx context.Context, s *store.Store, u core.User) error {
		return s.RemoveUser(ctx, u.ID, local("user.remove", u.Name))
	})
}

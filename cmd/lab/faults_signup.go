package main

import (
	"context"

	"github.com/basewright/basewright/core"
)

// signupFaults are those of what sign-up waits for beside auth itself.
func signupFaults() []fault {
	return []fault{
		{code: "AUTH-08", does: "New users must confirm their address, and the mail server is still the placeholder of .env.example, so nobody can sign up.",
			save: saveEnv("ENABLE_EMAIL_AUTOCONFIRM", "SMTP_HOST"), apply: placeholderMail,
			shows: signupFails("Error sending confirmation email"), mend: restoreEnvAnd(core.Auth)},
	}
}

func placeholderMail(ctx context.Context, b *bench, _ saved) error {
	if err := b.setEnv(map[string]string{"ENABLE_EMAIL_AUTOCONFIRM": "false", "SMTP_HOST": "supabase-mail"}); err != nil {
		return err
	}
	return b.recreate(ctx, core.Auth)
}

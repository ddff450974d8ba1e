package checks

import (
	"maps"
	"slices"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// findings returns what the rules find of a code.
func (s *scene) findings(t *testing.T, code string) []core.Finding {
	t.Helper()
	var all []core.Finding
	for _, c := range rulesOf() {
		found, err := c.Check(t.Context(), core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.DeleteFunc(found, func(f core.Finding) bool { return f.Code != code })...)
	}
	return all
}

// TestWhatMendsAnEatenSecret: what is written was meant, unless the API keys are
// signed with what is left.
func TestWhatMendsAnEatenSecret(t *testing.T) {
	const long = "0123456789abcdef0123456789abcdef-left"
	for name, row := range map[string]struct {
		v      core.EnvVar
		signer core.Secret // of the API keys
		want   map[string]string
	}{
		"a password of others":       {core.EnvVar{Key: "SMTP_PASS", Value: "ab", Written: "ab$cd"}, long, map[string]string{"quote": "SMTP_PASS"}},
		"the keys are of the whole":  {core.EnvVar{Key: "JWT_SECRET", Value: long, Written: long + "$cd"}, long + "$cd", map[string]string{"quote": "JWT_SECRET"}},
		"the keys are of the rest":   {core.EnvVar{Key: "JWT_SECRET", Value: long, Written: long + "$cd"}, long, map[string]string{"keep": "JWT_SECRET"}},
		"the rest is short":          {core.EnvVar{Key: "JWT_SECRET", Value: "ab", Written: "ab$cd"}, "ab", map[string]string{"weak": "JWT_SECRET"}},
		"the keys are of another":    {core.EnvVar{Key: "JWT_SECRET", Value: long, Written: long + "$cd"}, "another", map[string]string{"quote": "JWT_SECRET"}},
		"nothing is left":            {core.EnvVar{Key: "JWT_SECRET", Value: "", Written: "$cd"}, long, map[string]string{"quote": "JWT_SECRET"}},
		"it can only be a variable":  {core.EnvVar{Key: "SMTP_PASS", Value: "", Written: "${MAIL_PASS}"}, long, map[string]string{"braced": "SMTP_PASS"}},
		"a variable without a value": {core.EnvVar{Key: "SMTP_PASS", Value: "x", Written: "${MAIL_PASS-x}"}, long, map[string]string{"braced": "SMTP_PASS"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			anon, err := supabase.MintKey("anon", row.signer, now)
			if err != nil {
				t.Fatal(err)
			}
			s.dotenv("ANON_KEY", anon.Reveal())
			s.o.Env.Vars = append(s.o.Env.Vars, row.v)
			found := s.findings(t, "DK-06")
			if len(found) != 1 || !maps.Equal(found[0].Details, row.want) {
				t.Errorf("found %+v, want %v", found, row.want)
			}
		})
	}
}

// TestABrokenConnectionStringWeighs: the characters do no harm to some services, so
// it is a warning until one fails that got such a string.
func TestABrokenConnectionStringWeighs(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(s *scene)
		want  core.Severity
	}{
		"all services run": {func(*scene) {}, core.Warning},
		"auth ends":        {func(s *scene) { s.container(core.Auth).State = "restarting" }, core.Critical},
		"auth is ill":      {func(s *scene) { s.container(core.Auth).Health = "unhealthy" }, core.Critical},
		"auth has the old password": {func(s *scene) {
			s.dies(core.Auth, "x")
			s.container(core.Auth).Env["GOTRUE_DB_DATABASE_URL"] = "postgres://a:b@db/x"
		}, core.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.dotenv("POSTGRES_PASSWORD", "p@ss")
			s.env(core.Auth, "GOTRUE_DB_DATABASE_URL", "postgres://supabase_auth_admin:p@ss@db:5432/postgres")
			row.spoil(s)
			found := s.findings(t, "PG-02")
			if len(found) != 1 || found[0].Severity != row.want {
				t.Errorf("found %+v, want one that is %s", found, row.want)
			}
		})
	}
}

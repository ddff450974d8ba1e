package configure

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

const compose = `
x-common: &common
  restart: unless-stopped
services:
  auth:
    <<: *common
    environment:
      GOTRUE_SITE_URL: ${SITE_URL}
      GOTRUE_SMTP_PASS: $SMTP_PASS
      GOTRUE_DISABLE_SIGNUP: ${DISABLE_SIGNUP:-false}
      GOTRUE_JWT_SECRET: ${JWT_SECRET}
      KEY: ${ANON_KEY}
      DATABASE_URL: postgres://auth:${POSTGRES_PASSWORD}@db
  db:
    environment: {JWT_EXP: "${JWT_EXPIRY}", JWT_SECRET: "${JWT_SECRET}", POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}"}
  pooler:
    environment: {POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}"}
  kong:
    environment: {DASHBOARD_PASSWORD: "${DASHBOARD_PASSWORD}", KEY: "${SERVICE_ROLE_KEY}"}
  app:
    environment: {URL: "${SITE_URL}", OTHER: "${SITE_URL_OTHER}"}
`

const secret = "n3w-pl4nted-password"

func observed(t *testing.T) *core.Observation {
	t.Helper()
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	if err := os.WriteFile(file, []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	obs := &core.Observation{
		Instance: core.Instance{ID: "shop", Files: []string{file}},
		Env: core.EnvFile{Vars: []core.EnvVar{
			{Key: "SITE_URL", Value: "https://old.example.com"}, {Key: "DISABLE_SIGNUP", Value: "false"}, {Key: "DASHBOARD_PASSWORD", Value: "the-old-password"}, {Key: "JWT_EXPIRY", Value: "3600"},
		}},
		Containers: coretest.Running(core.DB, core.Auth, core.Gateway),
	}
	for name, role := range map[string]core.Service{"auth": core.Auth, "db": core.DB, "kong": core.Gateway, "pooler": core.Pooler, "app": ""} {
		obs.Compose.Services = append(obs.Compose.Services, core.ComposeService{Name: name, Service: role})
	}
	return obs
}

func TestPlan(t *testing.T) {
	for name, tt := range map[string]struct {
		edit Edit
		want string // the actions
		diff string
	}{
		"a setting of one service": {Edit{Set: map[string]core.Secret{"DISABLE_SIGNUP": "true"}},
			"set_env key=DISABLE_SIGNUP value=true, recreate auth, wait_healthy auth timeout=2m", ".env DISABLE_SIGNUP: false → true"},
		"a setting that a stranger uses, too": {Edit{Set: map[string]core.Secret{"SITE_URL": "https://new.example.com"}},
			"set_env key=SITE_URL value=https://new.example.com, recreate auth, wait_healthy auth timeout=2m, up", ".env SITE_URL: https://old.example.com → https://new.example.com"},
		"several, the database first": {Edit{Set: map[string]core.Secret{"JWT_EXPIRY": "7200", "DISABLE_SIGNUP": "true"}},
			"set_env key=DISABLE_SIGNUP value=true, set_env key=JWT_EXPIRY value=7200, recreate db, wait_healthy db timeout=2m, recreate auth, wait_healthy auth timeout=2m", ""},
		"a secret, by its short name": {Edit{Set: map[string]core.Secret{"dashboard_password": secret}},
			"set_env key=DASHBOARD_PASSWORD value=given:DASHBOARD_PASSWORD, recreate gateway, wait_healthy gateway timeout=2m", ".env DASHBOARD_PASSWORD: ••• ("},
		"a setting taken out": {Edit{Unset: []string{"DISABLE_SIGNUP"}},
			"unset_env key=DISABLE_SIGNUP, recreate auth, wait_healthy auth timeout=2m", ".env DISABLE_SIGNUP: false → (not set)"},
		"a setting that nothing uses": {Edit{Set: map[string]core.Secret{"OPENAI_API_KEY": ""}}, "set_env key=OPENAI_API_KEY value=given:OPENAI_API_KEY", "(not set) → (empty)"},
	} {
		t.Run(name, func(t *testing.T) {
			p, given, err := Plan(observed(t), tt.edit, core.FingerprintKey("k"))
			if err != nil {
				t.Fatal(err)
			}
			var actions, diffs []string
			for _, a := range p.Actions {
				actions = append(actions, a.String())
			}
			for _, d := range p.Diff {
				diffs = append(diffs, d.Target+": "+d.Before+" → "+d.After)
			}
			if got := strings.Join(actions, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := strings.Join(diffs, ", "); !strings.Contains(got, tt.diff) {
				t.Errorf("the diff is %s", got)
			}
			if text, _ := json.Marshal(p); strings.Contains(string(text), secret) {
				t.Error("the plan holds the secret")
			}
			if v, ok := tt.edit.Set["dashboard_password"]; ok && given["DASHBOARD_PASSWORD"] != v {
				t.Error("the secret is not given")
			}
		})
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	set := func(k string, v core.Secret) Edit { return Edit{Set: map[string]core.Secret{k: v}} }
	for name, tt := range map[string]struct {
		edit Edit
		code core.ErrorCode
		want string
	}{
		"an unknown setting":              {set("SITE_URI", "x"), core.Invalid, `there is no setting "SITE_URI"; near it are SITE_URL`},
		"a switch that is none":           {set("DISABLE_SIGNUP", "yes"), core.Invalid, `DISABLE_SIGNUP: "yes" is not true or false`},
		"an address of every interface":   {set("SITE_URL", "http://0.0.0.0:3000"), core.Invalid, "every address and none"},
		"a port that is none":             {set("POSTGRES_PORT", "99999"), core.Invalid, "is not a port from 1 to 65535"},
		"a number with a unit":            {set("JWT_EXPIRY", "1h"), core.Invalid, "is not a whole number"},
		"a port of too many digits":       {set("KONG_HTTP_PORT", "80000"), core.Invalid, "from 1 to 65535"},
		"a value over two lines":          {set("SMTP_SENDER_NAME", "a\nJWT_SECRET=b"), core.Invalid, "has a line break"},
		"a secret over two lines":         {set("SMTP_PASS", secret+"\nX=y"), core.Invalid, "SMTP_PASS: the value has a line break"},
		"a password of the database":      {set("POSTGRES_PASSWORD", secret), core.Forbidden, "align-database-passwords"},
		"the JWT secret":                  {set("JWT_SECRET", secret), core.Forbidden, "rotate-jwt-secret"},
		"a key that data is encrypted by": {set("VAULT_ENC_KEY", secret), core.Forbidden, "could not be read any more"},
		"a short password":                {set("DASHBOARD_PASSWORD", "abc"), core.Invalid, "shorter than 8"},
		"nothing":                         {Edit{}, core.Invalid, "changes no setting"},
		"what is so already":              {set("DISABLE_SIGNUP", "false"), core.Conflict, "nothing changes"},
		"set and unset":                   {Edit{Set: map[string]core.Secret{"SITE_URL": "https://a.example"}, Unset: []string{"SITE_URL"}}, core.Invalid, "set and unset at once"},
		"two things wrong":                {Edit{Set: map[string]core.Secret{"SITE_URL": "x", "JWT_EXPIRY": "x"}}, core.Invalid, "not a whole number; SITE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Plan(observed(t), tt.edit, core.FingerprintKey("k"))
			if err == nil || core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %s: %v", core.CodeOf(err), err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the error quotes the secret")
			}
		})
	}
}

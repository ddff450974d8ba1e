package apply

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/configure"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/supabase"
)

// uses is the compose file of an instance whose secrets are rotated.
const uses = `services:
  db: {environment: ["JWT_SECRET=${JWT_SECRET}", "POSTGRES_PASSWORD=${POSTGRES_PASSWORD}"]}
  auth: {environment: ["GOTRUE_DB_PASSWORD=${POSTGRES_PASSWORD}", "GOTRUE_JWT_SECRET=${JWT_SECRET}"]}
  gateway: {environment: ["SUPABASE_ANON_KEY=${ANON_KEY}", "SUPABASE_SERVICE_KEY=${SERVICE_ROLE_KEY}"]}
`

// filledIn are the settings of containers that have the value of a variable.
var filledIn = map[string]string{
	"GOTRUE_DB_PASSWORD": "POSTGRES_PASSWORD", "POSTGRES_PASSWORD": "POSTGRES_PASSWORD",
	"JWT_SECRET": "JWT_SECRET", "GOTRUE_JWT_SECRET": "JWT_SECRET",
	"SUPABASE_ANON_KEY": "ANON_KEY", "SUPABASE_SERVICE_KEY": "SERVICE_ROLE_KEY",
}

// fill gives the containers that are made what .env says; none named are all.
func fill(e *coretest.Engine, named string) {
	services := strings.Fields(strings.TrimPrefix(named, "recreate"))
	for i, c := range e.Containers {
		if len(services) > 0 && !slices.Contains(services, string(c.Service)) {
			continue
		}
		env := maps.Clone(c.Env) // a snapshot may have the old map
		for setting := range env {
			if key := filledIn[setting]; key != "" {
				env[setting] = core.Secret(envValue(e.Files, key))
			}
		}
		e.Containers[i].Env = env
	}
}

// signed gives the world a JWT secret with the API keys that follow from it, and
// services that hold them; the database accepts what they present.
func (w *world) signed() error {
	const secret = "jwt-" + planted
	var keys [2]string
	for i, role := range []string{"anon", "service_role"} {
		key, err := supabase.MintKey(role, secret, time.Now())
		if err != nil {
			return err
		}
		keys[i] = key.Reveal()
	}
	w.mu.Lock()
	for _, role := range []string{"authenticator", "supabase_admin"} {
		v, err := verifier(planted, []byte("salt of "+role))
		if err != nil {
			panic(err)
		}
		w.roles[role] = &v
	}
	w.mu.Unlock()
	w.e.Edit(func(e *coretest.Engine) {
		env := e.Files[".env"]
		env.Data = append(env.Data, "JWT_SECRET="+secret+"\nANON_KEY="+keys[0]+"\nSERVICE_ROLE_KEY="+keys[1]+"\n"...)
		e.Files[".env"] = env
		e.Containers[0].Env = map[string]core.Secret{"JWT_SECRET": "", "POSTGRES_PASSWORD": ""}
		e.Containers[1].Env = map[string]core.Secret{"GOTRUE_DB_PASSWORD": "", "GOTRUE_JWT_SECRET": ""}
		e.Containers[2].Env = map[string]core.Secret{"SUPABASE_ANON_KEY": "", "SUPABASE_SERVICE_KEY": ""}
		fill(e, "")
	})
	return w.save()
}

// rotation is what a child does that rotates: it carries out the plan that the
// program makes.
func rotation(name string) func(w *world) error {
	return func(w *world) error {
		ctx := context.Background()
		obs, err := w.e.Observe(ctx)
		if err != nil {
			return err
		}
		r, err := configure.RotationOf(name)
		if err != nil {
			return err
		}
		compose := filepath.Join(w.dir, "uses.yml")
		obs.Instance.Files = []string{compose}
		for _, s := range []core.Service{core.DB, core.Auth, core.Gateway} {
			obs.Compose.Services = append(obs.Compose.Services, core.ComposeService{Name: string(s), Service: s})
		}
		w.e.Databases = map[string]func(string) ([][]string, error){
			"postgres": func(string) ([][]string, error) { return [][]string{{"authenticator"}, {"supabase_admin"}}, nil },
		}
		if err := os.WriteFile(compose, []byte(uses), 0o600); err != nil {
			return err
		}
		p, err := configure.Rotate(ctx, w.e, obs, r)
		if err != nil {
			return err
		}
		p.Basis = w.a.Basis(obs, p)
		if err := p.Seal(); err != nil {
			return err
		}
		c, err := w.apply(ctx, p)
		if err == nil && c.State != core.Committed {
			err = errors.New(c.Reason)
		}
		return err
	}
}

// mixed says what in a world is of before a rotation while the rest is of after
// it, or nothing.
func (s worldState) mixed() string {
	secret := envValue(s.Files, "JWT_SECRET")
	for _, key := range []string{"ANON_KEY", "SERVICE_ROLE_KEY"} {
		if !supabase.SignedBy(core.Secret(envValue(s.Files, key)), core.Secret(secret)) {
			return key + " is not signed with JWT_SECRET"
		}
	}
	for _, c := range s.Containers {
		for setting, v := range c.Env {
			if v.Reveal() != envValue(s.Files, filledIn[setting]) {
				return setting + " of " + string(c.Service) + " is not what .env says"
			}
		}
	}
	for role, v := range s.Roles {
		if v != nil && !accepts(*v, envValue(s.Files, "POSTGRES_PASSWORD")) {
			return role + " has not the password of .env"
		}
	}
	return ""
}

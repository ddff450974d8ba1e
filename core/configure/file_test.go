package configure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestEditFile gives each kind of file a good and a bad text.
func TestEditFile(t *testing.T) {
	const small = "services:\n  auth:\n    image: supabase/gotrue:v2\n    environment: {GOTRUE_SITE_URL: \"${SITE_URL}\", KEY: \"${ANON_KEY}\"}\n  kong:\n    image: kong/kong:3\n    volumes: ['./volumes/api/kong.yml:/kong.yml']\n"
	const env = "# settings\nSITE_URL=http://127.0.0.1\nANON_KEY=old-pl4nted\n"
	for name, tt := range map[string]struct {
		file, text string
		want       string // the actions, or part of the refusal
		code       core.ErrorCode
	}{
		"a .env": {".env", strings.Replace(env, "old-pl4nted", "n3w-pl4nted", 1) + "# more\n",
			"write_file content=given:CONTENT path=.env, recreate auth, wait_healthy auth timeout=2m", ""},
		"comments of a .env":        {".env", "# other\n" + env, "write_file content=given:CONTENT path=.env", ""},
		"a .env that is none":       {".env", "SITE_URL='http\n", "the new .env cannot be read", core.Invalid},
		"a .env with a bad value":   {".env", env + "DISABLE_SIGNUP=perhaps\n", "DISABLE_SIGNUP", core.Invalid},
		"a .env that lacks one":     {".env", "SITE_URL=http://127.0.0.1\n", "with the new text nothing sets ANON_KEY", core.Invalid},
		"the same .env":             {".env", env, "has this text already", core.Conflict},
		"a compose file":            {"docker-compose.yml", small + "    restart: always\n", "write_file content=given:CONTENT path=docker-compose.yml, up, wait_healthy auth timeout=2m, wait_healthy gateway timeout=2m", ""},
		"a compose file that tears": {"docker-compose.yml", "services: [", "Compose could not read the stack with the new text", core.Invalid},
		"a gateway's routes":        {"volumes/api/kong.yml", "services: []\n", "write_file content=given:CONTENT path=volumes/api/kong.yml, recreate gateway, wait_healthy gateway timeout=2m", ""},
		"routes that tear":          {"volumes/api/kong.yml", "services: [\n", "the new volumes/api/kong.yml cannot be read", core.Invalid},
		"a stranger's file":         {"notes.txt", "x", "is none of the files that the stack is made of", core.Invalid},
		"a file that is not there":  {"none.yml", "x", "there is no file none.yml", core.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			e := &coretest.Engine{Files: map[string]core.File{}}
			for n, text := range map[string]string{".env": env, "docker-compose.yml": small, "volumes/api/kong.yml": "services: [{name: a}]\n", "notes.txt": "y"} {
				e.Files[n] = core.File{Name: n, Data: []byte(text)}
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, n)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			obs := &core.Observation{
				Instance:   core.Instance{ID: "shop", Project: "shop", Dir: dir, Files: []string{filepath.Join(dir, "docker-compose.yml")}},
				Env:        core.EnvFile{Path: filepath.Join(dir, ".env"), Vars: []core.EnvVar{{Key: "SITE_URL", Value: "http://127.0.0.1"}, {Key: "ANON_KEY", Value: "old-pl4nted"}}},
				Containers: coretest.Running(core.Auth, core.Gateway),
			}
			obs.Compose.Services = []core.ComposeService{{Name: "auth", Service: core.Auth}, {Name: "kong", Service: core.Gateway, Mounts: []core.Mount{{Type: "bind", Source: filepath.Join(dir, "volumes/api/kong.yml")}}}}
			p, given, err := EditFile(t.Context(), e, obs, tt.file, []byte(tt.text), core.FingerprintKey("k"))
			left, _ := filepath.Glob(filepath.Join(dir, ".basewright-edit-*"))
			if len(left) > 0 {
				t.Errorf("it left %q", left)
			}
			if err != nil {
				if core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "pl4nted") {
					t.Errorf("got %s %v, want %q", core.CodeOf(err), err, tt.want)
				}
				return
			}
			var did []string
			for _, a := range p.Actions {
				did = append(did, a.String())
			}
			if got := strings.Join(did, ", "); got != tt.want || given[content].Reveal() != tt.text {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if again, _, err := EditFile(t.Context(), e, obs, tt.file, []byte(tt.text+"# x\n"), core.FingerprintKey("k")); err == nil && again.Diff[0] == p.Diff[0] {
				t.Errorf("another text has the same plan: %+v", p.Diff[0])
			}
			for _, d := range p.Diff {
				if strings.Contains(d.Before+d.After, "pl4nted") {
					t.Errorf("the plan shows a secret: %+v", d)
				}
			}
		})
	}
}

package configure

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestFilesAsTexts shows files without their secrets, and brings these back in
// what somebody made of them.
func TestFilesAsTexts(t *testing.T) {
	const dir, anon, service = "/srv/shop", "an0n-pl4nted-key", "s3rvice-pl4nted-key"
	env := "# keys\r\nANON_KEY=" + anon + "\r\nSERVICE_ROLE_KEY=" + service + "\r\nSITE_URL=http://a\r\n"
	kong := "consumers:\n  - key: " + anon + "\n  - key: " + service + "\n  - key: $JWT_SECRET\n"
	e := &coretest.Engine{Files: map[string]core.File{}}
	for n, text := range map[string]string{".env": env, "docker-compose.yml": "services: {}\n", "volumes/api/kong.yml": kong, "volumes/db/data.bin": "a\x00b", "notes.txt": "y"} {
		e.Files[n] = core.File{Name: n, Data: []byte(text)}
	}
	obs := &core.Observation{Instance: core.Instance{ID: "shop", Dir: dir, Files: []string{dir + "/docker-compose.yml"}},
		Env: core.EnvFile{Path: dir + "/.env", Vars: []core.EnvVar{{Key: "ANON_KEY", Value: anon}, {Key: "SERVICE_ROLE_KEY", Value: service}}}}
	mount := func(name string) core.Mount {
		return core.Mount{Type: "bind", Source: filepath.Join(dir, name)}
	}
	obs.Compose.Services = []core.ComposeService{{Name: "kong", Mounts: []core.Mount{mount("volumes/api/kong.yml"), mount("volumes/db/data.bin"), mount("volumes/none"), mount("../../etc/passwd"), {Type: "volume", Source: dir + "/notes.txt"}}}}
	key := core.FingerprintKey("k")

	if got := Files(t.Context(), e, obs); !slices.Equal(got, []string{".env", "docker-compose.yml", "volumes/api/kong.yml"}) {
		t.Errorf("the files: %q", got)
	}
	shown, err := Shown(t.Context(), e, obs, "volumes/api/kong.yml", key)
	if err != nil || strings.Contains(shown, "pl4nted") || !strings.Contains(shown, "$JWT_SECRET") || strings.Count(shown, "•••") != 2 {
		t.Errorf("%v: %s", err, shown)
	}
	lines := strings.Split(shown, "\n")
	swapped := strings.Join([]string{lines[0], lines[2], lines[1], lines[3], "  - key: ok", ""}, "\r\n")
	whole, diff, err := Whole(t.Context(), e, obs, "volumes/api/kong.yml", swapped, key)
	if want := "consumers:\n  - key: " + service + "\n  - key: " + anon + "\n  - key: $JWT_SECRET\n  - key: ok\n"; err != nil || whole.Reveal() != want {
		t.Errorf("%v: %s", err, whole.Reveal())
	}
	if strings.Contains(diff.Before+diff.After, "pl4nted") || diff.Before != shown {
		t.Errorf("the difference: %+v", diff)
	}
	if _, _, err := Whole(t.Context(), e, obs, "volumes/api/kong.yml", strings.Replace(shown, "  - key: •••", "- key: •••", 1), key); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a masked line that was changed: %v", err)
	}
	shown, err = Shown(t.Context(), e, obs, ".env", key)
	if err != nil || strings.Contains(shown, "pl4nted") || strings.Contains(shown, "\r") {
		t.Errorf("%v: %q", err, shown)
	}
	whole, diff, err = Whole(t.Context(), e, obs, ".env", shown+"SMTP_PASS=n3w-pl4nted\n", key)
	if want := env + "SMTP_PASS=n3w-pl4nted\r\n"; err != nil || whole.Reveal() != want || strings.Contains(diff.After, "pl4nted") {
		t.Errorf("%v: %q, %+v", err, whole.Reveal(), diff)
	}
}

// TestDollarsHideNothing masks secrets that hold a dollar sign, as Compose and
// .env files write them, and those of lines that are commented out.
func TestDollarsHideNothing(t *testing.T) {
	e, obs, key := oneFile(".env", `POSTGRES_PASSWORD="it's\$ecret99"
DATABASE_URI="postgres://ana:it's\$ecret99@db/x"
#SMTP_PASS=old$pass1234
# export OLD_JWT_SECRET='dr0pped-pl4nted' # of last year
VAULT_ENC_KEY=${OTHER_KEY}
#DASHBOARD_PASSWORD=$OTHER_KEY
OPENAI_API_KEY=${OTHER_KEY:-}
SITE_URL=http://a/$X
`)
	obs.Env.Vars = []core.EnvVar{{Key: "POSTGRES_PASSWORD", Value: "it's$ecret99", Written: "it's$ecret99"}}
	e.Files["compose.yml"] = core.File{Name: "compose.yml", Data: []byte(`services:
  db:
    environment:
      POSTGRES_PASSWORD: pa$$w0rd99
      JSON: "pa$$w0rd99"
      OTHER_PASSWORD: x$${y}hunter2
      PGPASSWORD: ${POSTGRES_PASSWORD}
      URL: postgres://ana:${POSTGRES_PASSWORD}@db:5432/x
`)}
	obs.Compose.Services = []core.ComposeService{{Env: map[string]core.Secret{"POSTGRES_PASSWORD": "pa$w0rd99"}}}
	for name, open := range map[string][]string{
		".env":        {"VAULT_ENC_KEY=${OTHER_KEY}\n", "#DASHBOARD_PASSWORD=$OTHER_KEY\n", "OPENAI_API_KEY=${OTHER_KEY:-}\n", "http://a/$X\n"},
		"compose.yml": {"PGPASSWORD: ${POSTGRES_PASSWORD}\n", "ana:${POSTGRES_PASSWORD}@db:5432/x\n"},
	} {
		shown, err := Shown(t.Context(), e, obs, name, key)
		for _, secret := range []string{"ecret99", "pass1234", "pl4nted", "w0rd99", "hunter2"} {
			if err != nil || strings.Contains(shown, secret) {
				t.Errorf("%s is shown: %v\n%s", secret, err, shown)
			}
		}
		for _, line := range open {
			if !strings.Contains(shown, line) {
				t.Errorf("%s is hidden:\n%s", line, shown)
			}
		}
		whole, diff, err := Whole(t.Context(), e, obs, name, shown+"#SMTP_PASS=ne$wpl4nted\n", key)
		if want := string(e.Files[name].Data) + "#SMTP_PASS=ne$wpl4nted\n"; err != nil || whole.Reveal() != want {
			t.Errorf("%v: %s", err, whole.Reveal())
		}
		if diff.Before != shown || !strings.HasPrefix(diff.After, shown) || strings.Contains(diff.After, "pl4nted") {
			t.Errorf("the difference: %+v", diff)
		}
	}
}

// TestPrivateKeyIsHidden masks a private key in several lines, also where its
// head was taken away.
func TestPrivateKeyIsHidden(t *testing.T) {
	const name = "volumes/proxy/key.pem"
	text := "a: |\n  -----BEGIN RSA PRIVATE KEY-----\n  Proc-Type: 4,ENCRYPTED\n\n  TUlJRXBBSUJBQUtDQVFFQTFyUXk4cGw0bnRlZA\n  TUlJRXBBSUJBQUtDQVFFQTFyUXk4cGw0bnRlZA\n  Qx==\n  -----END RSA PRIVATE KEY-----\nb: 1\n" +
		"one: \"-----BEGIN PRIVATE KEY-----\\nTUlJRXBB\\n-----END PRIVATE KEY-----\"\nc: 2\n-----BEGIN CERTIFICATE-----\nTUlJREF6Q0NBZXVnQXdJ\n-----END CERTIFICATE-----\n"
	e, obs, key := oneFile(name, text)
	shown, err := Shown(t.Context(), e, obs, name, key)
	for _, secret := range []string{"TUlJRXBB", "Qx==", "Proc-Type"} {
		if err != nil || strings.Contains(shown, secret) {
			t.Errorf("%s is shown: %v\n%s", secret, err, shown)
		}
	}
	for _, open := range []string{"a: |\n", "\nb: 1\n", "\nc: 2\n", "TUlJREF6Q0NBZXVnQXdJ"} {
		if !strings.Contains(shown, open) {
			t.Errorf("%q is hidden:\n%s", open, shown)
		}
	}
	if whole, diff, err := Whole(t.Context(), e, obs, name, shown, key); err != nil || whole.Reveal() != text || diff.Before != diff.After {
		t.Errorf("%v: %s, %+v", err, whole.Reveal(), diff)
	}
	lines := strings.Split(shown, "\n")
	headless := strings.Join(append([]string{lines[0]}, lines[2:]...), "\n")
	whole, diff, err := Whole(t.Context(), e, obs, name, headless, key)
	if want := strings.Replace(text, "  -----BEGIN RSA PRIVATE KEY-----\n", "", 1); err != nil || whole.Reveal() != want || strings.Contains(diff.After, "TUlJRXBB") {
		t.Errorf("%v: %s, %+v", err, whole.Reveal(), diff)
	}
	_, diff, err = Whole(t.Context(), e, obs, name, "-----BEGIN PRIVATE KEY-----\nbjN3LXBsNG50ZWQ=\n", key)
	if err != nil || strings.Contains(diff.After, "bjN3") {
		t.Errorf("a new key: %v, %+v", err, diff)
	}
}

// TestLinesKeepTheirEndings changes one line and leaves the bytes of all others.
func TestLinesKeepTheirEndings(t *testing.T) {
	for _, row := range []struct{ text, was, will, want string }{
		{"A=1\r\nB=2\nC=3\nD=4\n", "C=3", "C=5", "A=1\r\nB=2\nC=5\nD=4\n"},
		{"A=1\nB=2\r\nC=3\nD=4\n", "A=1", "A=5", "A=5\nB=2\r\nC=3\nD=4\n"},
		{"A=1\nB=2\nC=3\r\nD=4\nE=5", "B=2\nC=3\nD=4\nE=5", "B=6\nC=3\nD=7\nE=5\nF=6", "A=1\nB=6\nC=3\r\nD=7\nE=5\nF=6"},
		{"A=1\r\nB=2\r\n", "B=2", "B=2\nC=3", "A=1\r\nB=2\r\nC=3\r\n"},
		{"A=1\r\nB=2", "B=2", "B=2\n", "A=1\r\nB=2\r\n"},
		{"A=1\nB=2\n", "A=1\nB=2\n", "", ""},
		{"", "", "A=1\nB=2\n", "A=1\nB=2\n"},
	} {
		e, obs, key := oneFile(".env", row.text)
		shown, err := Shown(t.Context(), e, obs, ".env", key)
		if err != nil || !strings.Contains(shown, row.was) {
			t.Fatalf("%v: %q", err, shown)
		}
		edited := strings.ReplaceAll(strings.Replace(shown, row.was, row.will, 1), "\n", "\r\n")
		if whole, _, err := Whole(t.Context(), e, obs, ".env", edited, key); err != nil || whole.Reveal() != row.want {
			t.Errorf("%q: %v, %q, want %q", row.text, err, whole.Reveal(), row.want)
		}
	}
}

// TestOnlyTextsAreShown leaves alone what would come back with other bytes.
func TestOnlyTextsAreShown(t *testing.T) {
	for _, text := range []string{"NAME=S\xe3o\n", "A=1\rB=2\n", "A=1\r\r\nB=2\n", "a\x00b"} {
		e, obs, key := oneFile("compose.yml", text)
		e.Files[".env"] = core.File{Name: ".env", Data: []byte(text)}
		if names := Files(t.Context(), e, obs); len(names) != 0 {
			t.Errorf("%q is listed: %q", text, names)
		}
		if _, err := Shown(t.Context(), e, obs, "compose.yml", key); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q is shown: %v", text, err)
		}
		if _, _, err := Whole(t.Context(), e, obs, "compose.yml", "x", key); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q is edited: %v", text, err)
		}
	}
}

// oneFile is a stack of one file.
func oneFile(name, text string) (*coretest.Engine, *core.Observation, core.FingerprintKey) {
	const dir = "/srv/shop"
	e := &coretest.Engine{Files: map[string]core.File{name: {Name: name, Data: []byte(text)}}}
	obs := &core.Observation{Instance: core.Instance{ID: "shop", Dir: dir, Files: []string{filepath.Join(dir, name)}}, Env: core.EnvFile{Path: dir + "/.env"}}
	return e, obs, core.FingerprintKey("k")
}

package repairs

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestFixtureIsAnExampleThatPasses: what is printed can be put among the examples
// of the playbook as it is, and tells neither a secret nor whose instance it is.
func TestFixtureIsAnExampleThatPasses(t *testing.T) {
	target := sickTarget(eyes{roles: [][]string{{"authenticator"}, {"postgres"}}})
	target.Instance.ID, target.Instance.Project, target.Instance.Name, target.Instance.Dir = "acme-crm", "acme-crm", "Acme CRM", "/home/ana/acme"
	target.Containers[0].Name = "acme-crm-db-1"
	target.Containers[1].Logs = append(target.Containers[1].Logs, core.LogLine{Text: "ana@acme.test from 10.9.8.7 via https://api.acme.test/x in /home/ana/acme/volumes"})
	target.Env.Vars = append(target.Env.Vars, core.EnvVar{Key: "SMTP_HOST", Value: "mail.acme.test"})
	b := builtInBook(t, "align-database-passwords")
	b.Wants.Logs = map[string]int{"auth": 10}
	text, err := Fixture(t.Context(), b, target, &passwordFinding)
	if err != nil {
		t.Fatal(err)
	}
	holdsNoSecret(t, text)
	for _, tells := range []string{"acme", "Acme", "ana@", "10.9.8.7", target.Key.Of(core.Secret(planted[0]))} {
		if strings.Contains(text, tells) {
			t.Errorf("it holds %q:\n%s", tells, text)
		}
	}
	for _, want := range []string{"supabase_auth_admin", `"set_role_password password=env:POSTGRES_PASSWORD role=authenticator"`, "someone@example.com", "shop-db-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	source := strings.Replace(b.Source, "examples = {\n", "examples = {\n"+text, 1)
	results, err := Test(t.Context(), b.ID, source)
	if err != nil || len(results) == 0 || !results[0].Passed {
		t.Errorf("as an example: %+v, %v", results, err)
	}
}

// TestLastGoodVersionOutlivesTheProcess: a playbook that was spoilt while nobody
// looked is used as it last was, and the line that is wrong is told.
func TestLastGoodVersionOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/mine.lua"
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	h := &History{Dir: dir + "/.history", Now: func() time.Time { at = at.Add(time.Hour); return at }}
	books := func() (core.Playbook, []Problem) {
		l := NewLibrary(os.DirFS(dir))
		l.History = h
		all, problems, err := l.Books(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			if b.ID == "mine" {
				return b, problems
			}
		}
		return core.Playbook{}, problems
	}
	first, second := playbookWith("return {}"), playbookWith("return { { op = 'note', text = 'two' } }")
	for i, text := range []string{first, second, second, "return {\n  title = \n}", first} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, problems := books()
		bad := i == 3
		want := map[bool]string{true: second, false: text}[bad]
		if b.Source != want || bad != (len(problems) == 1) {
			t.Errorf("version %d: used %q, problems %v", i+1, b.Source, problems)
		}
		if said := `mine.lua:3: syntax error near "}"; the last good version is kept`; bad && problems[0].String() != said {
			t.Errorf("says %q", problems[0])
		}
	}
	versions, err := h.Versions("mine")
	if err != nil || len(versions) != 3 || versions[0].Text != first || versions[1].Text != second || versions[2].Text != first {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	if v, err := h.Versions("../mine"); v != nil || err != nil {
		t.Errorf("a name that leaves the folder: %v, %v", v, err)
	}
}

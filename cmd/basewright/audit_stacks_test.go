package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// legacyStack is a compose file as an older generator wrote it.
func legacyStack(project, container, port string) string {
	return "name: " + project + "\nservices:\n  auth:\n    image: supabase/gotrue:v2.196.0\n    container_name: " + container +
		"\n    ports: ['127.0.0.1:" + port + ":9999']\n    environment: {GOTRUE_JWT_SECRET: \"${JWT_SECRET}\", GOTRUE_SITE_URL: \"${SITE_URL}\"}\n"
}

// TestAuditOfOldStacks audits a folder of stacks that were made by copying one.
func TestAuditOfOldStacks(t *testing.T) {
	env := func(secret, rest string) string {
		return "JWT_SECRET=" + secret + strings.Repeat("x", 40) + "\n" + rest
	}
	site := "SITE_URL=http://127.0.0.1\n"
	for name, tt := range map[string]struct {
		second map[string]string // the second stack's files
		want   string            // "concern code" of what is found
		code   int
	}{
		"two of their own": {map[string]string{"docker-compose-b.yml": legacyStack("bb", "b-auth", "9902"), ".env-b": env("two", site)}, "", 0},
		"a copied .env":    {map[string]string{"docker-compose-b.yml": legacyStack("bb", "b-auth", "9902"), ".env-b": env("one", site)}, "secrets SEC-16", 1},
		"one port":         {map[string]string{"docker-compose-b.yml": legacyStack("bb", "b-auth", "9901"), ".env-b": env("two", site)}, "ports DK-03", 1},
		"one name":         {map[string]string{"docker-compose-b.yml": legacyStack("bb", "a-auth", "9902"), ".env-b": env("two", site)}, "names DK-01", 1},
		"half written":     {map[string]string{"docker-compose-b.yml": legacyStack("bb", "b-auth", "9902"), ".env-b": "SITE_URL=http://127.0.0.1\n"}, "configuration DK-05", 1},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"docker-compose-a.yml": legacyStack("aa", "a-auth", "9901"), ".env-a": env("one", site)}
			for n, text := range tt.second {
				files[n] = text
			}
			out, code := here(t, "instance", "audit", stackOf(t, files), "--output", "json")
			var said struct {
				Stacks   int
				Concerns []struct {
					Concern  string
					Findings []struct{ Stack, Code string }
				}
			}
			if err := json.Unmarshal([]byte(out), &said); err != nil || said.Stacks != 2 || len(said.Concerns) != len(concerns) {
				t.Fatalf("exit code %d, %v: %s", code, err, out)
			}
			var got []string
			for _, c := range said.Concerns {
				for _, f := range c.Findings {
					got = append(got, c.Concern+" "+f.Code)
				}
			}
			slices.Sort(got)
			if text := strings.Join(slices.Compact(got), ", "); text != tt.want || code != tt.code {
				t.Errorf("found %q with exit code %d, want %q", text, code, tt.want)
			}
			if strings.Contains(out, "xxxxxxxx") {
				t.Error("a secret is shown")
			}
		})
	}
}

// TestEveryConcernIsKnown holds the audit to codes that a check finds.
func TestEveryConcernIsKnown(t *testing.T) {
	for _, c := range concerns {
		for _, code := range c.Codes {
			if out, exit := here(t, "explain", code); exit != 0 {
				t.Errorf("%s of %s: %s", code, c.ID, out)
			}
		}
	}
}

package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reasons says why what lint finds in the layouts is true. Each was looked at by
// hand; a code that is not here is a false alarm, or a new truth to look at.
var reasons = map[string]string{
	"DK-05":  "easypanel's .env.example leaves ANON_KEY and SERVICE_ROLE_KEY empty for the user; unfilled, no client gets in",
	"LOG-01": "its services depend on analytics being healthy, as upstream's did then",
	"SEC-01": "the secrets of .env.example are upstream's published ones, and DB_ENC_KEY is supabaserealtime in the compose file",
	"SEC-02": "ANON_KEY and SERVICE_ROLE_KEY of .env.example are the demo keys, which end on 2027-01-09",
	"SEC-04": "its compose file publishes 5432 (and the pooler's 6543) without an address",
	"SEC-05": "its compose file publishes analytics without an address",
	"SEC-07": "its compose file publishes Studio's 3000 without an address",
	"SEC-12": "PG_META_DB_USER is supabase_admin",
	"SEC-15": "FUNCTIONS_VERIFY_JWT=false in .env.example",
	"SEC-17": "Vector mounts the Docker socket, read-only, which is still all of Docker's API",
	"SEC-18": "its GoTrue is of 2023 to 2025, before v2.185.0; Studio of 2023 and 2024",
	"STU-02": "Studio of 2025-06 is older than the fix of React2Shell in December 2025",
	"UPG-07": "nothing sets MFA_ENABLED, which its compose file uses",
	"VEC-03": "vector.yml asks for supabase-realtime and supabase-functions, and the containers are called otherwise; without the override PROJECT_PREFIX is blank",
}

// layouts lists what lint finds in each published layout with its example .env.
var layouts = map[string]struct {
	files  []string
	codes  string
	untrue string // false alarms that are known, found or not
}{
	"andrybicio-2025": {nil, "LOG-01 SEC-01 SEC-02 SEC-04 SEC-05 SEC-12 SEC-15 SEC-17 SEC-18 STU-02",
		"DK-06"}, // the dollar of SESSION_SECRET is in the comment behind it
	"andrybicio-2025 s3": {[]string{"docker-compose.yml", "docker-compose.s3.yml"},
		"LOG-01 SEC-01 SEC-02 SEC-04 SEC-05 SEC-12 SEC-15 SEC-17 SEC-18 STU-02 VEC-03", "DK-06"},
	"easypanel-2026":    {nil, "DK-05 SEC-01 SEC-04 SEC-15", ""},
	"hongthaipham-2023": {nil, "SEC-01 SEC-02 SEC-04 SEC-07 SEC-12 SEC-18 UPG-07", ""},
	"hongthaipham-2023 logging": {[]string{"docker-compose.yml", "docker-compose-logging.yml"},
		"LOG-01 SEC-01 SEC-02 SEC-04 SEC-05 SEC-07 SEC-12 SEC-18 UPG-07",
		"VEC-01 VEC-05"}, // Vector takes syslog and needs no socket; vector.yml holds the key itself
	"nocloud-2024": {nil, "LOG-01 SEC-01 SEC-02 SEC-12 SEC-15 SEC-17 SEC-18 VEC-03",
		"VEC-05"}, // vector.yml holds the key itself
}

// TestCorpus wants no false alarm on stacks as people publish them.
func TestCorpus(t *testing.T) {
	for name, want := range layouts {
		t.Run(name, func(t *testing.T) {
			folder, _, _ := strings.Cut(name, " ")
			dir := layout(t, folder)
			completeMounts(t, dir, want.files)
			args := []string{dir}
			for _, f := range want.files {
				args = append(args, "-f", f)
			}
			before := tree(t, dir)
			d := lintJSON(t, args...)
			found := map[string]bool{}
			for _, f := range d.Findings {
				found[f.Code] = true
				if !strings.Contains(want.codes+" "+want.untrue, f.Code) || reasons[f.Code] == "" && !strings.Contains(want.untrue, f.Code) {
					t.Errorf("%s %s %v: is it true? say why in reasons, and where in layouts", f.Code, f.Title, f.Evidence)
				}
			}
			for code := range strings.FieldsSeq(want.codes) {
				if !found[code] {
					t.Errorf("%s was not found, though %s", code, reasons[code])
				}
			}
			if len(d.Unknowns) > 0 {
				t.Errorf("could not look: %v", d.Unknowns)
			}
			if !maps.Equal(before, tree(t, dir)) {
				t.Error("looking changed the folder")
			}
		})
	}
}

// layout copies a published layout, with its example as .env.
func layout(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stack")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "corpus", name))); err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(dir, ".env")
	if err := os.Rename(env+".example", env); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(env, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// completeMounts makes what the stack mounts of its folder and is left out of
// the test data: an empty file where the target has an extension, else a folder.
func completeMounts(t *testing.T, dir string, files []string) {
	t.Helper()
	s, err := findFolder(dir, files, "")
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Compose.Services {
		for _, m := range c.Mounts {
			switch {
			case !strings.HasPrefix(m.Source, dir):
			case strings.HasSuffix(m.Target, "/functions"):
				touch(t, filepath.Join(m.Source, "main", "index.ts"))
			case filepath.Ext(m.Target) != "":
				touch(t, m.Source)
			default:
				touch(t, filepath.Join(m.Source, ".keep"))
			}
		}
	}
}

// touch makes an empty file where there is none.
func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// tree is every file of a folder with its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const smallStack = "services:\n  auth:\n    image: supabase/gotrue:v2.196.0\n    environment:\n      GOTRUE_JWT_SECRET: ${JWT_SECRET}\n"

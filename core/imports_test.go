package core_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/basewright/basewright/"

// mayImport says which of our packages each package may import. Arrows point at
// core; cmd alone knows everybody, and nobody knows cmd.
var mayImport = map[string][]string{
	"core":           {},
	"core/durable":   {"core"},
	"core/supabase":  {"core"},
	"core/create":    {"core", "core/durable", "core/supabase", "configs"},
	"core/upgrade":   {"core", "core/create", "core/supabase", "configs"},
	"core/configure": {"core", "core/supabase"},
	"core/diagnose":  {"core", "core/supabase"},
	"core/logs":      {"core"},
	"core/autonomy":  {"core"},
	"core/apply":     {"core", "core/diagnose", "core/supabase"},
	"core/docker":    {"core", "core/supabase"},
	"core/snapshot":  {"core", "core/durable", "core/supabase"},
	"core/store":     {"core", "core/durable", "core/autonomy"},
	"core/coretest":  {"core"},
	"checks":         {"core", "core/logs", "core/supabase"},
	"repairs":        {"configs", "core", "core/durable", "core/supabase"},
	"plugins":        {"core", "core/supabase", "plugins/jail"},
	"plugins/jail":   {},
	"core/access":    {"core", "core/durable"},
	"core/queue":     {"core", "core/store"},
	"ui":             {"core", "core/access", "core/logs", "core/queue", "core/store", "ui/panel", "ui/report"},
	"ui/panel":       {"core", "core/logs", "ui/report"},
	"ui/report":      {"core", "core/diagnose"},
	"ui/browsertest": {},
	"configs":        {},
}

// only says which of our packages may import what belongs to one technology.
var only = map[string][]string{
	"github.com/docker/":            {"core/docker"},
	"gorm.io/":                      {"core/store"},
	"github.com/robfig/cron":        {"core/queue"},
	"github.com/yuin/gopher-lua":    {"repairs"},
	"github.com/gin-gonic/":         {"ui"},
	"github.com/jackc/pgx":          {"core/docker", "core/store"},
	"github.com/spf13/cobra":        {},
	"github.com/compose-spec/":      {"core/docker", "core/supabase"},
	"github.com/pganalyze/pg_query": {"core/apply"},
	"filippo.io/age":                {"core/snapshot"},
	"github.com/chromedp/":          {"ui/browsertest"},
	"github.com/coreos/go-oidc":     {"core/access"},
	"golang.org/x/oauth2":           {"core/access"},
	"github.com/aymanbagabas/":      {"core/upgrade"},
}

// TestImports reads the files itself rather than ask go list, so that the test
// cache notices when an import changes.
func TestImports(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(filepath.ToSlash(path), "../")))
		if strings.HasPrefix(pkg, "cmd/") || strings.Contains(pkg, "/testdata/") {
			return nil
		}
		allowed, ok := mayImport[pkg]
		if !ok {
			t.Errorf("%s is a new room: say in mayImport what it may import", pkg)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, path, pkg, imp, allowed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkImport(t *testing.T, path, pkg, imp string, allowed []string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(imp, module); ok {
		if !slices.Contains(allowed, ours) {
			t.Errorf("%s: %s must not import %s", path, pkg, ours)
		}
		return
	}
	if pkg == "core" && strings.Contains(imp, ".") {
		t.Errorf("%s: core imports the standard library only, not %s", path, imp)
	}
	for prefix, rooms := range only {
		if strings.HasPrefix(imp, prefix) && !slices.Contains(rooms, pkg) {
			t.Errorf("%s: only %v may import %s", path, rooms, imp)
		}
	}
}

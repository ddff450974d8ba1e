package core_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sourceLaws are words that only some packages may use, and why. The lab, its
// stand-ins and what tests need do more than the program.
var sourceLaws = []struct {
	word *regexp.Regexp
	may  []string
	why  string
}{
	{regexp.MustCompile(`"(/bin/)?(ba|da|z)?sh",\s*"-c"`), nil, "no shell reads what Basewright sends: a name would be a command there"},
	{regexp.MustCompile(`exec\.Command`), []string{"repairs", "plugins/jail"}, "processes are started for playbooks and plugins alone"},
	{regexp.MustCompile(`template\.(HTML|HTMLAttr|JS|JSStr|URL|CSS|Srcset)\(`), []string{"ui/panel"}, "nothing else is markup by its own word"},
	{regexp.MustCompile(`(Containers?|Volumes?|Networks?|Images?|BuildCache)Prune\b|/prune\b|"prune"|(container|volume|system) prune`), nil, "Docker would remove the volumes of whoever happens to be stopped; what is removed is named"},
	{regexp.MustCompile(`"text/template"`), []string{"core/create"}, "pages are made with html/template; a stack's files are no pages"},
}

// TestSources reads every file of the program for words that let texts be commands
// or markup.
func TestSources(t *testing.T) {
	read := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		rel := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if err != nil || d.IsDir() && slices.Contains([]string{"cmd/lab", "cmd/labservice", "core/coretest", "ui/browsertest"}, rel) || d.IsDir() && (d.Name() == "testdata" || d.Name() == ".lab" || d.Name() == "node_modules") {
			return orElse(err, filepath.SkipDir)
		}
		if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		read++
		for _, law := range sourceLaws {
			if found := law.word.Find(text); found != nil && !slices.Contains(law.may, filepath.ToSlash(filepath.Dir(rel))) {
				t.Errorf("%s says %s: %s", rel, found, law.why)
			}
		}
		return err
	})
	if err != nil || read < 300 {
		t.Errorf("%d files were read: %v", read, err)
	}
}

// orElse is err, or what is returned without one.
func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

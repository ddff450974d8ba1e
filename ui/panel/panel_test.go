package panel

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

var (
	inTemplate = regexp.MustCompile(`[{( ]t "([a-z0-9_.-]+)"`)
	inGo       = regexp.MustCompile(`\.T\("([a-zA-Z0-9_.-]+)"`)
	family     = regexp.MustCompile(`\(?print (?:"([a-z0-9_.]+\.)"|\.key "(\.[a-z]+)")|\.T\("([a-z0-9_.]+\.)"\s*\+|key := "([a-z.]+\.)" \+`)
	emptyKeys  = regexp.MustCompile(`"key" "([a-z0-9_.]+)"`)
	navTitles  = regexp.MustCompile(`Title: "([a-z.]+)"`)
	placeholds = regexp.MustCompile(`\{[a-z]+\}`)
)

// sourcesOf reads the files that messages are used in.
func sourcesOf(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, glob := range []string{"templates/*.html", "*.go", "../*.go", "../report/*"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}

// TestEveryMessage wants each key that is used to exist, each that exists to be
// used, and both languages to have the same places to fill in.
func TestEveryMessage(t *testing.T) {
	text := sourcesOf(t)
	used := map[string]bool{}
	for _, re := range []*regexp.Regexp{inTemplate, inGo, navTitles} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(m[1], ".") {
				continue // the beginning of several
			}
			used[m[1]] = true
			if !Has(m[1]) {
				t.Errorf("there is no message %q", m[1])
			}
		}
	}
	for _, m := range emptyKeys.FindAllStringSubmatch(text, -1) {
		used[m[1]+".title"], used[m[1]+".text"] = true, true
		if !Has(m[1]+".title") || !Has(m[1]+".text") {
			t.Errorf("%q lacks a title or a text", m[1])
		}
	}
	families := []string{"time."}
	for _, m := range family.FindAllStringSubmatch(text, -1) {
		families = append(families, m[1]+m[3]+m[4])
	}
	for key, m := range messages() {
		if m.En == "" || m.Pt == "" {
			t.Errorf("%s is not said in every language", key)
		}
		if strings.Join(placeholds.FindAllString(m.En, -1), "") == "" != (strings.Join(placeholds.FindAllString(m.Pt, -1), "") == "") || strings.Contains(m.En, " | ") != strings.Contains(m.Pt, " | ") {
			t.Errorf("%s: one language has something to fill in that the other has not", key)
		}
		found := used[key]
		for _, f := range families {
			found = found || f != "" && strings.HasPrefix(key, f)
		}
		if !found {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

func TestNumbersAndDates(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for got, want := range map[string]string{
		English.T("fleet.count", "n", 1):    "1 instance",
		English.T("fleet.count", "n", 0):    "0 instances",
		Portuguese.T("fleet.count", "n", 2): "2 instâncias",
		English.stamp(at):                   "3 Feb 2026, 04:05:06 UTC",
		Portuguese.stamp(at):                "3 de fev. de 2026, 04:05:06 UTC",
		English.ago(90 * time.Second):       "1 min ago",
		Portuguese.ago(50 * time.Hour):      "há 2 dias",
		Portuguese.size(1536):               "1,5 KiB",
		English.until(3 * time.Hour):        "in 3 h",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for accept, want := range map[string]Lang{"pt-BR,pt;q=0.9,en;q=0.8": Portuguese, "de": English, "": English, "en-GB": English, "pt": Portuguese} {
		if got := Choose("", accept); got != want {
			t.Errorf("for %q: %s", accept, got)
		}
	}
	if Choose("pt", "en") != Portuguese || Choose("xx", "en") != English {
		t.Error("a choice does not count")
	}
}

// TestIcons wants every icon that a template names to be drawn.
func TestIcons(t *testing.T) {
	named := regexp.MustCompile(`icon "([a-z]+)"`)
	for _, m := range named.FindAllStringSubmatch(sourcesOf(t), -1) {
		if icons[m[1]] == "" {
			t.Errorf("there is no icon %q", m[1])
		}
	}
	for _, lang := range Langs {
		if pages, err := parse(lang, time.Now); err != nil || pages["fleet"] == nil {
			t.Errorf("in %s: %v", lang, err)
		}
	}
	if names, _ := fs.Glob(sources, "templates/*.html"); len(names) < 5 {
		t.Errorf("only %v", names)
	}
}

// TestHunk wants each line that changed, those around it, and a mark for what is
// left out.
func TestHunk(t *testing.T) {
	before := "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n"
	after := strings.Replace(strings.Replace(before, "b\n", "B\n", 1), "m\n", "m\nM\n", 1)
	var got strings.Builder
	for _, l := range hunk(core.Diff{Before: before, After: after}) {
		got.WriteString(map[string]string{"same": " ", "was": "-", "will": "+"}[l.Kind] + l.Text)
	}
	if want := " a-b+B c d e ⋯ k l m+M n"; got.String() != want {
		t.Errorf("%q, want %q", got.String(), want)
	}
}

// TestHistoryNamesCauses wants a cause named where it begins, and two beside each
// other both.
func TestHistoryNamesCauses(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	line := Timeline{From: from, To: from.Add(10 * time.Hour)}
	for i, causes := range [][]string{{}, {"DK-15"}, {"DK-15"}, {"REST-02"}, {}, {"<b>"}} {
		status := []core.Status{core.Healthy, core.Degraded, core.Degraded, core.Unhealthy, core.Healthy, core.Unhealthy}[i]
		line.Looks = append(line.Looks, Look{At: from.Add(time.Duration(i) * 90 * time.Minute), Status: status, Causes: causes})
	}
	drawn := string(English.history(line))
	for name, times := range map[string]int{">DK-15<": 1, ">REST-02<": 1, ">&lt;b&gt;<": 1, "<b>": 0} {
		if n := strings.Count(drawn, name); n != times {
			t.Errorf("%s stands in it %d times", name, n)
		}
	}
}

package panel

import (
	"regexp"
	"testing"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/repairs"
)

// technical finds what a translation must keep as it is: commands, names of
// variables, roles and tables, and other codes.
var technical = regexp.MustCompile("`[^`]+`|[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]+-[0-9]+|[a-z]+_[a-z_]+")

// TestPortugueseMeanings wants every code and every built-in playbook to be
// told in Portuguese, nothing else, and no command or name to be lost.
func TestPortugueseMeanings(t *testing.T) {
	known := map[string]bool{}
	for _, k := range checks.All() {
		for _, e := range k.Finds {
			known[e.Code] = true
			own := Portuguese.Meaning(e.Code, core.Explanation{})
			for _, p := range []struct{ part, en, pt string }{
				{"title", e.Title, own.Title}, {"what", e.What, own.What}, {"breaks", e.Breaks, own.Breaks}, {"do", e.Do, own.Do}, {"data", e.Data, own.Data},
			} {
				translated(t, e.Code+": "+p.part, p.en, p.pt)
			}
		}
	}
	books, err := repairs.BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range books {
		known[b.ID] = true
		translated(t, b.ID, b.Title, Portuguese.Title(b.ID, ""))
	}
	if len(known) < 200 {
		t.Errorf("only %d codes and playbooks are known", len(known))
	}
	for id := range portuguese() {
		if !known[id] {
			t.Errorf("%s is neither a code nor a playbook", id)
		}
	}
}

// translated wants pt to be another text than en that keeps its technical
// words.
func translated(t *testing.T, what, en, pt string) {
	t.Helper()
	if (en == "") != (pt == "") || en != "" && en == pt {
		t.Errorf("%s: %q for %q", what, pt, en)
		return
	}
	kept := map[string]bool{}
	for _, word := range technical.FindAllString(pt, -1) {
		kept[word] = true
	}
	for _, word := range technical.FindAllString(en, -1) {
		if !kept[word] {
			t.Errorf("%s: %s is lost in %q", what, word, pt)
		}
	}
}

// TestMeaningFallsBack wants what is not translated, and all English, as it came.
func TestMeaningFallsBack(t *testing.T) {
	e := core.Explanation{Code: "MY-01", Title: "Mine", What: "It happened.", Do: "Mend it."}
	if Portuguese.Meaning(e.Code, e).What != e.What || Portuguese.Title(e.Code, e.Title) != e.Title {
		t.Error("a code that nobody translated lost its text")
	}
	if e.Code = "PG-01"; English.Meaning(e.Code, e).What != e.What || English.Title(e.Code, e.Title) != e.Title {
		t.Error("English is not what the catalogue says")
	}
}

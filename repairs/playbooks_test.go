package repairs

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/basewright/basewright/core"
)

// TestBuiltInLaws holds every playbook that comes with Basewright to what a
// user may expect of it.
func TestBuiltInLaws(t *testing.T) {
	books, err := BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("testdata/wrong-cure.lua")
	if err != nil {
		t.Fatal(err)
	}
	books = append(books, book(t, "wrong-cure", string(src)))
	for _, b := range books {
		t.Run(b.ID, func(t *testing.T) {
			if len(b.Fixes) == 0 || !strings.HasPrefix(b.Source, "-- ") {
				t.Error("it says neither what it fixes nor, in a comment, why")
			}
			results, err := Test(t.Context(), b.ID, b.Source)
			if err != nil {
				t.Fatal(err)
			}
			if len(results) < 2 {
				t.Errorf("%d examples; two at least", len(results))
			}
			used := map[core.Op]bool{}
			refuses := false
			for _, r := range results {
				if !r.Passed {
					t.Errorf("example %d: %s", r.Number, r.Message)
				}
				refuses = refuses || r.Refusal != ""
				for _, a := range r.Actions {
					used[a.Op] = true
				}
			}
			if !refuses {
				t.Error("no example shows when it refuses")
			}
			if needs := slices.Sorted(slices.Values(b.Needs)); !slices.Equal(needs, slices.Sorted(maps.Keys(used))) {
				t.Errorf("needs %v, but its examples use %v", needs, used)
			}
		})
	}
}

func TestEveryOperationHasASignature(t *testing.T) {
	for _, op := range core.Ops {
		if _, ok := signatures[op]; !ok {
			t.Errorf("%s has no table of arguments", op)
		}
	}
	if len(signatures) != len(core.Ops) {
		t.Errorf("%d signatures for %d operations", len(signatures), len(core.Ops))
	}
}

func TestRemedies(t *testing.T) {
	books, err := BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equalJSON(t, Remedies(books, "PG-01"), []core.Remedy{
		{Playbook: "align-database-passwords", Risk: core.MediumRisk, DataLoss: "none"},
	})
	if got := Remedies(books, "XX-99"); len(got) != 0 {
		t.Errorf("remedies for nothing: %v", got)
	}
}

func TestCheck(t *testing.T) {
	const rest = ` risk = "low", needs = { "restart" }, plan = function() end }`
	tests := map[string]struct{ src, want string }{
		"syntax":                    {"return {\n  title = \n}", `x.lua:3: syntax error near "}"`},
		"syntax at the end":         {"return {", "x.lua:1: syntax error at the end of the file"},
		"no table":                  {"return 1", "x.lua:1: returns a number, not a table"},
		"a list":                    {"return { 1 }", "x.lua:1: returns a list, not a table with title, risk and plan"},
		"no title":                  {"return {" + rest, "x.lua:1: title is missing"},
		"no risk":                   {`return { title = "x", plan = function() end }`, `x.lua:1: risk is "", not low, medium or high`},
		"wrong risk":                {"return { title = \"x\",\n  risk = \"yolo\", plan = function() end }", `x.lua:2: risk is "yolo", not low, medium or high`},
		"no plan":                   {`return { title = "x", risk = "low" }`, "x.lua:1: plan is not a function"},
		"plan is text":              {"return { title = \"x\", risk = \"low\",\nplan = 'x' }", "x.lua:2: plan is not a function"},
		"unknown key":               {"return { title = 'x',\n  fixs = {}," + rest, `x.lua:2: "fixs" is not known`},
		"fix is no code":            {"return { title = 'x', fixes = { 'pg1' }," + rest, `x.lua:1: fixes: "pg1" is not the code of a finding, such as PG-01`},
		"fixes is text":             {"return { title = 'x', fixes = 'PG-01'," + rest, "x.lua:1: fixes is not a list"},
		"unknown operation":         {`return { title = "x", risk = "low", needs = { "drop" }, plan = function() end }`, `x.lua:1: needs: there is no operation "drop"`},
		"unknown type":              {"return { title = 'x', params = { a = { type = 'float' } }," + rest, `x.lua:1: params: parameter a has the type "float", not string, int, bool or duration`},
		"an operation not in needs": {"return { title = 'x', risk = 'low', needs = { 'restart' },\n  plan = function()\n    return { { op = 'stop', service = 'auth' } }\n  end }", "x.lua:3: uses the operation stop, which it does not declare in needs"},
		"an operation of its own":   {"return { title = 'x', risk = 'low', needs = { 'restart' },\n  plan = function() return { { why = 'x', op = \"explode\" } } end }", `x.lua:2: there is no operation "explode"`},
		"an operation in a remark":  {"return { title = 'x', -- { op = 'stop' }\n plan = function(t) if t.op == 'stop' then return nil, \"{ op = 'stop' }\" end end, risk = 'low' }", ""},
		"unknown operation, line":   {"return { title = 'x', risk = 'low',\n plan = function() end, needs = { 'drop' } }", `x.lua:2: needs: there is no operation "drop"`},
		"wrong default":             {"return { title = 'x', params = { a = { type = 'duration', default = 60 } }," + rest, `x.lua:1: params: parameter a is "60", not a time such as "60s", up to 1h`},
		"unknown key of a param":    {"return { title = 'x', params = { a = { type = 'int', max = 3 } }," + rest, `x.lua:1: params: a: "max" is not known`},
		"too many log lines":        {"return { title = 'x', wants = { logs = { auth = 1e6 } }," + rest, "x.lua:1: wants: logs of auth is not a number of lines up to 2000"},
		"unknown want":              {"return { title = 'x', wants = { env = {} }," + rest, `x.lua:1: wants: "env" is not known`},
		"probe without a port":      {"return { title = 'x', wants = { http = { a = 'auth/health' } }," + rest, `"auth/health" is not "service:port/path"`},
		"example without an end":    {"return { title = 'x', examples = { { given = {} } }," + rest, "x.lua:1: examples: number 1 says neither or both of plan and refuses"},
		"file name":                 {"return { title = 'x'," + rest, ""},
		"two things at once":        {"return { titel = 'x', " + rest, `"titel" is not known`},
		"an error of its own":       {"error('no')", "x.lua:1: no"},
		"an error on a late line":   {"local t = {}\n\nreturn t.a.b", "x.lua:3: attempt to index a non-table object(nil) with key 'b'"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			problems := Check(t.Context(), "x", tt.src)
			if tt.want == "" {
				if len(problems) > 0 {
					t.Errorf("problems: %v", problems)
				}
				return
			}
			if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), tt.want) }) {
				t.Errorf("says %q, not %q", problems, tt.want)
			}
		})
	}
}

// A killed agent takes a change that calls itself create for the making of its
// instance, and removes that.
func TestNoPlaybookHasANameOfBasewrightsOwn(t *testing.T) {
	for _, name := range core.NoPlaybooks {
		problems := Check(t.Context(), name, playbookWith("return {}"))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, "give it another name") {
			t.Errorf("%s.lua: %v", name, problems)
		}
	}
}

func TestLoadKeepsTheGoodOnes(t *testing.T) {
	books, problems, err := Load(t.Context(), fstest.MapFS{
		"good.lua":     {Data: []byte(playbookWith("return {}"))},
		"endless.lua":  {Data: []byte("while true do end")},
		"broken.lua":   {Data: []byte("return {")},
		"Bad Name.lua": {Data: []byte(playbookWith("return {}"))},
		"long.lua":     {Data: []byte(strings.Repeat("-", maxSource+1))},
		"folder.lua":   {Mode: os.ModeDir},
		"notes.txt":    {Data: []byte("no playbook")},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(books) != 1 || books[0].ID != "good" || books[0].BuiltIn || books[0].Source == "" {
		t.Errorf("books: %+v", books)
	}
	var said []string
	for _, p := range problems {
		said = append(said, strings.Replace(p.String(), "endless.lua:1:", "endless.lua:", 1)) // the line only where there was time to tell
	}
	slices.Sort(said)
	equalJSON(t, said, []string{
		"Bad Name.lua: its file name is not lower case letters, digits, - and _",
		"broken.lua:1: syntax error at the end of the file",
		"endless.lua: took longer than 2 s",
		"folder.lua: is not a regular file",
		"long.lua: is longer than 64 KiB",
	})
}

func TestLibraryReadsAgain(t *testing.T) {
	folder := fstest.MapFS{}
	l := NewLibrary(folder)
	at := time.Now()
	put := func(name, src string) {
		at = at.Add(time.Second)
		folder[name] = &fstest.MapFile{Data: []byte(src), ModTime: at}
	}
	titles := func() (string, []Problem) {
		b, err := l.Find(t.Context(), "mine")
		if err != nil {
			t.Fatal(err)
		}
		_, problems, err := l.Books(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b.Title, problems
	}
	titled := func(s string) string { return strings.Replace(playbookWith("return {}"), `"x"`, `"`+s+`"`, 1) }

	if _, err := l.Find(t.Context(), "mine"); core.CodeOf(err) != core.NotFound {
		t.Errorf("err = %v before there is one", err)
	}
	put("mine.lua", titled("first"))
	if got, problems := titles(); got != "first" || len(problems) > 0 {
		t.Errorf("title %q, problems %v", got, problems)
	}
	put("mine.lua", titled("second"))
	if got, problems := titles(); got != "second" || len(problems) > 0 {
		t.Errorf("after a change: title %q, problems %v", got, problems)
	}
	put("mine.lua", "return {\n  title = = 'third' }")
	got, problems := titles()
	if got != "second" || len(problems) != 1 || problems[0].String() != `mine.lua:2: syntax error near "="; the last good version is kept` {
		t.Errorf("after a mistake: title %q, problems %v", got, problems)
	}
	put("restart-auth.lua", titled("mine now"))
	if b, err := l.Find(t.Context(), "restart-auth"); err != nil || b.BuiltIn {
		t.Errorf("a built-in stands before the user's playbook: %v", err)
	}
	delete(folder, "mine.lua")
	if _, err := l.Find(t.Context(), "mine"); core.CodeOf(err) != core.NotFound {
		t.Errorf("err = %v after it is gone", err)
	}
}

func TestExamplesSayWhatIsWrong(t *testing.T) {
	src := `return { title = "x", risk = "low", needs = { "restart", "wait_healthy" },
	plan = function(t) if t.no then return nil, "no" end
	  return { { op = "wait_healthy", service = "auth", timeout = "5s" } } end,
	examples = {
	  { given = { services = { auth = {} } }, plan = { "wait_healthy auth" } },
	  { given = { services = { auth = {} } }, plan = { "wait_healthy auth timeout=5s" } },
	  { given = { services = { auth = {} } }, plan = { "wait_healthy auth timeout=6s" } },
	  { given = { services = { auth = {} } }, plan = { "wait_healthy authx" } },
	  { given = { services = { auth = {} } }, refuses = "no" },
	  { given = { no = true }, refuses = "no" },
	  { given = { no = true }, refuses = "yes" },
	  { given = { no = true }, plan = { "restart auth" } },
	  { given = {}, plan = { "wait_healthy auth" } },
	} }`
	results, err := Test(t.Context(), "x", src)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		if r.Passed != (r.Message == "") {
			t.Errorf("example %d: passed %v with %q", r.Number, r.Passed, r.Message)
		}
		got = append(got, r.Message)
	}
	equalJSON(t, got, []string{
		"", "",
		`plans ["wait_healthy auth timeout=5s"], not ["wait_healthy auth timeout=6s"]`,
		`plans ["wait_healthy auth timeout=5s"], not ["wait_healthy authx"]`,
		`plans ["wait_healthy auth timeout=5s"], does not refuse`,
		"",
		`refuses with "no", not with "yes"`,
		`refuses with "no"`,
		`x.lua:2: action 1: wait_healthy: the instance has no service "auth"`,
	})
}

func TestCancelledEvaluation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := evaluateBody(ctx, t, "while true do end")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

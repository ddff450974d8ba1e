package panel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPhrases wants sentences of the agent in Portuguese, whatever stands in
// their places, and what is not known as it came.
func TestPhrases(t *testing.T) {
	for said, want := range map[string]string{
		"diagnose before":                        "diagnosticar antes",
		"full snapshot":                          "snapshot (tudo)",
		"verify the database snapshot":           "verificar o snapshot (bancos de dados)",
		"action 3: wait_healthy auth timeout=2m": "ação 3: wait_healthy auth timeout=2m",
		"PG-01 is still there after the change":  "PG-01 continua depois da mudança",
		"nothing was touched: the instance changed since the plan was made: .env":                              "nada foi tocado: a instância mudou desde que o plano foi feito: .env",
		"auth was not well after 1m0s: unhealthy; putting it back failed: run the SQL: gone. Start it by hand": "auth não ficou bem em 1m0s: unhealthy; não foi possível devolver: executar o SQL: gone. Start it by hand",
		"undo action 2: port 80 cannot be had: in use":                                                         "desfazer a ação 2: a porta 80 não pode ser usada: in use",
		`Undo "Start every service" (change X1)`:                                                               `Desfazer "Iniciar todos os serviços" (mudança X1)`,
		"something else: the engine does not answer":                                                           "something else: o Docker Engine não responde",
		"nobody knows this": "nobody knows this",
	} {
		if got := Portuguese.Phrase(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
		if English.Phrase(said) != said {
			t.Errorf("%q changed in English", said)
		}
	}
	long := strings.Repeat("a: ", 2000)
	if Portuguese.Phrase(long) != long {
		t.Error("a text without end was read")
	}
	for _, p := range phrases() {
		for _, name := range p.names {
			if !strings.Contains(p.pt, name) && !strings.Contains(p.pt, strings.Replace(name, "{", "{*", 1)) {
				t.Errorf("%s loses %s", p.fits, name)
			}
		}
	}
}

var verb = regexp.MustCompile(`%[a-z+]`)

// TestEveryStepInPortuguese reads the steps that package apply writes into the
// journal, and the errors that become the reasons of changes, from its source, and
// wants each to be known.
func TestEveryStepInPortuguese(t *testing.T) {
	files, err := filepath.Glob("../../core/apply/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	steps := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			what, said := sentence(n)
			if what == "step" {
				steps++
			}
			said = verb.ReplaceAllString(said, "X1")
			if strings.Trim(said, " X1:") != "" && said != "snapshot" && Portuguese.Phrase(said) == said {
				t.Errorf("%s: %q is not said in Portuguese", path, said)
			}
			return true
		})
	}
	if steps < 8 {
		t.Errorf("only %d steps were found", steps)
	}
}

// sentence returns the text that a call takes: the step of a journal, or an error
// that may be the reason of a change. What is invalid or forbidden is refused before
// there is a change.
func sentence(n ast.Node) (what, said string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", ""
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	code, coded := call.Args[0].(*ast.SelectorExpr)
	switch {
	case f.Sel.Name == "step" && len(call.Args) == 4:
		said, _ = literal(call.Args[2])
	case f.Sel.Name != "Errorf":
	case !coded:
		said, _ = literal(call.Args[0])
	case code.Sel.Name != "Invalid" && code.Sel.Name != "Forbidden":
		said, _ = literal(call.Args[1])
	}
	return f.Sel.Name, said
}

// TestNewsInPortuguese reads what package upgrade says of releases from its source.
func TestNewsInPortuguese(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../core/upgrade/breaking.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	ast.Inspect(f, func(n ast.Node) bool {
		list, ok := n.(*ast.CompositeLit)
		if !ok || len(list.Elts) != 3 {
			return true
		}
		for _, e := range list.Elts[1:] {
			if text, ok := literal(e); ok {
				said++
				if note := "0.8.0: " + text; Portuguese.Phrase(text) == text || Portuguese.Phrase(note) == note {
					t.Errorf("%q is not said in Portuguese", text)
				}
			}
		}
		return true
	})
	if said < 10 {
		t.Errorf("only %d sentences were found", said)
	}
}

// literal is the text of an expression that begins with one: itself, the format
// of a Sprintf, or the left side of a sum.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		s, ok := literal(e.X)
		return s + "X1", ok
	case *ast.CallExpr:
		if len(e.Args) > 0 {
			return literal(e.Args[0])
		}
	}
	return "", false
}

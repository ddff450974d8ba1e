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

// reasoning are the files whose errors become the reasons of changes.
var reasoning = []string{"verify.go", "meddled.go", "services.go", "rollback.go", "transaction.go", "load.go"}

var verb = regexp.MustCompile(`%[a-z+]`)

// TestEveryStepInPortuguese reads the steps that package apply writes into the
// journal, and the reasons of verification and rollback, from its source, and
// wants each to be known.
func TestEveryStepInPortuguese(t *testing.T) {
	known := func(where, said string) {
		t.Helper()
		said = verb.ReplaceAllString(said, "X1")
		if strings.TrimSpace(said) == "" || said == "snapshot" || said == "X1" {
			return
		}
		if got := Portuguese.Phrase(said); got == said {
			t.Errorf("%s: %q is not said in Portuguese", where, said)
		}
	}
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
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "step" && len(call.Args) == 4 {
				if said, ok := literal(call.Args[2]); ok {
					steps++
					known(path, said)
				}
			}
			return true
		})
	}
	if steps < 8 {
		t.Errorf("only %d steps were found", steps)
	}
	for _, name := range reasoning {
		f, err := parser.ParseFile(token.NewFileSet(), "../../core/apply/"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Errorf" {
				if said, ok := literal(call.Args[min(1, len(call.Args)-1)]); ok {
					known(name, said)
				}
			}
			return true
		})
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

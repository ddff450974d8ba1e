package checks

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/basewright/basewright/core"
)

// lineSensitive are the endings of files whose readers take a carriage return
// for a part of the line. YAML, SQL and JavaScript do not mind it.
var lineSensitive = []string{".sh", ".exs", ".conf"}

// endingsRule is that of configuration.compose about the ends of lines.
var endingsRule = rule{core.Explanation{
	Code: "DK-09", Title: "A file has Windows line endings", Severity: core.Warning,
	What:   "The file's lines end in CR LF; programs in containers take the CR for a part of the value.",
	Breaks: "Scripts do not start, the pooler ends with \"unexpected token: carriage return\", and what reads .env without Compose gets values that are wrong by one invisible character.",
	Do:     "Convert the file to LF and recreate what reads it.", Data: "No data is at risk.", Sources: "supabase/supabase#30210, #44052",
}, windowsEndings}

// windowsEndings looks into .env and into the files that services mount. Compose
// itself cuts the CR off values; scripts that read .env do not.
func windowsEndings(ctx context.Context, t core.Target) []core.Finding {
	found := advice(core.Host, carriageReturns(ctx, t, ".env")...)
	if len(found) > 0 {
		found[0].Title = ".env has Windows line endings"
	}
	for _, m := range mountedFiles(t) {
		if !slices.Contains(lineSensitive, path.Ext(m.to)) {
			continue
		}
		for _, f := range fault(m.role, carriageReturns(ctx, t, m.name)...) {
			f.Severity, f.Title = core.Warning, fmt.Sprintf("A script of %s has Windows line endings", m.role)
			if c, ok := t.Container(m.role); ok && !well(t, c) {
				f.Severity = severity(m.role) // it may well be why
			}
			found = append(found, f)
		}
	}
	return found
}

// carriageReturns quotes the first line of a file that ends in CR LF.
func carriageReturns(ctx context.Context, t core.Target, name string) []core.Evidence {
	f, err := readFile(ctx, t, name)
	at := bytes.Index(f.Data, []byte("\r\n"))
	if err != nil || at < 0 {
		return nil
	}
	line := bytes.Count(f.Data[:at], []byte("\n")) + 1
	return []core.Evidence{evidence(fmt.Sprintf("file:%s:%d", name, line), "the line ends in CR LF")}
}

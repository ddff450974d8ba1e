package checks

import (
	"context"
	"strings"
	"sync"

	"github.com/basewright/basewright/core"
)

// clue is what a row of the catalogue queries tells: its first column names the
// clue, the others hold the facts.
type clue struct {
	core.Explanation
	name string
	tell func(t core.Target, rows [][]string) []core.Finding
}

func init() {
	c := core.Checker{
		ID: "database.catalog", Early: true, Title: "The database's catalogue holds what the services need, and nothing that harms them",
		Category: core.DatabaseConnection, Check: databaseCatalog,
	}
	for _, k := range clues() {
		if k.Title != "" {
			c.Finds = append(c.Finds, k.Explanation)
		}
	}
	register(c)
}

// clues lists all, by what they are about.
func clues() []clue {
	return append(append(append([]clue{}, serverClues...), schemaClues...), innerClues...)
}

// question is one statement. Each row is a clue's name and its facts.
type question struct {
	database, sql string
	when          func(t core.Target) bool
}

// databaseCatalog asks for every clue at once.
func databaseCatalog(ctx context.Context, t core.Target) ([]core.Finding, error) {
	db, ok := t.Container(core.DB)
	if !ok || db.State != "running" || t.Inspector == nil {
		return nil, nil // containers.state says so
	}
	rows, blind := askCatalog(ctx, t)
	t, err := t.Whole(ctx)
	if err != nil {
		return nil, err
	}
	var found []core.Finding
	for _, k := range clues() {
		if len(rows[k.name]) == 0 {
			continue
		}
		for _, f := range k.tell(t, rows[k.name]) {
			found = append(found, explained(f, k.Code))
		}
	}
	if len(found) == 0 && core.CodeOf(blind) == core.Unreachable && db.Health == "healthy" {
		return nil, blind
	}
	return found, nil
}

// askCatalog returns the rows by the clue that they are of, and why they may
// lack some. A session is dear, so each database gets its questions in one
// statement; when it refuses that, one by one. A catalogue, a table or a column
// that this release does not have is no failure.
func askCatalog(ctx context.Context, t core.Target) (rows map[string][][]string, blind error) {
	var mu sync.Mutex
	rows = map[string][][]string{}
	ask := func(database, sql string) (refused bool) {
		answer, err := t.Query(ctx, database, sql)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && core.SQLState(err) == "" && core.CodeOf(err) != core.NotFound {
			blind = err
		}
		for _, r := range answer {
			if len(r) > 1 {
				rows[r[0]] = append(rows[r[0]], r[1:])
			}
		}
		return strings.HasPrefix(core.SQLState(err), "42") // what it names is not there, or not for us
	}
	asked := map[string][]string{}
	for _, q := range questions {
		if q.when == nil || q.when(t) {
			asked[q.database] = append(asked[q.database], q.sql)
		}
	}
	var wg sync.WaitGroup
	for database, all := range asked {
		wg.Go(func() {
			if !ask(database, strings.Join(all, "\nunion all")) || len(all) == 1 {
				return
			}
			for _, sql := range all {
				ask(database, sql)
			}
		})
	}
	wg.Wait()
	return rows, blind
}

// sqlProof turns every row into a line of evidence.
func sqlProof(source, format string, rows [][]string) []core.Evidence {
	const most = 10
	var out []core.Evidence
	for i, r := range rows {
		if i == most {
			return append(out, evidence("sql:"+source, "… and more"))
		}
		text := format
		for _, cell := range r {
			text = strings.Replace(text, "%", clip(strings.ToValidUTF8(cell, "�")), 1)
		}
		out = append(out, evidence("sql:"+source, text))
	}
	return out
}

// advise makes advice of all rows.
func advise(s core.Service, source, format string) func(core.Target, [][]string) []core.Finding {
	return func(_ core.Target, rows [][]string) []core.Finding {
		return advice(s, sqlProof(source, format, rows)...)
	}
}

// blame makes one finding of all rows, which may be why services fail.
func blame(s core.Service, source, format string, affects ...core.Service) func(core.Target, [][]string) []core.Finding {
	return func(_ core.Target, rows [][]string) []core.Finding {
		f := fault(s, sqlProof(source, format, rows)...)
		f[0].Affects = affects
		return f
	}
}

func has(services ...core.Service) func(core.Target) bool {
	return func(t core.Target) bool {
		for _, s := range services {
			if t.Has(s) {
				return true
			}
		}
		return false
	}
}

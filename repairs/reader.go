package repairs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/basewright/basewright/core"
)

// reader takes typed values out of the data that a playbook returned and notes
// every problem instead of stopping at the first.
type reader struct {
	source   source
	problems []Problem
}

// only notes the keys of m that are not known.
func (r *reader) only(what string, m map[string]any, known ...string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(known, k) {
			r.problem(k, "%s", prefix(what)+fmt.Sprintf("%q is not known", oneLine(k)))
		}
	}
}

func prefix(what string) string {
	if what == "" {
		return ""
	}
	return what + ": "
}

// text returns the text under key, or "".
func (r *reader) text(m map[string]any, key string) string {
	v, ok := m[key]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.problem(key, "%s is not text", key)
	}
	return s
}

// truth returns the truth value under key.
func (r *reader) truth(m map[string]any, key string) bool {
	v, ok := m[key]
	b, is := v.(bool)
	if ok && !is {
		r.problem(key, "%s is neither true nor false", key)
	}
	return b
}

// texts returns the list of texts under key.
func (r *reader) texts(m map[string]any, key string) []string {
	var list []string
	for _, v := range r.list(m, key) {
		s, ok := v.(string)
		if !ok {
			r.problem(key, "%s is not a list of texts", key)
			return nil
		}
		list = append(list, s)
	}
	return list
}

// list returns the list under key. An empty Lua table is both list and map.
func (r *reader) list(m map[string]any, key string) []any {
	switch v := m[key].(type) {
	case nil:
		return nil
	case []any:
		return v
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	}
	r.problem(key, "%s is not a list", key)
	return nil
}

// table returns the map under key.
func (r *reader) table(m map[string]any, key string) map[string]any {
	v, ok := m[key]
	if !ok {
		return nil
	}
	t, ok := v.(map[string]any)
	if !ok {
		r.problem(key, "%s is not a table with names", key)
	}
	return t
}

// words returns the map of texts under key.
func (r *reader) words(m map[string]any, key string) map[string]string {
	t := r.table(m, key)
	if len(t) == 0 {
		return nil
	}
	words := map[string]string{}
	for k, v := range t {
		s, ok := v.(string)
		if !ok {
			r.problem(key, "%s: %s is not text", key, oneLine(k))
		}
		words[k] = s
	}
	return words
}

func (r *reader) params(top map[string]any) map[string]core.Param {
	t := r.table(top, "params")
	if len(t) == 0 {
		return nil
	}
	params := map[string]core.Param{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		fields, ok := t[name].(map[string]any)
		if !ok {
			r.problem("params", "params: %s is not a table with type, default and help", oneLine(name))
			continue
		}
		p := core.Param{Type: r.text(fields, "type"), Help: oneLine(r.text(fields, "help"))}
		if d, ok := fields["default"]; ok {
			p.Default = fmt.Sprint(d)
		}
		params[name] = p
		r.only("params: "+oneLine(name), fields, "type", "default", "help")
	}
	return params
}

func (r *reader) wants(top map[string]any) core.Wants {
	t := r.table(top, "wants")
	w := core.Wants{Files: r.texts(t, "files"), HTTP: r.words(t, "http"), Release: r.texts(t, "release")}
	w.SQL, w.Databases = r.statements(t)
	for service, n := range r.table(t, "logs") {
		lines, ok := n.(float64)
		if !ok || lines < 1 || lines > maxLogLines || lines != float64(int(lines)) {
			r.problem("wants", "wants: logs of %s is not a number of lines up to %d", oneLine(service), maxLogLines)
			continue
		}
		if w.Logs == nil {
			w.Logs = map[string]int{}
		}
		w.Logs[service] = int(lines)
	}
	r.only("wants", t, "logs", "sql", "files", "http", "release")
	if n := len(w.SQL) + len(w.Files) + len(w.HTTP) + len(w.Release); n > maxWants {
		r.problem("wants", "wants: asks for %d things, more than %d", n, maxWants)
	}
	for name, sql := range w.SQL {
		if err := checkQuery(sql); err != nil {
			r.problem("wants", "wants: sql %s: %v", oneLine(name), err)
		}
	}
	for name, where := range w.HTTP {
		if _, err := parseProbe(where); err != nil {
			r.problem("wants", "wants: http %s: %v", oneLine(name), err)
		}
	}
	return w
}

// statements returns what a playbook asks the database: a name to its statement,
// or to a table with database and query.
func (r *reader) statements(wants map[string]any) (sql, databases map[string]string) {
	for name, v := range r.table(wants, "sql") {
		if sql == nil {
			sql = map[string]string{}
		}
		switch v := v.(type) {
		case string:
			sql[name] = v
		case map[string]any:
			sql[name] = r.text(v, "query")
			if databases == nil {
				databases = map[string]string{}
			}
			databases[name] = r.text(v, "database")
			if !databaseName.ok(v["database"]) {
				r.problem("wants", "wants: sql %s: database is missing", oneLine(name))
			}
			r.only("wants: sql "+oneLine(name), v, "database", "query")
		default:
			r.problem("wants", "wants: sql %s is neither a statement nor a table with database and query", oneLine(name))
		}
	}
	return sql, databases
}

func (r *reader) examples(top map[string]any) []example {
	var list []example
	for i, v := range r.list(top, "examples") {
		what := fmt.Sprintf("examples: number %d", i+1)
		t, ok := v.(map[string]any)
		if !ok {
			r.problem("examples", "%s is not a table", what)
			continue
		}
		e := example{given: r.table(t, "given"), plan: r.texts(t, "plan"), refuses: r.text(t, "refuses")}
		for name, value := range r.table(t, "params") {
			if e.params == nil {
				e.params = map[string]string{}
			}
			e.params[name] = fmt.Sprint(value)
		}
		r.only(what, t, "given", "params", "plan", "refuses")
		if (len(e.plan) == 0) == (e.refuses == "") {
			r.problem("examples", "%s says neither or both of plan and refuses", what)
		}
		list = append(list, e)
	}
	return list
}

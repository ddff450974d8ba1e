package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// table is a relation of the schema cache.
type table struct {
	schema, name string
	columns      []string
}

func (t table) sql() string { return quoteIdent(t.schema, t.name) }

// selection is the column list of ?select=, in SQL.
func (t table) selection(q *restRequest) (string, error) {
	sel := q.URL.Query().Get("select")
	if sel == "" || sel == "*" {
		return "*", nil
	}
	var out []string
	for part := range strings.SplitSeq(sel, ",") {
		alias, column, renamed := strings.Cut(part, ":")
		if !renamed {
			column = part
		}
		if column == "*" {
			out = append(out, "*")
			continue
		}
		if err := t.has(column); err != nil {
			return "", err
		}
		expr := quoteIdent(column)
		if renamed {
			expr += " as " + quoteIdent(alias)
		}
		out = append(out, expr)
	}
	return strings.Join(out, ", "), nil
}

func (t table) has(column string) error {
	if slices.Contains(t.columns, column) {
		return nil
	}
	return restErr(400, "42703", fmt.Sprintf("column %s.%s does not exist", t.name, column))
}

var operators = map[string]string{"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like", "ilike": "ilike"}

var reserved = []string{"select", "order", "limit", "offset", "columns", "on_conflict", "apikey"}

// where turns the filters of the query string into a condition; args are appended to.
func (t table) where(q *restRequest, args *[]any) (string, error) {
	var conds []string
	query := q.URL.Query()
	for _, column := range slices.Sorted(maps.Keys(query)) {
		if slices.Contains(reserved, column) {
			continue
		}
		for _, filter := range query[column] {
			if err := t.has(column); err != nil {
				return "", err
			}
			cond, err := condition(column, filter, args)
			if err != nil {
				return "", err
			}
			conds = append(conds, cond)
		}
	}
	if len(conds) == 0 {
		return "", nil
	}
	return " where " + strings.Join(conds, " and "), nil
}

func condition(column, filter string, args *[]any) (string, error) {
	not := ""
	if rest, ok := strings.CutPrefix(filter, "not."); ok {
		filter, not = rest, "not "
	}
	op, value, ok := strings.Cut(filter, ".")
	sym, known := operators[op]
	switch {
	case ok && op == "is" && slices.Contains([]string{"null", "true", "false", "unknown"}, value):
		return not + quoteIdent(column) + " is " + value, nil
	case ok && op == "in":
		var marks []string
		for v := range strings.SplitSeq(strings.Trim(value, "()"), ",") {
			*args = append(*args, strings.Trim(v, `"`))
			marks = append(marks, "$"+strconv.Itoa(len(*args)))
		}
		return not + quoteIdent(column) + " in (" + strings.Join(marks, ", ") + ")", nil
	case ok && known:
		if strings.HasSuffix(op, "like") {
			value = strings.ReplaceAll(value, "*", "%")
		}
		*args = append(*args, value)
		return fmt.Sprintf("%s%s %s $%d", not, quoteIdent(column), sym, len(*args)), nil
	}
	return "", restErr(400, "PGRST100", fmt.Sprintf("%q (line 1, column 1)", "failed to parse filter ("+filter+")")).
		detail("unexpected \"" + filter[:min(1, len(filter))] + "\" expecting operator (eq, gt, ...)")
}

// tail is order, limit and offset.
func (s *postgrest) tail(q *restRequest, t table) (string, error) {
	out := ""
	query := q.URL.Query()
	if o := query.Get("order"); o != "" {
		var by []string
		for part := range strings.SplitSeq(o, ",") {
			column, _, _ := strings.Cut(part, ".")
			if err := t.has(column); err != nil {
				return "", err
			}
			dir := "asc"
			if strings.Contains(part, ".desc") {
				dir = "desc"
			}
			by = append(by, quoteIdent(column)+" "+dir)
		}
		out = " order by " + strings.Join(by, ", ")
	}
	limit := s.maxRows
	if n, err := strconv.ParseUint(query.Get("limit"), 10, 31); err == nil {
		if m, err := strconv.ParseUint(s.maxRows, 10, 31); err != nil || n < m {
			limit = strconv.FormatUint(n, 10)
		}
	}
	if _, err := strconv.ParseUint(limit, 10, 31); err == nil {
		out += " limit " + limit
	}
	if n, err := strconv.ParseUint(query.Get("offset"), 10, 31); err == nil {
		out += " offset " + strconv.FormatUint(n, 10)
	}
	return out, nil
}

func (s *postgrest) read(ctx context.Context, w http.ResponseWriter, q *restRequest, t table) error {
	var args []any
	columns, err := t.selection(q)
	if err != nil {
		return err
	}
	where, err := t.where(q, &args)
	if err != nil {
		return err
	}
	tail, err := s.tail(q, t)
	if err != nil {
		return err
	}
	return s.answer(ctx, w, q, 200, fmt.Sprintf("select %s from %s%s%s", columns, t.sql(), where, tail), args)
}

// payload reads the body as rows and the columns of the first one.
func payload(q *restRequest) (string, []string, error) {
	raw, err := io.ReadAll(io.LimitReader(q.Body, 10<<20))
	if err != nil {
		return "", nil, err
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '{' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return "", nil, restErr(400, "PGRST102", "Empty or invalid json")
	}
	if len(rows) == 0 {
		return "[]", nil, nil
	}
	return string(raw), slices.Sorted(maps.Keys(rows[0])), nil
}

func (t table) quoted(columns []string) (string, error) {
	var out []string
	for _, c := range columns {
		if !slices.Contains(t.columns, c) {
			return "", restErr(400, "PGRST204", fmt.Sprintf("Could not find the '%s' column of '%s' in the schema cache", c, t.name))
		}
		out = append(out, quoteIdent(c))
	}
	return strings.Join(out, ", "), nil
}

func (s *postgrest) insert(ctx context.Context, w http.ResponseWriter, q *restRequest, t table) error {
	rows, names, err := payload(q)
	if err != nil {
		return err
	}
	columns, err := t.quoted(names)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("insert into %s (%s) select %s from json_populate_recordset(null::%s, $1::json)", t.sql(), columns, columns, t.sql())
	if columns == "" {
		sql = fmt.Sprintf("insert into %s select * from json_populate_recordset(null::%s, $1::json)", t.sql(), t.sql())
	}
	return s.write(ctx, w, q, t, 201, sql, []any{rows})
}

func (s *postgrest) update(ctx context.Context, w http.ResponseWriter, q *restRequest, t table) error {
	rows, names, err := payload(q)
	if err != nil {
		return err
	}
	if _, err := t.quoted(names); err != nil {
		return err
	}
	args := []any{rows}
	where, err := t.where(q, &args)
	if err != nil || len(names) == 0 {
		return err
	}
	var set []string
	for _, c := range names {
		set = append(set, fmt.Sprintf("%s = (select %s from json_populate_recordset(null::%s, $1::json))", quoteIdent(c), quoteIdent(c), t.sql()))
	}
	return s.write(ctx, w, q, t, 200, "update "+t.sql()+" set "+strings.Join(set, ", ")+where, args)
}

func (s *postgrest) delete(ctx context.Context, w http.ResponseWriter, q *restRequest, t table) error {
	var args []any
	where, err := t.where(q, &args)
	if err != nil {
		return err
	}
	return s.write(ctx, w, q, t, 200, "delete from "+t.sql()+where, args)
}

// write runs a statement; only "Prefer: return=representation" needs the right to select.
func (s *postgrest) write(ctx context.Context, w http.ResponseWriter, q *restRequest, t table, status int, sql string, args []any) error {
	if strings.Contains(q.Header.Get("Prefer"), "return=representation") {
		columns, err := t.selection(q)
		if err != nil {
			return err
		}
		w.Header().Set("Preference-Applied", "return=representation")
		return s.answer(ctx, w, q, status, sql+" returning "+columns, args)
	}
	err := s.within(ctx, q, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return err
	}
	if status == 200 {
		status = http.StatusNoContent
	}
	w.WriteHeader(status)
	return nil
}

// answer runs sql and writes its rows as a JSON array, or as one object when the client accepts nothing else.
func (s *postgrest) answer(ctx context.Context, w http.ResponseWriter, q *restRequest, status int, sql string, args []any) error {
	var body string
	var count int
	err := s.within(ctx, q, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "with pgrst_source as ("+sql+") select coalesce(json_agg(t), '[]')::text, count(*)::int from pgrst_source t", args...).Scan(&body, &count)
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if strings.Contains(q.Header.Get("Accept"), "vnd.pgrst.object+json") {
		if count != 1 {
			return restErr(406, "PGRST116", "Cannot coerce the result to a single JSON object").detail(fmt.Sprintf("The result contains %d rows", count))
		}
		body = strings.TrimSpace(body[1 : len(body)-1])
		h.Set("Content-Type", "application/vnd.pgrst.object+json; charset=utf-8")
	}
	h.Set("Content-Range", "*/*")
	if status == 200 && count > 0 {
		h.Set("Content-Range", fmt.Sprintf("0-%d/*", count-1))
	}
	w.WriteHeader(status)
	if q.Method != http.MethodHead {
		io.WriteString(w, body)
	}
	return nil
}

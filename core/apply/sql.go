package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// class says what a statement may do.
type class int

const (
	reads     class = iota // changes nothing
	safe                   // changes what another statement of this class can change back
	dangerous              // may lose data, or cannot be told
)

// statements gives the class of each kind of statement; what is not here is
// dangerous.
var statements = map[string]class{
	"SelectStmt": reads, "VariableShowStmt": reads, "ExplainStmt": reads, "NotifyStmt": reads,
	"GrantStmt": safe, "GrantRoleStmt": safe, "CommentStmt": safe, "AlterOwnerStmt": safe, "AlterTableStmt": safe,
	"AlterRoleSetStmt": safe, "AlterRoleStmt": safe, "AlterDatabaseSetStmt": safe, "AlterDefaultPrivilegesStmt": safe,
	"AlterDatabaseStmt": safe,
}

// functions are those that a statement may call. Any other may do anything, in
// a read-only transaction too.
var functions = strings.Fields(`count min max sum avg coalesce lower upper length now current_setting version
	current_database to_regclass to_regrole pg_database_size pg_total_relation_size pg_relation_size pg_size_pretty
	has_schema_privilege has_table_privilege has_function_privilege has_database_privilege pg_get_userbyid format_type
	string_agg array_agg json_agg json_build_object row_to_json array_length quote_ident`)

var validDatabase = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

func checkSQL(a core.Action) error {
	if db := cmp.Or(a.Text("database"), "postgres"); !validDatabase.MatchString(db) {
		return core.Errorf(core.Invalid, "%q is not the name of a database", db)
	}
	stmts, err := parse(a.Text("statement"))
	if err != nil {
		return err
	}
	if retires(a.Text("statement"), a.Text("inverse")) {
		return nil
	}
	if what := never(stmts); what != "" {
		return core.Errorf(core.Forbidden, "no plan may run %s", what)
	}
	if a.Text("inverse") == "" {
		return nil
	}
	if c, _ := classOf(anyList(stmts)); c == reads {
		return core.Errorf(core.Invalid, "the statement changes nothing, and an inverse would")
	}
	if _, err := classify(a.Text("statement")); err != nil {
		return err
	}
	if _, err := classify(a.Text("inverse")); err != nil {
		return fmt.Errorf("the inverse: %w", err)
	}
	return checkInverse(a.Text("statement"), a.Text("inverse"))
}

// sqlRisk says why a statement cannot be taken back by another.
func sqlRisk(a core.Action) error {
	if retires(a.Text("statement"), a.Text("inverse")) {
		return nil
	}
	c, err := classify(a.Text("statement"))
	switch {
	case err != nil:
		return err
	case c == safe && a.Text("inverse") == "":
		return core.Errorf(core.Forbidden, "the statement changes something, and no inverse says how to change it back")
	}
	return nil
}

// never names what no snapshot makes safe: programs on the server's machine, and
// an end of the transaction in which a statement runs.
func never(node any) string {
	switch n := node.(type) {
	case []map[string]any:
		return never(anyList(n))
	case []any:
		for _, v := range n {
			if what := never(v); what != "" {
				return what
			}
		}
	case map[string]any:
		for name, v := range n {
			fields, _ := v.(map[string]any)
			switch name {
			case "TransactionStmt":
				return "statements that begin or end a transaction"
			case "CopyStmt":
				return "COPY"
			case "LoadStmt", "AlterSystemStmt":
				return "LOAD or ALTER SYSTEM"
			case "DropdbStmt", "CreatedbStmt":
				return "CREATE DATABASE or DROP DATABASE"
			}
			if what := never(any(fields)); fields != nil && what != "" {
				return what
			}
			if list, ok := v.([]any); ok {
				if what := never(list); what != "" {
					return what
				}
			}
		}
	}
	return ""
}

func anyList(stmts []map[string]any) []any {
	list := make([]any, len(stmts))
	for i, s := range stmts {
		list[i] = s
	}
	return list
}

// classify parses SQL with PostgreSQL's own grammar and returns the worst class
// in it. What is dangerous is refused with an error.
func classify(sql string) (class, error) {
	stmts, err := parse(sql)
	if err != nil {
		return dangerous, err
	}
	worst, what := reads, ""
	for _, s := range stmts {
		if c, name := classOf(s); c > worst {
			worst, what = c, name
		}
	}
	if worst == dangerous {
		return dangerous, &core.Error{
			Code:    core.Forbidden,
			Message: "the SQL may lose data or cannot be undone (" + what + ")",
			Hint:    "only a plan of high risk may do that, which takes a database snapshot first",
		}
	}
	return worst, nil
}

// parse returns the parse trees of the statements in SQL.
func parse(sql string) ([]map[string]any, error) {
	tree, err := pgquery.ParseToJSON(sql)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the SQL cannot be parsed: %v", err)
	}
	var parsed struct {
		Stmts []struct{ Stmt map[string]any }
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return nil, fmt.Errorf("read the parsed SQL: %w", err)
	}
	if len(parsed.Stmts) == 0 {
		return nil, core.Errorf(core.Invalid, "there is no SQL statement")
	}
	var stmts []map[string]any
	for _, s := range parsed.Stmts {
		stmts = append(stmts, s.Stmt)
	}
	return stmts, nil
}

// classOf returns the worst class in a parse tree and what made it so.
func classOf(node any) (worst class, what string) {
	worse := func(c class, name string) {
		if c > worst {
			worst, what = c, name
		}
	}
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			worse(classOf(v))
		}
	case map[string]any:
		for name, v := range n {
			if strings.HasSuffix(name, "Stmt") {
				c, ok := statements[name]
				if !ok {
					c = dangerous
				}
				worse(c, name)
			}
			if harm := harms[name]; harm != nil && harm(v) != "" {
				worse(dangerous, harm(v))
			}
			worse(classOf(v))
		}
	}
	return worst, what
}

// doSQL runs a statement; one that may lose data only when its snapshot is there.
func doSQL(ctx context.Context, t *transaction, a core.Action) error {
	sql := a.Text("statement")
	if made, ok := creation(sql); ok && retires(sql, a.Text("inverse")) {
		return t.createObject(ctx, databaseOf(a), sql, made)
	}
	c, err := classify(sql)
	if err != nil && t.data.ID == "" {
		return err
	}
	return runParsed(ctx, t.e, a.Text("database"), sql, c)
}

// runSQL runs statements in one transaction, a read-only one when they only
// read. They are written anew from the parse tree, so that nothing in them is
// an order to psql.
func runSQL(ctx context.Context, e core.Engine, database, sql string) error {
	c, err := classify(sql)
	if err != nil {
		return err
	}
	return runParsed(ctx, e, database, sql, c)
}

func runParsed(ctx context.Context, e core.Engine, database, sql string, c class) error {
	plain, err := deparsed(sql)
	if err != nil {
		return err
	}
	begin := "BEGIN;\n"
	if c == reads {
		begin = "BEGIN READ ONLY;\n"
	}
	script := begin + limits + plain + ";\nCOMMIT;\n"
	if _, err := supabase.PSQL(ctx, e, cmp.Or(database, "postgres"), script); err != nil {
		return asUncommitted(sql, fmt.Errorf("run the SQL: %w", err))
	}
	return nil
}

// limits keep a statement from waiting, or running, for ever.
const limits = "SET LOCAL lock_timeout = '10s';\nSET LOCAL statement_timeout = '60s';\n"

func databaseOf(a core.Action) string { return cmp.Or(a.Text("database"), "postgres") }

// deparsed writes SQL anew from its parse tree.
func deparsed(sql string) (string, error) {
	tree, err := pgquery.Parse(sql)
	if err != nil {
		return "", fmt.Errorf("parse the SQL: %w", err)
	}
	plain, err := pgquery.Deparse(tree)
	if err != nil {
		return "", fmt.Errorf("write the SQL anew: %w", err)
	}
	return plain, nil
}

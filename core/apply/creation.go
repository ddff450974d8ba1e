package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// A statement that creates something is undone by one that drops it, or by one
// that renames it back. Neither may lose what has been put there since, so both
// run as a retirement: what this change made goes if nothing is in it, and is
// else put aside under another name. That it was this change is told by a comment
// that is written with it; what somebody else made stays.

// object is what a statement creates, renames or drops.
type object struct {
	kind string // schema, role, publication or database
	name string
	to   string // the new name, of a rename
}

// creation returns what a statement creates or renames, when that is all it does.
func creation(sql string) (object, bool) {
	kind, fields := single(sql)
	switch {
	case kind == "CreateSchemaStmt" && fields["if_not_exists"] == nil && fields["schemaElts"] == nil:
		return object{kind: "schema", name: text(fields["schemaname"])}, text(fields["schemaname"]) != ""
	case kind == "CreatePublicationStmt" && fields["pubobjects"] == nil && fields["for_all_tables"] == nil && fields["options"] == nil:
		return object{kind: "publication", name: text(fields["pubname"])}, true
	case kind == "CreateRoleStmt" && harmlessRole(fields):
		return object{kind: "role", name: text(fields["role"])}, true
	case kind == "CreatedbStmt" && onlyOptions(fields["options"], "owner"):
		return object{kind: "database", name: text(fields["dbname"])}, true
	case kind == "RenameStmt" && fields["renameType"] == "OBJECT_SCHEMA":
		return object{kind: "schema", name: text(fields["subname"]), to: text(fields["newname"])}, true
	}
	return object{}, false
}

// dropped returns what a statement drops, when that is all it does.
func dropped(sql string) (object, bool) {
	kind, fields := single(sql)
	if fields["missing_ok"] != nil || fields["behavior"] == "DROP_CASCADE" {
		return object{}, false
	}
	names, _ := fields["objects"].([]any)
	if kind == "DropRoleStmt" {
		names, _ = fields["roles"].([]any)
	}
	name := ""
	if len(names) == 1 {
		m, _ := names[0].(map[string]any)
		s, _ := m["String"].(map[string]any)
		r, _ := m["RoleSpec"].(map[string]any)
		name = text(s["sval"]) + text(r["rolename"])
	}
	switch {
	case kind == "DropStmt" && fields["removeType"] == "OBJECT_SCHEMA":
		return object{kind: "schema", name: name}, name != ""
	case kind == "DropStmt" && fields["removeType"] == "OBJECT_PUBLICATION":
		return object{kind: "publication", name: name}, name != ""
	case kind == "DropRoleStmt":
		return object{kind: "role", name: name}, name != ""
	case kind == "DropdbStmt":
		return object{kind: "database", name: text(fields["dbname"])}, true
	}
	return object{}, false
}

// retires reports whether inverse takes back what statement creates or renames.
func retires(statement, inverse string) bool {
	made, ok := creation(statement)
	if !ok {
		return false
	}
	if made.to != "" {
		back, renames := creation(inverse)
		return renames && back == object{made.kind, made.to, made.name}
	}
	gone, drops := dropped(inverse)
	return drops && gone == made
}

// single returns the kind and the fields of the only statement in sql.
func single(sql string) (kind string, fields map[string]any) {
	stmts, err := parse(sql)
	if err != nil || len(stmts) != 1 {
		return "", nil
	}
	for kind, v := range stmts[0] {
		fields, _ := v.(map[string]any)
		return kind, fields
	}
	return "", nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// harmlessRole allows roles that may not log in, make others, or be more than
// they are granted. Only service_role is made to see past row level security.
func harmlessRole(fields map[string]any) bool {
	allowed := []string{"canlogin", "inherit"}
	if fields["role"] == "service_role" {
		allowed = append(allowed, "bypassrls")
	}
	list, _ := fields["options"].([]any)
	for _, o := range list {
		m, _ := o.(map[string]any)
		d, _ := m["DefElem"].(map[string]any)
		arg, _ := d["arg"].(map[string]any)
		yes, _ := arg["Boolean"].(map[string]any)
		if d["defname"] == "canlogin" && yes["boolval"] == true {
			return false
		}
	}
	return fields["stmt_type"] == "ROLESTMT_ROLE" && onlyOptions(fields["options"], allowed...) && !strings.HasPrefix(text(fields["role"]), "pg_")
}

func onlyOptions(options any, allowed ...string) bool {
	list, _ := options.([]any)
	for _, o := range list {
		m, _ := o.(map[string]any)
		d, _ := m["DefElem"].(map[string]any)
		known := false
		for _, a := range allowed {
			known = known || d["defname"] == a
		}
		if !known {
			return false
		}
	}
	return true
}

// mark is the comment on what a change made.
func (t *transaction) mark() string { return "made by change " + t.c.ID }

// createObject runs a statement that creates or renames something, and marks it.
func (t *transaction) createObject(ctx context.Context, database, sql string, made object) error {
	name := made.name
	if made.to != "" {
		name = made.to
	}
	comment := fmt.Sprintf("COMMENT ON %s %s IS %s;\n", strings.ToUpper(made.kind), supabase.QuoteIdentifier(name), supabase.QuoteLiteral(t.mark()))
	plain, err := deparsed(sql)
	if err != nil {
		return err
	}
	script := "BEGIN;\n" + limits + plain + ";\n" + comment + "COMMIT;\n"
	if made.kind == "database" { // which no transaction can make
		script = plain + ";\n" + comment
	}
	if _, err := supabase.PSQL(ctx, t.e, database, script); err != nil {
		return fmt.Errorf("run the SQL: %w", err)
	}
	return nil
}

// isOurs is the condition that an object is there and bears the mark.
var isOurs = map[string]string{
	"schema":      "EXISTS (SELECT FROM pg_namespace WHERE nspname = %[1]s AND obj_description(oid, 'pg_namespace') = %[2]s)",
	"publication": "EXISTS (SELECT FROM pg_publication WHERE pubname = %[1]s AND obj_description(oid, 'pg_publication') = %[2]s)",
	"role":        "EXISTS (SELECT FROM pg_roles WHERE rolname = %[1]s AND shobj_description(oid, 'pg_authid') = %[2]s)",
	"database":    "EXISTS (SELECT FROM pg_database WHERE datname = %[1]s AND shobj_description(oid, 'pg_database') = %[2]s)",
}

// retire takes back what createObject did. It may be run again.
func (t *transaction) retire(ctx context.Context, database string, made object) error {
	name := made.name
	if made.to != "" {
		name = made.to
	}
	ours := fmt.Sprintf(isOurs[made.kind], supabase.QuoteLiteral(name), supabase.QuoteLiteral(t.mark()))
	kind, ident := strings.ToUpper(made.kind), supabase.QuoteIdentifier(name)
	aside := supabase.QuoteIdentifier(clip63(made.name, "_undone_"+strings.ToLower(t.c.ID)))
	var script string
	switch {
	case made.kind == "database":
		script = fmt.Sprintf(`SELECT 'ALTER DATABASE %[1]s ALLOW_CONNECTIONS false' WHERE %[2]s \gexec
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %[3]s AND %[2]s;
SELECT 'ALTER DATABASE %[1]s RENAME TO %[4]s' WHERE %[2]s \gexec
SELECT 'ALTER DATABASE %[4]s ALLOW_CONNECTIONS true' WHERE EXISTS (SELECT FROM pg_database WHERE datname = %[5]s AND NOT datallowconn) \gexec
`, ident, ours, supabase.QuoteLiteral(name), aside, supabase.QuoteLiteral(strings.Trim(aside, `"`)))
	case made.to != "":
		script = block(fmt.Sprintf("IF %s THEN COMMENT ON %s %s IS NULL; ALTER %s %s RENAME TO %s; END IF;", ours, kind, ident, kind, ident, supabase.QuoteIdentifier(made.name)))
	case made.kind == "publication":
		script = block(fmt.Sprintf(`IF %s THEN
  IF EXISTS (SELECT FROM pg_publication_tables WHERE pubname = %s) THEN ALTER PUBLICATION %s RENAME TO %s; ELSE DROP PUBLICATION %s; END IF;
END IF;`, ours, supabase.QuoteLiteral(name), ident, aside, ident))
	default:
		script = block(fmt.Sprintf(`IF %s THEN
  BEGIN DROP %s %s;
  EXCEPTION WHEN dependent_objects_still_exist THEN ALTER %s %s RENAME TO %s; END;
END IF;`, ours, kind, ident, kind, ident, aside))
	}
	if _, err := supabase.PSQL(ctx, t.e, database, script); err != nil {
		return fmt.Errorf("take back %s %s: %w", made.kind, name, err)
	}
	return nil
}

func block(body string) string { return "DO $retire$ BEGIN\n" + body + "\nEND $retire$;\n" }

// clip63 shortens a name so that with its end it is one that PostgreSQL keeps whole.
func clip63(name, end string) string { return name[:min(len(name), 63-len(end))] + end }

// takeBack runs the inverse of an action.
func (t *transaction) takeBack(ctx context.Context, a core.Action) error {
	made, ok := creation(a.Text("statement"))
	if ok && retires(a.Text("statement"), a.Text("inverse")) {
		return t.retire(ctx, databaseOf(a), made)
	}
	return runSQL(ctx, t.e, a.Text("database"), a.Text("inverse"))
}

package apply

import (
	"reflect"
	"strings"

	"github.com/basewright/basewright/core"
)

// mightyRole returns the first of the roles that a GRANT or REVOKE of roles is
// about whose members may do more than any plan hands out; "" when there is none.
func mightyRole(grant any) string {
	fields, _ := grant.(map[string]any)
	roles, _ := fields["granted_roles"].([]any)
	for _, r := range roles {
		m, _ := r.(map[string]any)
		p, _ := m["AccessPriv"].(map[string]any)
		name, _ := p["priv_name"].(string)
		if name == "postgres" || name == "supabase_admin" || strings.HasPrefix(name, "pg_") {
			return name
		}
	}
	return ""
}

// functionName returns the name of a called function, without pg_catalog.
func functionName(call any) string {
	fields, _ := call.(map[string]any)
	parts, _ := fields["funcname"].([]any)
	var names []string
	for _, p := range parts {
		m, _ := p.(map[string]any)
		s, _ := m["String"].(map[string]any)
		name, _ := s["sval"].(string)
		names = append(names, name)
	}
	return strings.TrimPrefix(strings.Join(names, "."), "pg_catalog.")
}

// checkInverse refuses an inverse that does not change back what the statement
// changes: each of its statements has its own inverse, the last first.
func checkInverse(statement, inverse string) error {
	forward, err := changing(statement)
	if err != nil {
		return err
	}
	back, err := changing(inverse)
	if err != nil {
		return err
	}
	ok := len(forward) == len(back)
	for i := 0; ok && i < len(forward); i++ {
		ok = mirrors(forward[i], back[len(back)-1-i])
	}
	if !ok {
		return core.Errorf(core.Forbidden, "the inverse does not change back what the statement changes")
	}
	return nil
}

// changing returns those statements in SQL that change something.
func changing(sql string) ([]map[string]any, error) {
	stmts, err := parse(sql)
	if err != nil {
		return nil, err
	}
	var some []map[string]any
	for _, s := range stmts {
		if c, _ := classOf(s); c != reads {
			some = append(some, s)
		}
	}
	return some, nil
}

// inverses says for each kind of statement whether b changes back what a does.
// It may edit both.
var inverses = map[string]func(a, b map[string]any) bool{
	"GrantStmt":     grantInverse("grant_option"),
	"GrantRoleStmt": grantInverse("opt"),
	"AlterDefaultPrivilegesStmt": func(a, b map[string]any) bool {
		grantA, okA := a["action"].(map[string]any)
		grantB, okB := b["action"].(map[string]any)
		return okA && okB && grantInverse("grant_option")(grantA, grantB) && reflect.DeepEqual(a, b)
	},
	"CommentStmt":          otherwise("comment"),
	"AlterOwnerStmt":       otherwise("newowner"),
	"AlterTableStmt":       otherwise("cmds"), // which give another owner, and do nothing else
	"AlterRoleStmt":        otherwise("options"),
	"AlterRoleSetStmt":     setInverse,
	"AlterDatabaseSetStmt": setInverse,
	"AlterDatabaseStmt":    otherwise("options"),
}

// onlyOwner reports whether an ALTER TABLE, or VIEW, or SEQUENCE, does nothing but
// give it another owner.
func onlyOwner(alter any) bool {
	fields, _ := alter.(map[string]any)
	commands, _ := fields["cmds"].([]any)
	for _, c := range commands {
		m, _ := c.(map[string]any)
		command, _ := m["AlterTableCmd"].(map[string]any)
		if command["subtype"] != "AT_ChangeOwner" {
			return false
		}
	}
	return len(commands) > 0
}

// mirrors reports whether statement b changes back what statement a does.
func mirrors(a, b map[string]any) bool {
	a, _ = placeless(a).(map[string]any)
	b, _ = placeless(b).(map[string]any)
	for kind, inverse := range inverses {
		x, okX := a[kind].(map[string]any)
		y, okY := b[kind].(map[string]any)
		if okX && okY {
			return inverse(x, y)
		}
	}
	return false
}

// placeless returns a parse tree without the places where things stood in the
// text.
func placeless(node any) any {
	switch n := node.(type) {
	case []any:
		list := make([]any, len(n))
		for i, v := range n {
			list[i] = placeless(v)
		}
		return list
	case map[string]any:
		fields := map[string]any{}
		for name, v := range n {
			if name != "location" && name != "arg_location" {
				fields[name] = placeless(v)
			}
		}
		return fields
	}
	return node
}

// grantInverse takes a GRANT and a REVOKE of the same for each other's inverse.
// A REVOKE of the option alone, which is in the named field, leaves the grant.
func grantInverse(option string) func(a, b map[string]any) bool {
	return func(a, b map[string]any) bool {
		grant, revoke, given := a, b, a["is_grant"] == true
		if !given {
			grant, revoke = b, a
		}
		optionOnly := revoke[option] != nil
		if grant["is_grant"] != true || revoke["is_grant"] == true || optionOnly && (given || grant[option] == nil) {
			return false
		}
		for _, m := range []map[string]any{a, b} {
			delete(m, "is_grant")
			delete(m, option)
		}
		return reflect.DeepEqual(a, b)
	}
}

// otherwise takes for an inverse what says something else of the same object in
// the named field.
func otherwise(field string) func(a, b map[string]any) bool {
	return func(a, b map[string]any) bool {
		if reflect.DeepEqual(a[field], b[field]) {
			return false
		}
		delete(a, field)
		delete(b, field)
		return reflect.DeepEqual(a, b)
	}
}

// setInverse takes for an inverse what sets or resets the same one setting of
// the same role or database.
func setInverse(a, b map[string]any) bool {
	x, _ := a["setstmt"].(map[string]any)
	y, _ := b["setstmt"].(map[string]any)
	if x["name"] == nil || x["name"] != y["name"] || y["kind"] == "VAR_SET_CURRENT" {
		return false
	}
	return otherwise("setstmt")(a, b)
}

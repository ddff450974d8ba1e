package apply

import "slices"

// harms say of parts that may be harmless or not what makes this one dangerous, or "".
var harms = map[string]func(part any) string{
	"GrantRoleStmt": func(part any) string {
		role := mightyRole(part)
		return unless(role == "", "membership of "+role)
	},
	"AlterTableStmt": func(part any) string { return unless(onlyOwner(part), "ALTER TABLE") },
	"NotifyStmt":     func(part any) string { return unless(field(part, "conditionname") == "pgrst", "NOTIFY") },
	"AlterRoleStmt": func(part any) string {
		return unless(onlyOptions(field(part, "options"), "canlogin") && field(part, "action") == 1.0, "what a role may do")
	},
	"AlterDatabaseStmt": func(part any) string {
		return unless(onlyOptions(field(part, "options"), "allow_connections"), "ALTER DATABASE")
	},
	"intoClause": func(any) string { return "SELECT INTO" },
	"FuncCall": func(part any) string {
		f := functionName(part)
		return unless(slices.Contains(functions, f), "the function "+f)
	},
}

// unless returns what is dangerous, unless it is harmless.
func unless(harmless bool, what string) string {
	if harmless {
		return ""
	}
	return what
}

// field returns a field of a part of a parse tree, or nil.
func field(part any, name string) any {
	fields, _ := part.(map[string]any)
	return fields[name]
}

package repairs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// callable is what may stand before a bracket in a statement that a playbook
// asks for: keywords, and functions that only look. A superuser's read-only
// transaction can still read files, run programs and end sessions.
var callable = wordSet(`
	select from where and or not in any all some exists case when then else on as over filter values array row cast
	distinct by having union except intersect with lateral
	count sum min max avg coalesce nullif greatest least array_agg string_agg bool_and bool_or json_agg jsonb_agg
	json_build_object jsonb_build_object to_json to_jsonb row_to_json unnest array_length cardinality array_to_string
	lower upper length left right trim ltrim rtrim substr substring replace split_part strpos position concat concat_ws
	format md5 round floor ceil abs now age extract date_trunc to_char to_timestamp
	current_database current_schema pg_get_userbyid pg_encoding_to_char format_type obj_description col_description
	pg_get_functiondef pg_get_triggerdef pg_get_constraintdef pg_get_indexdef pg_get_viewdef pg_get_expr
	pg_database_size pg_table_size pg_total_relation_size pg_relation_size pg_size_pretty
	has_table_privilege has_schema_privilege has_database_privilege has_function_privilege pg_has_role
	to_regclass to_regnamespace to_regrole to_regproc pg_is_in_recovery pg_postmaster_start_time pg_wal_lsn_diff
	pg_current_wal_lsn age txid_current_if_assigned pg_database_collation_actual_version`)

// withheld are relations that hold passwords and keys.
var withheld = regexp.MustCompile(`\b(pg_authid|pg_shadow|pg_largeobject|pg_subscription|pg_user_mappings?|decrypted_secrets|refresh_tokens|pg_file_settings)\b`)

var (
	sqlText = regexp.MustCompile(`'[^']*'`)
	sqlCall = regexp.MustCompile(`([a-z_0-9.]*)\s*\(`)
)

// checkQuery refuses a statement that is more than a plain look. It knows too
// little of SQL to let through what it does not know.
func checkQuery(sql string) error {
	s := strings.ToLower(strings.TrimSpace(sql))
	switch {
	case len(s) > 4096:
		return errors.New("it is longer than 4096 bytes")
	case !strings.HasPrefix(s, "select ") && !strings.HasPrefix(s, "select\n"):
		return errors.New("it is no select")
	case strings.ContainsAny(s, "\";\\$") || strings.Contains(s, "--") || strings.Contains(s, "/*") || !isText(s, 4096):
		return errors.New(`it holds one of " ; \ $ -- /*`)
	}
	s = sqlText.ReplaceAllString(s, "''")
	if strings.Count(s, "'")%2 != 0 || strings.Contains(s, "u&'") {
		return errors.New("a text in it has no end")
	}
	if name := withheld.FindString(s); name != "" {
		return fmt.Errorf("%s holds secrets", name)
	}
	for _, call := range sqlCall.FindAllStringSubmatch(s, -1) {
		name := strings.TrimPrefix(call[1], "pg_catalog.")
		if name != "" && !callable[name] {
			return fmt.Errorf("it calls %s, which is not among the functions that only look", name)
		}
	}
	for _, word := range []string{" into ", " for update", " for share", " for no key", " for key"} {
		if strings.Contains(strings.Join(strings.Fields(s), " "), word) {
			return fmt.Errorf("it holds %q", strings.TrimSpace(word))
		}
	}
	return nil
}

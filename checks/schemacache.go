package checks

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

func init() {
	register(core.Checker{
		ID: "rest.cache", Title: "PostgREST serves the newest table of the database", Category: core.APIEndpoints, Early: true, Check: schemaCache,
		Finds: []core.Explanation{{
			Code: "REST-06", Title: "PostgREST does not know the newest tables", Severity: core.Warning,
			What:   "A table is in the database and may be read, and PostgREST answers PGRST205 for it: it loaded the schema before the table was made, and nothing told it since.",
			Breaks: "Requests for that table are answered with 404.",
			Do:     "notify pgrst, 'reload schema'; in the database, or restart rest. The event trigger pgrst_ddl_watch does so by itself where it is in place.",
			Data:   "No data is at risk.", Sources: "PostgREST docs, errors.rst",
		}},
	})
}

// reloadTime is what PostgREST gets to load its schema after a change.
const reloadTime = time.Second

// newestSQL names the youngest tables that service_role may read.
const newestSQL = `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
  where r.rolname = 'service_role' and n.nspname = '%s' and c.relkind in ('r', 'p', 'v', 'm')
    and has_schema_privilege(r.oid, n.oid, 'usage') and has_table_privilege(r.oid, c.oid, 'select')
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
  order by c.oid desc limit 1`

func schemaCache(ctx context.Context, t core.Target) ([]core.Finding, error) {
	rest, ok := t.Container(core.Rest)
	db, has := t.Container(core.DB)
	if !ok || !has || !answers(t, rest) || db.State != "running" || t.Inspector == nil {
		return nil, nil // containers.state says so
	}
	schema := "public"
	if all := rest.Env["PGRST_DB_SCHEMAS"].Reveal(); all != "" {
		schema, _, _ = strings.Cut(all, ",")
	}
	rows, err := t.Query(ctx, "postgres", fmt.Sprintf(newestSQL, strings.ReplaceAll(strings.TrimSpace(schema), "'", "''")))
	if err != nil || len(rows) == 0 || len(rows[0]) == 0 {
		return nil, nil // database.catalog says why it cannot be asked
	}
	gw, _ := t.Container(core.Gateway)
	table, key := rows[0][0], gatewayKeys(t, gw).gateway.service
	for again := range 2 {
		if again > 0 && !pause(ctx, reloadTime) { // the table may be that new
			return nil, nil
		}
		resp, err := core.Send(ctx, t, core.Request{Address: core.Address{Service: core.Rest, Port: portOf(rest, restProbe)}, Path: "/" + url.PathEscape(table) + "?limit=0",
			Headers: map[string]string{"Authorization": "Bearer " + key.Reveal()}})
		if err != nil || resp.Status != 404 || !strings.Contains(resp.Body, `"PGRST205"`) {
			return nil, nil // services.answer tells of other trouble
		}
	}
	found := fault(core.Rest, evidence("sql:pg_class", fmt.Sprintf("there is a table %s.%s", clip(schema), clip(table))),
		evidence("http:rest/"+clip(table), "404 PGRST205, the table is not in the schema cache"))
	found[0].Code = "REST-06"
	return found, nil
}

// pause waits, and reports whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

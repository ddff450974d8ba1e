-- Studio and postgres-meta used to log in as supabase_admin, a superuser. This has
-- postgres-meta log in as postgres, as upstream does since June 2026. Where objects
-- of the schema public still belong to supabase_admin, they are to be handed over
-- first, or Studio could no longer change them.
return {
  title = "Let Studio work without being superuser",
  fixes = { "SEC-12" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_http" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long postgres-meta may take to answer" },
  },
  wants = {
    files = { "@compose" },
    sql = {
      owned = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'f') " ..
        "and pg_get_userbyid(c.relowner) = 'supabase_admin' and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')",
    },
  },

  plan = function(t, params)
    if not t.sql.owned then
      return nil, "the database cannot be read: " .. (t.gaps["sql.owned"] or "no answer")
    end
    local count = t.sql.owned[1][1]
    if count ~= "0" then
      return nil, count .. " objects of the schema public belong to supabase_admin; run reassign-public-objects first"
    end
    local meta = t.services.meta
    if not meta or meta.missing then
      return nil, "there is no container of meta"
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      for _, at in ipairs(compose_lines(t.files[path], meta.compose_service)) do
        local head, tail = string.match(at.text, "^(%s*%-?%s*PG_META_DB_USER[:=]%s*[\"']?)supabase_admin([\"']?.*)$")
        if at.key == "environment" and head then
          return {
            { op = "write_file", path = path, edits = { { line = at.line, old = at.text, new = head .. "postgres" .. tail } } },
            { op = "recreate", service = "meta" },
            { op = "wait_http", service = "meta", port = 8080, path = "/health", status = 200, timeout = params.timeout },
          }
        end
      end
    end
    return nil, "no compose file says PG_META_DB_USER: supabase_admin in a way that this playbook can edit"
  end,

  examples = {
    {
      given = {
        sql = { owned = { { "0" } } }, services = { meta = { state = "running", compose_service = "meta" } },
        files = { ["docker-compose.yml"] = "services:\n  meta:\n    environment:\n      PG_META_DB_USER: supabase_admin\n" },
      },
      plan = {
        "write_file edits=[map[line:4 new:      PG_META_DB_USER: postgres old:      PG_META_DB_USER: supabase_admin]] path=docker-compose.yml",
        "recreate meta", "wait_http meta path=/health port=8080 status=200 timeout=60s",
      },
    },
    {
      given = { sql = { owned = { { "3" } } }, services = { meta = { state = "running", compose_service = "meta" } } },
      refuses = "3 objects of the schema public belong to supabase_admin; run reassign-public-objects first",
    },
    { given = { gaps = { ["sql.owned"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

-- After a restore without grants the API roles may not even look into the schema
-- public, and every request is refused. This gives USAGE back, as a new database
-- has it. Tables keep the grants that they have. Where one is open to anon without
-- row level security the way in would expose it: then a person decides.
local roles = { "anon", "authenticated", "service_role" }

return {
  title = "Let the API roles use the schema public again",
  fixes = { "REST-07" },
  risk = "medium",
  needs = { "sql" },
  wants = {
    sql = {
      lacking = "select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') and not has_schema_privilege(oid, 'public', 'usage')",
      open = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.rolname = 'anon' " ..
        "where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relrowsecurity and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete') order by 1",
    },
  },

  plan = function(t)
    if not t.sql.lacking or not t.sql.open then
      return nil, "the database cannot be read: " .. (t.gaps["sql.lacking"] or t.gaps["sql.open"] or "no answer")
    end
    if #t.sql.open > 0 then
      return nil, "anon may read or write public." .. t.sql.open[1][1] .. ", which has no row level security; enable that first, or give the grant yourself"
    end
    local lacks, names = {}, {}
    for _, row in ipairs(t.sql.lacking) do
      lacks[row[1]] = true
    end
    for _, role in ipairs(roles) do
      if lacks[role] then
        names[#names + 1] = role
      end
    end
    if #names == 0 then
      return nil, "the API roles may use the schema public"
    end
    local list = table.concat(names, ", ")
    return {
      { op = "sql", statement = "grant usage on schema public to " .. list, inverse = "revoke usage on schema public from " .. list },
    }
  end,

  examples = {
    {
      given = { sql = { lacking = { { "anon" }, { "service_role" } }, open = {} } },
      plan = {
        "sql inverse=revoke usage on schema public from anon, service_role statement=grant usage on schema public to anon, service_role",
      },
    },
    {
      given = { sql = { lacking = { { "anon" } }, open = { { "orders" } } } },
      refuses = "anon may read or write public.orders, which has no row level security; enable that first, or give the grant yourself",
    },
    { given = { sql = { lacking = {}, open = {} } }, refuses = "the API roles may use the schema public" },
    { given = { gaps = { ["sql.lacking"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

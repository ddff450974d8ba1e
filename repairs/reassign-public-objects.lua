-- Since June 2026 Studio works as postgres, which does not own what was made as
-- supabase_admin before: migrations fail with "must be owner of table". This hands
-- the objects of the schema public over, and nothing else; those of extensions stay.
local kinds = { r = "table", p = "table", v = "view", m = "materialized view", f = "foreign table", S = "sequence" }

local function quoted(name)
  return '"' .. string.gsub(name, '"', '""') .. '"'
end

return {
  title = "Hand the objects of the schema public over to postgres",
  fixes = { "PG-22" },
  risk = "medium",
  needs = { "sql" },
  wants = {
    sql = {
      owned = "select c.relkind, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' " ..
        "and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and pg_get_userbyid(c.relowner) = 'supabase_admin' " ..
        "and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('e', 'a', 'i')) order by 2",
    },
  },

  plan = function(t)
    if not t.sql.owned or t.gaps["sql.owned"] then
      return nil, "the database cannot be read: " .. (t.gaps["sql.owned"] or "no answer")
    end
    local actions = {}
    for _, row in ipairs(t.sql.owned) do
      local what = "alter " .. kinds[row[1]] .. " public." .. quoted(row[2]) .. " owner to "
      actions[#actions + 1] = { op = "sql", statement = what .. "postgres", inverse = what .. "supabase_admin" }
    end
    if #actions == 0 then
      return nil, "no table, view or sequence of the schema public belongs to supabase_admin; functions are handed over by hand"
    end
    if #actions > 60 then
      return nil, #actions .. " objects are more than one plan may change; run upstream's utils/reassign-owner.sh"
    end
    return actions
  end,

  examples = {
    {
      given = { sql = { owned = { { "r", "orders" }, { "v", 'odd "name"' } } } },
      plan = {
        'sql inverse=alter table public."orders" owner to supabase_admin statement=alter table public."orders" owner to postgres',
        'sql inverse=alter view public."odd ""name""" owner to supabase_admin statement=alter view public."odd ""name""" owner to postgres',
      },
    },
    { given = { sql = { owned = {} } }, refuses = "no table, view or sequence of the schema public belongs to supabase_admin; functions are handed over by hand" },
    { given = { gaps = { ["sql.owned"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

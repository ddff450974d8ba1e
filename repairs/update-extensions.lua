-- The image brings a newer version of an extension than the database was made
-- with, and its newer functions are missing; or functions call pg_net, which the
-- image has and the database has not. This updates or creates it. No statement takes
-- that back, so the plan is of high risk and takes a database snapshot first.
local function quoted(name)
  return '"' .. string.gsub(name, '"', '""') .. '"'
end

-- webhooks creates pg_net as upstream's webhooks.sql does.
local function webhooks(t)
  for _, e in ipairs(t.finding.evidence or {}) do
    if string.find(e.text, "supabase_functions.", 1, true) then
      return nil, "a trigger calls supabase_functions, which the database lacks too; apply webhooks.sql of your release as supabase_admin"
    end
  end
  local net = t.sql.net and t.sql.net[1]
  if not net then
    return nil, t.gaps["sql.net"] and "the database cannot be read: " .. t.gaps["sql.net"] or "the image of the database has no pg_net; use the release's image"
  elseif net[2] ~= "" then
    return nil, "pg_net is there; the function that fails says what it lacks"
  end
  local place = #(t.sql.extensions or {}) > 0 and " schema extensions" or ""
  return {
    { op = "sql", statement = "create extension pg_net" .. place, why = "functions call it" },
    { op = "sql", statement = "grant usage on schema net to postgres, anon, authenticated, service_role", why = "as in webhooks.sql" },
  }
end

return {
  title = "Give the database the extensions that the image has",
  fixes = { "PG-21", "PG-26" },
  risk = "high",
  needs = { "sql" },
  wants = {
    sql = {
      old = "select name, installed_version, default_version from pg_available_extensions where installed_version <> default_version order by name",
      net = "select name, coalesce(installed_version, '') from pg_available_extensions where name = 'pg_net'",
      extensions = "select nspname from pg_namespace where nspname = 'extensions'",
    },
  },

  plan = function(t)
    if t.finding and t.finding.code == "PG-26" then
      return webhooks(t)
    end
    if not t.sql.old then
      return nil, "the database cannot be read: " .. (t.gaps["sql.old"] or "no answer")
    end
    local actions = {}
    for _, row in ipairs(t.sql.old) do
      actions[#actions + 1] = { op = "sql", statement = "alter extension " .. quoted(row[1]) .. " update", why = row[1] .. " is " .. row[2] .. ", the image has " .. row[3] }
    end
    if #actions == 0 then
      return nil, "every extension of the database postgres has the version of the image"
    end
    return actions
  end,

  examples = {
    { given = { sql = { old = { { "pg_trgm", "1.3", "1.6" } } } }, plan = { 'sql statement=alter extension "pg_trgm" update' } },
    {
      given = {
        finding = { code = "PG-26", service = "db", evidence = { { source = "sql:pg_proc", text = "public.notify calls net.http_…" } } },
        sql = { net = { { "pg_net", "" } }, extensions = { { "extensions" } } },
      },
      plan = {
        "sql statement=create extension pg_net schema extensions",
        "sql statement=grant usage on schema net to postgres, anon, authenticated, service_role",
      },
    },
    {
      given = { finding = { code = "PG-26", service = "db" }, sql = { net = {} } },
      refuses = "the image of the database has no pg_net; use the release's image",
    },
    {
      given = { finding = { code = "PG-26", service = "db", evidence = { { source = "sql:pg_trigger", text = "on t, trigger x calls supabase_functions.http_request" } } } },
      refuses = "a trigger calls supabase_functions, which the database lacks too; apply webhooks.sql of your release as supabase_admin",
    },
    { given = { sql = { old = {} } }, refuses = "every extension of the database postgres has the version of the image" },
    { given = { gaps = { ["sql.old"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

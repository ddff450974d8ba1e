-- PostgREST is told to serve a schema that the database does not have, and older
-- releases then serve none. This takes it out of PGRST_DB_SCHEMAS.
return {
  title = "Serve only schemas that exist",
  fixes = { "REST-05" },
  risk = "low",
  needs = { "set_env", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long each service may take to be healthy" },
  },
  wants = { sql = { schemas = "select nspname from pg_namespace order by nspname" } },

  plan = function(t, params)
    local list = t.env.PGRST_DB_SCHEMAS
    if not t.sql.schemas then
      return nil, "the schemas of the database cannot be read: " .. (t.gaps["sql.schemas"] or "no answer")
    end
    if type(list) ~= "string" then
      return nil, "PGRST_DB_SCHEMAS is not set in .env; change it where it is set"
    end
    local exists, kept, dropped = { graphql_public = true }, {}, 0
    for _, row in ipairs(t.sql.schemas) do
      exists[row[1]] = true
    end
    for name in string.gmatch(list, "[^,%s]+") do
      if exists[name] then
        kept[#kept + 1] = name
      else
        dropped = dropped + 1
      end
    end
    if dropped == 0 then
      return nil, "every schema of PGRST_DB_SCHEMAS exists"
    end
    if #kept == 0 then
      return nil, "none of the schemas of PGRST_DB_SCHEMAS exists; a person must say what to serve"
    end
    local actions = { { op = "set_env", key = "PGRST_DB_SCHEMAS", value = table.concat(kept, ",") } }
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs({ "rest", "studio" }) do
        if t.services[name] and not t.services[name].missing then
          actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
        end
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        env = { PGRST_DB_SCHEMAS = "public,gone, graphql_public" },
        services = { rest = { state = "running" } },
        sql = { schemas = { { "auth" }, { "public" } } },
      },
      plan = { "set_env key=PGRST_DB_SCHEMAS value=public,graphql_public", "recreate rest", "wait_healthy rest timeout=60s" },
    },
    {
      given = { env = { PGRST_DB_SCHEMAS = "public" }, sql = { schemas = { { "public" } } } },
      refuses = "every schema of PGRST_DB_SCHEMAS exists",
    },
    {
      given = { env = { PGRST_DB_SCHEMAS = "a,b" }, sql = { schemas = { { "public" } } } },
      refuses = "none of the schemas of PGRST_DB_SCHEMAS exists; a person must say what to serve",
    },
    {
      given = { env = {}, gaps = { ["sql.schemas"] = "it is down" }, sql = {} },
      refuses = "the schemas of the database cannot be read: it is down",
    },
  },
}

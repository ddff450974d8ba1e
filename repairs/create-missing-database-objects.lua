-- The scripts that prepare the database run once, on an empty folder. What they
-- did not make then (a first start that was interrupted, or a release that came
-- later) no restart will ever make. This makes what is missing, and nothing else:
-- what is there stays as it is. Undone, an object that has been used since is put
-- aside under another name, not dropped.
local apiRoles = {
  { "anon", "create role anon nologin noinherit" },
  { "authenticated", "create role authenticated nologin noinherit" },
  { "service_role", "create role service_role nologin noinherit bypassrls" },
}

local loginRoles = {
  "authenticator", "pgbouncer", "supabase_auth_admin", "supabase_storage_admin", "supabase_functions_admin", "supabase_replication_admin",
}

-- The services that each kind of object is for.
local function set(rows)
  local names = {}
  for _, row in ipairs(rows) do
    names[row[1]] = row[2] or true
  end
  return names
end

local function runs(t, name)
  return t.services[name] and not t.services[name].missing
end

return {
  title = "Create what the database lacks",
  fixes = { "PG-03", "PG-04", "AUTH-02", "RT-10", "RT-12", "LOG-03", "POOL-09" },
  risk = "medium",
  needs = { "sql", "restart", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = {
    sql = {
      databases = "select datname, case when datallowconn then 'open' else 'closed' end from pg_database",
      schemas = "select nspname from pg_namespace",
      inner = { database = "_supabase", query = "select nspname from pg_namespace" },
      roles = "select rolname, case when rolcanlogin then 'login' else 'no' end from pg_roles",
      publications = "select pubname from pg_publication",
    },
  },

  plan = function(t, params)
    if not t.sql.schemas or not t.sql.roles or not t.sql.databases or not t.sql.publications then
      return nil, "the database cannot be read: " .. (t.gaps["sql.schemas"] or t.gaps["sql.roles"] or "no answer")
    end
    local databases, schemas, roles, publications = set(t.sql.databases), set(t.sql.schemas), set(t.sql.roles), set(t.sql.publications)
    local inner = set(t.sql.inner or {})
    local actions, again = {}, {}
    local function sql(statement, inverse, database)
      actions[#actions + 1] = { op = "sql", statement = statement, inverse = inverse, database = database }
    end

    for _, role in ipairs(apiRoles) do
      local name = role[1]
      if not roles[name] then
        sql(role[2], "drop role " .. name)
        if roles.authenticator then
          sql("grant " .. name .. " to authenticator", "revoke " .. name .. " from authenticator")
        end
        sql("grant usage on schema public to " .. name, "revoke usage on schema public from " .. name)
        again.rest = true
      end
    end
    for _, name in ipairs(loginRoles) do
      if roles[name] == "no" then
        sql("alter role " .. name .. " login", "alter role " .. name .. " nologin")
        again.rest, again.auth, again.storage, again.pooler = again.rest or name == "authenticator", again.auth or name == "supabase_auth_admin",
          again.storage or name == "supabase_storage_admin", again.pooler or name == "pgbouncer"
      end
    end
    if not schemas.auth and runs(t, "auth") and roles.supabase_auth_admin then
      sql("create schema auth authorization supabase_auth_admin", "drop schema auth")
      again.auth = true
    end
    if not schemas._realtime and runs(t, "realtime") then
      sql("create schema _realtime authorization supabase_admin", "drop schema _realtime")
      again.realtime = true
    end
    if not publications.supabase_realtime and runs(t, "realtime") then
      sql("create publication supabase_realtime", "drop publication supabase_realtime")
    end
    if runs(t, "pooler") or runs(t, "analytics") then
      if not databases._supabase then
        sql("create database _supabase with owner supabase_admin", "drop database _supabase")
        again.pooler, again.analytics = true, true
      end
      if databases._supabase == "closed" then
        sql("alter database _supabase allow_connections true", "alter database _supabase allow_connections false")
        again.pooler, again.analytics = true, true
      end
      for schema, service in pairs({ _supavisor = "pooler", _analytics = "analytics" }) do
        if runs(t, service) and not inner[schema] and (t.sql.inner or not databases._supabase) then
          sql("create schema " .. schema .. " authorization supabase_admin", "drop schema " .. schema, "_supabase")
          again[service] = true
        end
      end
    end
    if #actions == 0 then
      return nil, "the database has everything that this playbook can create"
    end
    for _, op in ipairs({ "restart", "wait_healthy" }) do
      for _, name in ipairs({ "auth", "rest", "realtime", "storage", "pooler", "analytics" }) do
        if again[name] and runs(t, name) then
          actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
        end
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = { auth = { state = "restarting" }, pooler = { state = "restarting" }, rest = { state = "running" } },
        sql = {
          databases = { { "postgres" } }, schemas = { { "public" } }, publications = { { "supabase_realtime" } },
          roles = { { "anon", "no" }, { "authenticated", "no" }, { "service_role", "no" }, { "authenticator", "no" }, { "supabase_auth_admin", "login" } },
        },
      },
      plan = {
        "sql inverse=alter role authenticator nologin statement=alter role authenticator login",
        "sql inverse=drop schema auth statement=create schema auth authorization supabase_auth_admin",
        "sql inverse=drop database _supabase statement=create database _supabase with owner supabase_admin",
        "sql database=_supabase inverse=drop schema _supavisor statement=create schema _supavisor authorization supabase_admin",
        "restart auth", "restart rest", "restart pooler", "wait_healthy auth timeout=120s", "wait_healthy rest timeout=120s", "wait_healthy pooler timeout=120s",
      },
    },
    {
      given = {
        services = { realtime = { state = "running" }, rest = { state = "running" } },
        sql = {
          databases = { { "postgres" } }, schemas = { { "_realtime" } }, publications = {},
          roles = { { "authenticated", "no" }, { "service_role", "no" }, { "authenticator", "login" } },
        },
      },
      plan = {
        "sql inverse=drop role anon statement=create role anon nologin noinherit",
        "sql inverse=revoke anon from authenticator statement=grant anon to authenticator",
        "sql inverse=revoke usage on schema public from anon statement=grant usage on schema public to anon",
        "sql inverse=drop publication supabase_realtime statement=create publication supabase_realtime",
        "restart rest", "wait_healthy rest timeout=120s",
      },
    },
    {
      given = {
        services = { pooler = { state = "running" } },
        sql = {
          databases = { { "_supabase", "closed" } }, schemas = {}, publications = {},
          roles = { { "anon", "no" }, { "authenticated", "no" }, { "service_role", "no" } },
        },
      },
      plan = {
        "sql inverse=alter database _supabase allow_connections false statement=alter database _supabase allow_connections true",
        "restart pooler", "wait_healthy pooler",
      },
    },
    {
      given = {
        services = { rest = { state = "running" } },
        sql = {
          databases = {}, schemas = {}, publications = {},
          roles = { { "anon", "no" }, { "authenticated", "no" }, { "service_role", "no" }, { "authenticator", "login" } },
        },
      },
      refuses = "the database has everything that this playbook can create",
    },
    { given = { gaps = { ["sql.schemas"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

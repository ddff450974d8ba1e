-- Someone changed POSTGRES_PASSWORD, but it is only used when the database is
-- born: the roles keep the old one, and every service is turned away. This
-- gives the roles the password that .env and the containers already have.
-- Nothing but passwords changes; it is never needed to remove the data.
local roles = {
  "authenticator", "pgbouncer", "postgres", "supabase_admin", "supabase_auth_admin",
  "supabase_storage_admin", "supabase_functions_admin", "supabase_replication_admin",
}

-- The services that log in to the database, those that others wait for first.
local clients = { "analytics", "meta", "auth", "rest", "realtime", "storage", "pooler" }

-- The variables by which containers get the password, alone or within a URL.
local alone = { "POSTGRES_PASSWORD", "PG_META_DB_PASSWORD", "DB_PASSWORD" }
local within = {
  POSTGRES_PASSWORD = true, PG_META_DB_PASSWORD = true, DB_PASSWORD = true, GOTRUE_DB_DATABASE_URL = true,
  PGRST_DB_URI = true, DATABASE_URL = true, POSTGRES_BACKEND_URL = true,
}

-- differs returns the name of a service whose container has another password
-- than .env.
local function differs(t, password)
  for _, name in ipairs(sorted_keys(t.services)) do
    local s = t.services[name]
    for _, key in ipairs(alone) do
      local has = s.role ~= "" and s.env and s.env[key]
      if has and has.fingerprint ~= password.fingerprint then
        return name
      end
    end
    for _, key in ipairs(s.stale or {}) do
      if within[key] then
        return name
      end
    end
  end
end

return {
  title = "Give the database roles the password in .env",
  fixes = { "PG-01", "AUTH-01", "META-03", "LOG-02", "REST-01" },
  risk = "medium",
  needs = { "set_role_password", "restart", "wait_healthy" },
  params = {
    anyway = { type = "bool", default = "false", help = "also when no login was seen to be refused" },
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { sql = { roles = "select rolname from pg_roles where rolcanlogin order by rolname" } },

  plan = function(t, params)
    local db, password = t.services.db, t.env.POSTGRES_PASSWORD
    if not db or db.state ~= "running" then
      return nil, "the database is " .. (db and db.state or "missing") .. "; start it first"
    end
    if not password or password.fingerprint == "empty" then
      return nil, "POSTGRES_PASSWORD is not set in .env; put a password there first"
    end
    local other = differs(t, password)
    if other then
      return nil, other .. " runs with another database password than .env (DK-07); recreate it first"
    end
    if not t.sql.roles then
      return nil, "the roles of the database cannot be read: " .. (t.gaps["sql.roles"] or "no answer")
    end

    local exists, actions = {}, {}
    for _, row in ipairs(t.sql.roles) do
      exists[row[1]] = true
    end
    for _, role in ipairs(roles) do
      if exists[role] then
        actions[#actions + 1] = { op = "set_role_password", role = role, password = password }
      end
    end
    if #actions == 0 then
      return nil, "the database has none of Supabase's roles; its first start did not finish (PG-03)"
    end

    if not t.finding and not params.anyway then
      return nil, "no login was seen to be refused, so nothing is to be done; to set the passwords all the same, give --param anyway=true"
    end

    -- All of them: connections that were refused are not tried again for long,
    -- and those still open would only hide that the next one fails.
    for _, op in ipairs({ "restart", "wait_healthy" }) do
      for _, name in ipairs(clients) do
        local s = t.services[name]
        if s and not s.missing then
          actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
        end
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "PG-01", service = "db" },
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = {
          db = { state = "running", env = { POSTGRES_PASSWORD = { secret = "svc:db:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } } },
          auth = { state = "restarting" },
          meta = { state = "running" },
          vector = { state = "running" },
        },
        sql = { roles = { { "authenticator" }, { "postgres" }, { "someone_else" }, { "supabase_auth_admin" } } },
      },
      plan = {
        "set_role_password password=env:POSTGRES_PASSWORD role=authenticator",
        "set_role_password role=postgres",
        "set_role_password role=supabase_auth_admin",
        "restart meta", "restart auth", "wait_healthy meta", "wait_healthy auth timeout=120s",
      },
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = { db = { state = "running" }, auth = { state = "running" } },
        sql = { roles = { { "authenticator" } } },
      },
      refuses = "no login was seen to be refused, so nothing is to be done; to set the passwords all the same, give --param anyway=true",
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = { db = { state = "running" }, auth = { state = "running" } },
        sql = { roles = { { "authenticator" } } },
      },
      params = { anyway = "true" },
      plan = { "set_role_password password=env:POSTGRES_PASSWORD role=authenticator", "restart auth", "wait_healthy auth timeout=120s" },
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = {
          db = { state = "running", env = { POSTGRES_PASSWORD = { secret = "svc:db:POSTGRES_PASSWORD", fingerprint = "99887766" } } },
        },
      },
      refuses = "db runs with another database password than .env (DK-07); recreate it first",
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = { db = { state = "running" }, auth = { state = "running", stale = { "GOTRUE_DB_DATABASE_URL" } } },
      },
      refuses = "auth runs with another database password than .env (DK-07); recreate it first",
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "empty" } },
        services = { db = { state = "running" } },
      },
      refuses = "POSTGRES_PASSWORD is not set in .env; put a password there first",
    },
    {
      given = { services = { db = { state = "exited" } } },
      refuses = "the database is exited; start it first",
    },
    {
      given = {
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } },
        services = { db = { state = "running" } },
        gaps = { ["sql.roles"] = "the database does not answer" },
        sql = {},
      },
      refuses = "the roles of the database cannot be read: the database does not answer",
    },
  },
}

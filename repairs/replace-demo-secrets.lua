-- A secret of this stack is one that upstream publishes as an example, so anybody
-- who reaches the stack can use it; or it holds characters that .env or a
-- connection string takes for something else. This makes a new one, tells the
-- database where it is a password there, and makes every container anew that holds
-- the old one.
local roles = {
  "authenticator", "pgbouncer", "postgres", "supabase_admin", "supabase_auth_admin",
  "supabase_storage_admin", "supabase_functions_admin", "supabase_replication_admin",
}

-- The services that present the database's password, alone or within a URL.
local clients = { "db", "analytics", "meta", "auth", "rest", "realtime", "storage", "pooler", "functions", "studio" }

-- What data was encrypted with: a new one needs more than itself.
local withCare = { VAULT_ENC_KEY = "apply fix-pooler-tenant with --param new_key=true first" }

-- What this stack alone knows. Any other secret was given by somebody else, as the
-- password of a mail server is, and cannot be made anew here.
local own = {
  POSTGRES_PASSWORD = true, JWT_SECRET = true, DASHBOARD_PASSWORD = true, SECRET_KEY_BASE = true, PG_META_CRYPTO_KEY = true,
  LOGFLARE_PUBLIC_ACCESS_TOKEN = true, LOGFLARE_PRIVATE_ACCESS_TOKEN = true, MINIO_ROOT_PASSWORD = true,
  S3_PROTOCOL_ACCESS_KEY_ID = true, S3_PROTOCOL_ACCESS_KEY_SECRET = true, VAULT_ENC_KEY = true,
}

-- eaten lists the secrets of which Compose leaves a part only.
local function eaten(t)
  local keys = {}
  for _, e in ipairs(t.finding.evidence or {}) do
    local key = string.match(e.text, "^([%w_]+) holds a dollar sign ")
    if key and not own[key] then
      return nil, key .. " was given by somebody else; put its value in single quotes in .env, and recreate who uses it"
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function published(t)
  local keys, seen = {}, {}
  for _, e in ipairs(t.finding.evidence or {}) do
    local key = string.match(e.text, "^([A-Z][A-Z0-9_]*) is the published ")
    if not key or not string.match(e.source, "^file:%.env") then
      return nil, "a published secret stands outside of .env (" .. e.source .. "); put it there first"
    end
    if not seen[key] then
      seen[key] = true
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  return keys
end

return {
  title = "Replace secrets that are published or cannot be used",
  fixes = { "SEC-01", "PG-02", "DK-06" },
  risk = "medium",
  needs = { "generate_secret", "mint_keys", "set_role_password", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { sql = { roles = "select rolname from pg_roles where rolcanlogin order by rolname" } },

  plan = function(t, params)
    if not t.finding then
      return nil, "there is no finding to tell which secret it is; start it with --finding SEC-01"
    end
    local keys, why
    if t.finding.code == "PG-02" then
      keys = { "POSTGRES_PASSWORD" }
    elseif t.finding.code == "DK-06" then
      keys, why = eaten(t)
    else
      keys, why = published(t)
    end
    if not keys then
      return nil, why
    end
    local actions, old, again, password = {}, {}, {}, false
    for _, key in ipairs(keys) do
      if withCare[key] then
        return nil, key .. " encrypts what the pooler has stored; " .. withCare[key]
      end
      if type(t.env[key]) ~= "table" then
        return nil, key .. " is no secret that can be made at random; change it in .env"
      end
      actions[#actions + 1] = { op = "generate_secret", key = key }
      old[t.env[key].fingerprint] = true
      if key == "JWT_SECRET" then
        actions[#actions + 1] = { op = "mint_keys" }
        for _, name in ipairs({ "ANON_KEY", "SERVICE_ROLE_KEY" }) do
          if type(t.env[name]) == "table" then
            old[t.env[name].fingerprint] = true
          end
        end
        again.gateway, again.rest, again.realtime = true, true, true
      elseif key == "POSTGRES_PASSWORD" then
        if not t.sql.roles then
          return nil, "the roles of the database cannot be read: " .. (t.gaps["sql.roles"] or "no answer")
        end
        password = true
        for _, name in ipairs(clients) do
          again[name] = true
        end
      end
    end
    if password then
      local exists = {}
      for _, row in ipairs(t.sql.roles) do
        exists[row[1]] = true
      end
      for _, role in ipairs(roles) do
        if exists[role] then
          actions[#actions + 1] = { op = "set_role_password", role = role, password = t.env.POSTGRES_PASSWORD }
        end
      end
    end

    local names = {}
    for name, s in pairs(t.services) do
      local hit = again[name]
      for _, v in pairs(s.env or {}) do
        hit = hit or type(v) == "table" and v.fingerprint ~= "empty" and old[v.fingerprint]
      end
      if hit and not s.missing then
        names[#names + 1] = name
      end
    end
    table.sort(names, function(a, b)
      if a == "db" or b == "db" then
        return a == "db" and b ~= "db"
      end
      return a < b
    end)
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs(names) do
        actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "SEC-01", service = "host", evidence = {
          { source = "file:.env:3", text = "JWT_SECRET is the published JWT secret" },
          { source = "file:.env:2", text = "POSTGRES_PASSWORD is the published database password" },
        } },
        env = {
          JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "aaaaaaaa" },
          POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "bbbbbbbb" },
        },
        services = {
          auth = { state = "running" }, db = { state = "running" }, vector = { state = "running" },
          custom = { state = "running", env = { TOKEN_SECRET = { secret = "svc:custom:TOKEN_SECRET", fingerprint = "aaaaaaaa" } } },
        },
        sql = { roles = { { "authenticator" }, { "somebody" } } },
      },
      plan = {
        "generate_secret key=JWT_SECRET", "mint_keys", "generate_secret key=POSTGRES_PASSWORD",
        "set_role_password password=env:POSTGRES_PASSWORD role=authenticator",
        "recreate db", "recreate auth", "recreate custom",
        "wait_healthy db timeout=120s", "wait_healthy auth timeout=120s", "wait_healthy custom timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "PG-02", service = "db", evidence = { { source = "file:.env:2", text = "POSTGRES_PASSWORD holds a character of @/?#" } } },
        env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "bbbbbbbb" } },
        services = { db = { state = "running" }, rest = { state = "restarting" } },
        sql = { roles = { { "authenticator" } } },
      },
      plan = {
        "generate_secret key=POSTGRES_PASSWORD", "set_role_password password=env:POSTGRES_PASSWORD role=authenticator",
        "recreate db", "recreate rest", "wait_healthy db", "wait_healthy rest",
      },
    },
    {
      given = {
        finding = { code = "DK-06", service = "host", evidence = { { source = "file:.env:9", text = "SMTP_PASS holds a dollar sign that Compose takes for a variable" } } },
      },
      refuses = "SMTP_PASS was given by somebody else; put its value in single quotes in .env, and recreate who uses it",
    },
    {
      given = {
        finding = { code = "SEC-01", service = "host", evidence = { { source = "env:realtime", text = "DB_ENC_KEY is the published encryption key of realtime" } } },
      },
      refuses = "a published secret stands outside of .env (env:realtime); put it there first",
    },
    {
      given = {
        finding = { code = "SEC-01", service = "host", evidence = { { source = "file:.env:9", text = "VAULT_ENC_KEY is the published encryption key" } } },
      },
      refuses = "VAULT_ENC_KEY encrypts what the pooler has stored; apply fix-pooler-tenant with --param new_key=true first",
    },
    { given = {}, refuses = "there is no finding to tell which secret it is; start it with --finding SEC-01" },
  },
}

-- A secret of this stack is one that upstream publishes as an example, so anybody
-- who reaches the stack can use it, or holds characters that a connection string
-- takes for something else. This makes a new one, tells the database where it is a
-- password there, and makes every container anew that holds the old one. A secret
-- of which Compose reads a part only is not made anew: it is put in quotes.
local roles = {
  "authenticator", "pgbouncer", "postgres", "supabase_admin", "supabase_auth_admin",
  "supabase_storage_admin", "supabase_functions_admin", "supabase_replication_admin",
}

-- The services that present the database's password, alone or within a URL.
local clients = { "db", "analytics", "meta", "auth", "rest", "realtime", "storage", "pooler", "functions", "studio" }

-- What data was encrypted with: a new one needs more than itself.
local withCare = { VAULT_ENC_KEY = "apply fix-pooler-tenant with --param new_key=true first" }

-- eaten maps the secrets of which Compose leaves a part only to what they are to
-- be: what is written, or what is left where the API keys are signed with that.
local function eaten(t)
  local details, values = t.finding.details or {}, {}
  local braced, weak = string.match(details.braced or "", "^[%w_]+"), details.weak
  if braced then
    return nil, braced .. " refers to a variable that nothing sets; set that, or put the value itself in single quotes"
  elseif weak then
    return nil, "the API keys are signed with what is left of " .. weak .. ", which is too short; rotate jwt-secret"
  end
  for key in string.gmatch(details.quote or "", "[%w_]+") do
    values[key] = t.env[key] and t.env[key].written
  end
  for key in string.gmatch(details.keep or "", "[%w_]+") do
    values[key] = t.env[key]
  end
  return sorted_keys(values), nil, values
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
  needs = { "generate_secret", "set_env", "mint_keys", "set_role_password", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { sql = { roles = "select rolname from pg_roles where rolcanlogin order by rolname" } },

  plan = function(t, params)
    if not t.finding then
      return nil, "there is no finding to tell which secret it is; start it with --finding SEC-01"
    end
    local keys, why, values
    if t.finding.code == "PG-02" then
      keys = { "POSTGRES_PASSWORD" }
    elseif t.finding.code == "DK-06" then
      keys, why, values = eaten(t)
    else
      keys, why = published(t)
    end
    if not keys then
      return nil, why
    end
    local actions, old, blank, again, password = {}, {}, {}, {}, false
    for _, key in ipairs(keys) do
      if withCare[key] then
        return nil, key .. " encrypts what the pooler has stored; " .. withCare[key]
      end
      if type(t.env[key]) ~= "table" then
        return nil, key .. " is no secret that can be made at random; change it in .env"
      end
      local kept = values and values[key].fingerprint == t.env[key].fingerprint
      if values then
        actions[#actions + 1] = { op = "set_env", key = key, value = values[key], why = kept and "the API keys are signed with it" or "this is what was meant" }
      else
        actions[#actions + 1] = { op = "generate_secret", key = key }
      end
      if t.env[key].fingerprint == "empty" then
        blank[#blank + 1] = key -- then only the name of a setting tells who uses it
      elseif not kept then
        old[t.env[key].fingerprint] = true
      end
      if key == "JWT_SECRET" and not values then
        actions[#actions + 1] = { op = "mint_keys" }
        for _, name in ipairs({ "ANON_KEY", "SERVICE_ROLE_KEY" }) do
          if type(t.env[name]) == "table" then
            old[t.env[name].fingerprint] = true
          end
        end
      end
      if key == "JWT_SECRET" and not kept then
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
      for setting, v in pairs(s.env or {}) do
        hit = hit or type(v) == "table" and v.fingerprint ~= "empty" and old[v.fingerprint]
        for _, key in ipairs(blank) do
          hit = hit or string.sub(setting, -#key) == key
        end
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
        finding = { code = "DK-06", service = "host", details = { quote = "SMTP_PASS,POSTGRES_PASSWORD" } },
        env = {
          POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "bbbbbbbb", written = { secret = "written:POSTGRES_PASSWORD", fingerprint = "bbbbbbb1" } },
          SMTP_PASS = { secret = "env:SMTP_PASS", fingerprint = "empty", written = { secret = "written:SMTP_PASS", fingerprint = "ccccccc1" } },
        },
        services = {
          auth = { state = "running", env = { GOTRUE_SMTP_PASS = { secret = "svc:auth:GOTRUE_SMTP_PASS", fingerprint = "empty" } } },
          db = { state = "running" }, imgproxy = { state = "running", env = { A_TOKEN = { secret = "svc:imgproxy:A_TOKEN", fingerprint = "empty" } } },
        },
        sql = { roles = { { "authenticator" } } },
      },
      plan = {
        "set_env key=POSTGRES_PASSWORD value=written:POSTGRES_PASSWORD", "set_env key=SMTP_PASS value=written:SMTP_PASS",
        "set_role_password password=env:POSTGRES_PASSWORD role=authenticator",
        "recreate db", "recreate auth", "wait_healthy db", "wait_healthy auth",
      },
    },
    {
      given = {
        finding = { code = "DK-06", service = "host", details = { quote = "JWT_SECRET,S3_PROTOCOL_ACCESS_KEY_SECRET" } },
        env = {
          JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "aaaaaaaa", written = { secret = "written:JWT_SECRET", fingerprint = "aaaaaaa1" } },
          S3_PROTOCOL_ACCESS_KEY_SECRET = { secret = "env:S3_PROTOCOL_ACCESS_KEY_SECRET", fingerprint = "bbbbbbbb", written = { secret = "written:S3_PROTOCOL_ACCESS_KEY_SECRET", fingerprint = "bbbbbbb1" } },
        },
        services = {
          rest = { state = "running" }, meta = { state = "running" },
          storage = { state = "running", env = { S3_PROTOCOL_ACCESS_KEY_SECRET = { secret = "svc:storage:S3_PROTOCOL_ACCESS_KEY_SECRET", fingerprint = "bbbbbbbb" } } },
        },
      },
      plan = {
        "set_env key=JWT_SECRET value=written:JWT_SECRET", "set_env key=S3_PROTOCOL_ACCESS_KEY_SECRET value=written:S3_PROTOCOL_ACCESS_KEY_SECRET",
        "recreate rest", "recreate storage", "wait_healthy rest", "wait_healthy storage",
      },
    },
    {
      given = {
        finding = { code = "DK-06", service = "host", details = { keep = "JWT_SECRET" } },
        env = { JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "aaaaaaaa", written = { secret = "written:JWT_SECRET", fingerprint = "aaaaaaa1" } } },
        services = { auth = { state = "running" }, rest = { state = "running" } },
      },
      plan = { "set_env key=JWT_SECRET value=env:JWT_SECRET" },
    },
    {
      given = { finding = { code = "DK-06", service = "host", details = { weak = "JWT_SECRET" } } },
      refuses = "the API keys are signed with what is left of JWT_SECRET, which is too short; rotate jwt-secret",
    },
    {
      given = { finding = { code = "DK-06", service = "host", details = { braced = "SMTP_PASS,A_TOKEN" } } },
      refuses = "SMTP_PASS refers to a variable that nothing sets; set that, or put the value itself in single quotes",
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

-- A variable that nothing sets becomes blank, and the service that needs it does
-- not start or rejects everybody. This puts it back into .env: a secret from a
-- container that still holds it, a setting from the release's own .env, and a
-- new secret only where no data depends on the old one.

-- Where running containers hold what .env lacks: service and variable.
local held = {
  JWT_SECRET = {
    { "storage", "AUTH_JWT_SECRET" }, { "realtime", "API_JWT_SECRET" }, { "functions", "JWT_SECRET" },
    { "auth", "GOTRUE_JWT_SECRET" }, { "pooler", "API_JWT_SECRET" }, { "studio", "AUTH_JWT_SECRET" },
  },
  POSTGRES_PASSWORD = {
    { "db", "POSTGRES_PASSWORD" }, { "meta", "PG_META_DB_PASSWORD" }, { "realtime", "DB_PASSWORD" },
    { "pooler", "POSTGRES_PASSWORD" }, { "studio", "POSTGRES_PASSWORD" },
  },
  ANON_KEY = {
    { "gateway", "SUPABASE_ANON_KEY" }, { "gateway", "ANON_KEY" }, { "storage", "ANON_KEY" },
    { "functions", "SUPABASE_ANON_KEY" }, { "studio", "SUPABASE_ANON_KEY" },
  },
  SERVICE_ROLE_KEY = {
    { "gateway", "SUPABASE_SERVICE_KEY" }, { "gateway", "SERVICE_ROLE_KEY" }, { "storage", "SERVICE_KEY" },
    { "functions", "SUPABASE_SERVICE_ROLE_KEY" }, { "studio", "SUPABASE_SERVICE_KEY" },
  },
  SECRET_KEY_BASE = { { "realtime", "SECRET_KEY_BASE" }, { "pooler", "SECRET_KEY_BASE" } },
  VAULT_ENC_KEY = { { "pooler", "VAULT_ENC_KEY" } },
  REALTIME_DB_ENC_KEY = { { "realtime", "DB_ENC_KEY" } },
  PG_META_CRYPTO_KEY = { { "studio", "PG_META_CRYPTO_KEY" }, { "meta", "CRYPTO_KEY" } },
  DASHBOARD_PASSWORD = { { "gateway", "DASHBOARD_PASSWORD" } },
  S3_PROTOCOL_ACCESS_KEY_ID = { { "storage", "S3_PROTOCOL_ACCESS_KEY_ID" } },
  S3_PROTOCOL_ACCESS_KEY_SECRET = { { "storage", "S3_PROTOCOL_ACCESS_KEY_SECRET" } },
  LOGFLARE_PUBLIC_ACCESS_TOKEN = { { "analytics", "LOGFLARE_PUBLIC_ACCESS_TOKEN" }, { "vector", "LOGFLARE_PUBLIC_ACCESS_TOKEN" } },
  LOGFLARE_PRIVATE_ACCESS_TOKEN = { { "analytics", "LOGFLARE_PRIVATE_ACCESS_TOKEN" } },
}

-- What may be made anew when nobody holds it: length and encoding.
local made = {
  SECRET_KEY_BASE = { 64, "base64" },
  REALTIME_DB_ENC_KEY = { 16, "hex" },
  PG_META_CRYPTO_KEY = { 32, "alphanumeric" },
  DASHBOARD_PASSWORD = { 32, "hex" },
  S3_PROTOCOL_ACCESS_KEY_ID = { 32, "hex" },
  S3_PROTOCOL_ACCESS_KEY_SECRET = { 64, "hex" },
  LOGFLARE_PUBLIC_ACCESS_TOKEN = { 32, "alphanumeric" },
  LOGFLARE_PRIVATE_ACCESS_TOKEN = { 32, "alphanumeric" },
}

local function blank(v)
  return v == nil or v == "" or type(v) == "table" and v.fingerprint == "empty"
end

-- holder returns the secret that the containers hold, or why there is none.
local function holder(t, key)
  local found
  for _, at in ipairs(held[key] or {}) do
    local s = t.services[at[1]]
    local v = s and s.env and s.env[at[2]]
    if not blank(v) and type(v) == "table" then
      if found and found.fingerprint ~= v.fingerprint then
        return nil, "the containers hold different values of " .. key
      end
      found = found or v
    end
  end
  return found
end

-- lacking lists what .env does not set and the compose files use.
local function lacking(t)
  local keys, seen = {}, {}
  local function add(key)
    if not seen[key] then
      seen[key] = true
      keys[#keys + 1] = key
    end
  end
  for _, key in ipairs(t.compose.unset or {}) do
    add(key)
  end
  for key, v in pairs(t.env) do
    if blank(v) and (held[key] and t.finding and t.finding.code == "DK-05" and holder(t, key) or made[key] and key == "SECRET_KEY_BASE") then
      add(key)
    end
  end
  table.sort(keys)
  return keys
end

return {
  title = "Put back what .env lacks",
  fixes = { "DK-05", "UPG-07" },
  risk = "medium",
  needs = { "set_env", "generate_secret", "up", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { release = { ".env" } },

  plan = function(t, params)
    local actions, again, everywhere = {}, {}, false
    local keys = lacking(t)
    for _, key in ipairs(keys) do
      local secret, why = holder(t, key)
      if why then
        return nil, why .. "; set it in .env by hand"
      end
      if secret then
        actions[#actions + 1] = { op = "set_env", key = key, value = secret, why = "a container still holds it" }
      elseif made[key] then
        actions[#actions + 1] = { op = "generate_secret", key = key, length = made[key][1], encoding = made[key][2], why = "nothing holds it" }
      elseif t.release.env[key] and not held[key] then
        actions[#actions + 1] = { op = "set_env", key = key, value = t.release.env[key], why = "as in release " .. t.release.name }
        everywhere = true -- the compose files know who reads it
      else
        return nil, "nothing tells what " .. key .. " was; set it in .env"
      end
      for _, at in ipairs(held[key] or {}) do
        local s = t.services[at[1]]
        if s and not s.missing and (made[key] and not secret or blank(s.env and s.env[at[2]])) then
          again[at[1]] = true
        end
      end
    end
    if #actions == 0 then
      return nil, ".env sets everything that the compose files use"
    end

    -- A service that a blank one was rendered into, whichever variable it is.
    local details = t.finding and t.finding.details or {}
    if next(again) == nil then
      for name in string.gmatch(details.services or "", "[^,%s]+") do
        if t.services[name] and not t.services[name].missing then
          again[name] = true
        end
      end
    end
    local names = sorted_keys(again)
    if everywhere then
      actions[#actions + 1] = { op = "up", timeout = params.timeout, why = "whoever was made with a blank" }
    end
    for _, name in ipairs(everywhere and {} or names) do
      actions[#actions + 1] = { op = "recreate", service = name, why = name .. " was made with a blank" }
    end
    for _, name in ipairs(names) do
      actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "DK-05", service = "auth", details = { services = "auth, storage" } },
        compose = { unset = { "JWT_SECRET" } },
        services = {
          auth = { state = "restarting", env = { GOTRUE_JWT_SECRET = { secret = "svc:auth:GOTRUE_JWT_SECRET", fingerprint = "empty" } } },
          storage = { state = "running", env = { AUTH_JWT_SECRET = { secret = "svc:storage:AUTH_JWT_SECRET", fingerprint = "ab12cd34" } } },
        },
        release = { env = {} },
      },
      plan = { "set_env key=JWT_SECRET value=svc:storage:AUTH_JWT_SECRET", "recreate auth", "wait_healthy auth" },
    },
    {
      given = {
        finding = { code = "UPG-07", service = "host" },
        compose = { unset = { "IMGPROXY_AUTO_WEBP", "PG_META_CRYPTO_KEY" } },
        services = { imgproxy = { state = "running" }, meta = { state = "running" } },
        release = { name = "0.8.1", env = { IMGPROXY_AUTO_WEBP = "true" } },
      },
      plan = {
        "set_env key=IMGPROXY_AUTO_WEBP value=true", "generate_secret encoding=alphanumeric key=PG_META_CRYPTO_KEY length=32",
        "up timeout=120s", "wait_healthy meta",
      },
    },
    {
      given = { compose = { unset = { "POSTGRES_PASSWORD" } }, services = { db = { state = "running" } }, release = { env = {} } },
      refuses = "nothing tells what POSTGRES_PASSWORD was; set it in .env",
    },
    {
      given = {
        compose = { unset = { "JWT_SECRET" } },
        services = {
          auth = { state = "running", env = { GOTRUE_JWT_SECRET = { secret = "svc:auth:GOTRUE_JWT_SECRET", fingerprint = "11111111" } } },
          storage = { state = "running", env = { AUTH_JWT_SECRET = { secret = "svc:storage:AUTH_JWT_SECRET", fingerprint = "ab12cd34" } } },
        },
        release = { env = {} },
      },
      refuses = "the containers hold different values of JWT_SECRET; set it in .env by hand",
    },
    {
      given = { compose = { unset = {} }, services = { db = { state = "running" } } },
      refuses = ".env sets everything that the compose files use",
    },
  },
}

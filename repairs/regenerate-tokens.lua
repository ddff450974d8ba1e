-- The API keys are not signed with the secret that the services verify with, or
-- they have ended. This signs both anew with the secret in .env. The secret stays,
-- so sessions stay too; clients need the new keys.
local function blank(v)
  return type(v) ~= "table" or v.fingerprint == "empty"
end

-- holders lists the services that hold the JWT secret, an API key, or another
-- secret where the JWT secret belongs.
local verifiers = {
  auth = "GOTRUE_JWT_SECRET", storage = "AUTH_JWT_SECRET", realtime = "API_JWT_SECRET", functions = "JWT_SECRET", pooler = "API_JWT_SECRET",
}

local function holders(t, secret)
  local names, keys = {}, {}
  for _, key in ipairs({ "ANON_KEY", "SERVICE_ROLE_KEY" }) do
    if not blank(t.env[key]) then
      keys[t.env[key].fingerprint] = true
    end
  end
  for name, s in pairs(t.services) do
    local own = verifiers[name] and s.env and s.env[verifiers[name]]
    local hit = type(own) == "table" and own.fingerprint ~= secret.fingerprint
    for key, v in pairs(s.env or {}) do
      hit = hit or type(v) == "table" and (keys[v.fingerprint] or string.match(key, "ANON_KEY$") or string.match(key, "SERVICE_KEY$") or string.match(key, "SERVICE_ROLE_KEY$"))
    end
    -- Its health check sends the anon key.
    if (hit or name == "realtime") and not s.missing and s.role ~= "" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

return {
  title = "Sign the API keys anew",
  fixes = { "REST-02", "REST-03", "SEC-03", "RT-06" },
  risk = "medium",
  needs = { "mint_keys", "recreate", "wait_healthy" },
  params = {
    years = { type = "int", default = "5", help = "how long the keys are good for" },
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local secret = t.env.JWT_SECRET
    if blank(secret) then
      return nil, "JWT_SECRET is not set in .env; apply fix-config first"
    end
    local actions = { { op = "mint_keys", years = params.years, why = "both keys, with the JWT_SECRET of .env" } }
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs(holders(t, secret)) do
        actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        env = {
          JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "aaaaaaaa" }, ANON_KEY = { secret = "env:ANON_KEY", fingerprint = "bbbbbbbb" },
        },
        services = {
          gateway = { role = "gateway", state = "running", env = { SUPABASE_ANON_KEY = { secret = "svc:gateway:SUPABASE_ANON_KEY", fingerprint = "bbbbbbbb" } } },
          auth = { role = "auth", state = "running", env = { GOTRUE_JWT_SECRET = { secret = "svc:auth:GOTRUE_JWT_SECRET", fingerprint = "aaaaaaaa" } } },
          storage = { role = "storage", state = "running", env = { AUTH_JWT_SECRET = { secret = "svc:storage:AUTH_JWT_SECRET", fingerprint = "cccccccc" } } },
          db = { role = "db", state = "running", env = {} },
        },
      },
      plan = { "mint_keys years=5", "recreate gateway", "recreate storage", "wait_healthy gateway", "wait_healthy storage" },
    },
    {
      given = { env = { JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "empty" } } },
      refuses = "JWT_SECRET is not set in .env; apply fix-config first",
    },
  },
}

-- The JWT secret is known to others: it is upstream's example, another stack has
-- it too, or the service key was handed to browsers. Whoever knows it can sign a
-- key of any role. This makes a new secret and signs both keys with it. Sessions
-- end: users log in again, and clients need the new keys.
local function blank(v)
  return type(v) ~= "table" or v.fingerprint == "empty"
end

local verifiers = {
  auth = "GOTRUE_JWT_SECRET", storage = "AUTH_JWT_SECRET", realtime = "API_JWT_SECRET", functions = "JWT_SECRET",
  pooler = "API_JWT_SECRET", rest = "PGRST_JWT_SECRET", studio = "AUTH_JWT_SECRET",
}

-- holders lists the services that hold the secret or one of the keys, the
-- database first since the others look for it as they start.
local function holders(t)
  local names, known = {}, {}
  for _, key in ipairs({ "JWT_SECRET", "ANON_KEY", "SERVICE_ROLE_KEY", "JWT_JWKS", "JWT_KEYS" }) do
    if not blank(t.env[key]) then
      known[t.env[key].fingerprint] = true
    end
  end
  for name, s in pairs(t.services) do
    local hit = verifiers[name] ~= nil or name == "gateway"
    for _, v in pairs(s.env or {}) do
      hit = hit or type(v) == "table" and known[v.fingerprint]
    end
    if hit and not s.missing and s.role ~= "" then
      names[#names + 1] = name
    end
  end
  table.sort(names, function(a, b)
    if a == "db" or b == "db" then
      return a == "db" and b ~= "db"
    end
    return a < b
  end)
  return names
end

return {
  title = "Make a new JWT secret and new API keys",
  fixes = { "SEC-02", "SEC-16", "SEC-19" },
  risk = "medium",
  needs = { "generate_secret", "mint_keys", "recreate", "wait_healthy", "note" },
  params = {
    years = { type = "int", default = "5", help = "how long the keys are good for" },
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    if t.env.JWT_SECRET == nil then
      return nil, "JWT_SECRET is not set in .env, which is where a new one would go"
    end
    local actions = {
      { op = "generate_secret", key = "JWT_SECRET" },
      { op = "mint_keys", years = params.years },
      { op = "note", text = "sessions end: users log in again; give clients the new ANON_KEY" },
    }
    for _, name in ipairs(holders(t)) do
      actions[#actions + 1] = { op = "recreate", service = name }
      if name == "db" then
        actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
      end
    end
    for _, name in ipairs(holders(t)) do
      actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        env = { JWT_SECRET = { secret = "env:JWT_SECRET", fingerprint = "aaaaaaaa" } },
        services = {
          auth = { role = "auth", state = "running" }, meta = { role = "meta", state = "running" },
          db = { role = "db", state = "running", env = { JWT_SECRET = { secret = "svc:db:JWT_SECRET", fingerprint = "aaaaaaaa" } } },
        },
      },
      plan = {
        "generate_secret key=JWT_SECRET", "mint_keys years=5",
        "note text=sessions end: users log in again; give clients the new ANON_KEY",
        "recreate db", "wait_healthy db", "recreate auth", "wait_healthy db", "wait_healthy auth",
      },
    },
    { given = { env = {} }, refuses = "JWT_SECRET is not set in .env, which is where a new one would go" },
  },
}

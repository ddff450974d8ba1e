-- The gateway translates the new sb_ keys only when all four of its variables are
-- set. This completes them: an sb_ key that is missing is drawn, and what the
-- gateway shows the services in its place is the API key that they accept today.
-- Keys that are there stay.
local keys = {
  { "SUPABASE_PUBLISHABLE_KEY" }, { "SUPABASE_SECRET_KEY" },
  { "ANON_KEY_ASYMMETRIC", "ANON_KEY" }, { "SERVICE_ROLE_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY" },
}

-- The services that are given such keys; the gateway last, it waits for Studio.
local readers = { "studio", "functions", "gateway" }

local function blank(v)
  return v == nil or v == "" or type(v) == "table" and v.fingerprint == "empty"
end

return {
  title = "Complete the new API keys",
  fixes = { "GW-10" },
  risk = "medium",
  needs = { "generate_secret", "set_env", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local gateway = t.services.gateway
    if not gateway or gateway.missing then
      return nil, "there is no container of the gateway"
    end
    local actions, unset = {}, 0
    for _, k in ipairs(keys) do
      if blank(gateway.env[k[1]]) then
        unset = unset + 1
        if gateway.env[k[1]] == nil then
          return nil, "the compose files do not hand " .. k[1] .. " to the gateway; take the gateway's environment from the release"
        end
        if k[2] and blank(t.env[k[2]]) then
          return nil, k[2] .. " is not set in .env"
        end
        if blank(t.env[k[1]]) then
          actions[#actions + 1] = k[2] and { op = "set_env", key = k[1], value = t.env[k[2]], why = "the services accept it" }
            or { op = "generate_secret", key = k[1] }
        end
      end
    end
    if unset == 0 or unset == #keys then
      return nil, unset == 0 and "all of the new API keys are set" or "none of the new API keys is set, so nothing is missing"
    end
    local names = {}
    for _, name in ipairs(readers) do
      if t.services[name] and not t.services[name].missing then
        names[#names + 1] = name
      end
    end
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
        env = {
          ANON_KEY = { secret = "env:ANON_KEY", fingerprint = "aaaaaaaa" }, SERVICE_ROLE_KEY = { secret = "env:SERVICE_ROLE_KEY", fingerprint = "bbbbbbbb" },
        },
        services = {
          gateway = {
            state = "running",
            env = {
              SUPABASE_PUBLISHABLE_KEY = "", ANON_KEY_ASYMMETRIC = "", SERVICE_ROLE_KEY_ASYMMETRIC = "",
              SUPABASE_SECRET_KEY = { secret = "svc:gateway:SUPABASE_SECRET_KEY", fingerprint = "cccccccc" },
            },
          },
          studio = { state = "running" },
        },
      },
      plan = {
        "generate_secret key=SUPABASE_PUBLISHABLE_KEY", "set_env key=ANON_KEY_ASYMMETRIC value=env:ANON_KEY",
        "set_env key=SERVICE_ROLE_KEY_ASYMMETRIC value=env:SERVICE_ROLE_KEY",
        "recreate studio", "recreate gateway", "wait_healthy studio timeout=120s", "wait_healthy gateway timeout=120s",
      },
    },
    {
      given = { services = { gateway = { state = "running", env = { SUPABASE_SECRET_KEY = "x", SUPABASE_PUBLISHABLE_KEY = "" } } } },
      refuses = "the compose files do not hand ANON_KEY_ASYMMETRIC to the gateway; take the gateway's environment from the release",
    },
    {
      given = {
        env = { ANON_KEY = { secret = "env:ANON_KEY", fingerprint = "aaaaaaaa" }, SERVICE_ROLE_KEY = { secret = "env:SERVICE_ROLE_KEY", fingerprint = "bbbbbbbb" } },
        services = { gateway = { state = "running", env = { SUPABASE_PUBLISHABLE_KEY = "", SUPABASE_SECRET_KEY = "", ANON_KEY_ASYMMETRIC = "", SERVICE_ROLE_KEY_ASYMMETRIC = "" } } },
      },
      refuses = "none of the new API keys is set, so nothing is missing",
    },
    { given = {}, refuses = "there is no container of the gateway" },
  },
}

-- Links in mails and sign-ins through other sites lead to API_EXTERNAL_URL. Where
-- that names localhost, lacks its scheme, or lacks /auth/v1 (needed since release
-- 0.7.0), they lead nowhere. This derives it from SUPABASE_PUBLIC_URL.
local function trimmed(url)
  return (string.gsub(url or "", "/+$", ""))
end

return {
  title = "Derive API_EXTERNAL_URL from the public URL",
  fixes = { "AUTH-10", "AUTH-11", "GW-11" },
  risk = "medium",
  needs = { "set_env", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local public, external = t.env.SUPABASE_PUBLIC_URL, t.env.API_EXTERNAL_URL
    if type(external) ~= "string" or external == "" then
      return nil, "API_EXTERNAL_URL is not set in .env"
    end
    local code = t.finding and t.finding.code or "AUTH-10"
    local now = trimmed(external)
    local suffix = string.match(now, "/auth/v1$") or ""
    local new
    if code == "AUTH-11" then
      new = suffix ~= "" and string.sub(now, 1, -9) or now .. "/auth/v1"
    elseif type(public) ~= "string" or not string.match(public, "^https?://[^/]") then
      return nil, "SUPABASE_PUBLIC_URL is no URL; set it to what browsers use first"
    elseif code == "GW-11" and not string.match(now, "^%a+://") then
      new = string.match(public, "^https?://") .. now
    else
      new = trimmed(public) .. suffix
    end
    if new == external then
      return nil, "API_EXTERNAL_URL is " .. new .. " already"
    end
    local actions = { { op = "set_env", key = "API_EXTERNAL_URL", value = new } }
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs({ "auth", "gateway" }) do
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
        finding = { code = "AUTH-10", service = "auth" },
        env = { SUPABASE_PUBLIC_URL = "https://api.shop.example/", API_EXTERNAL_URL = "http://localhost:8000/auth/v1" },
        services = { auth = { state = "running" }, gateway = { state = "running" } },
      },
      plan = {
        "set_env key=API_EXTERNAL_URL value=https://api.shop.example/auth/v1",
        "recreate auth", "recreate gateway", "wait_healthy auth", "wait_healthy gateway",
      },
    },
    {
      given = {
        finding = { code = "AUTH-11", service = "auth" }, services = { auth = { state = "running" } },
        env = { API_EXTERNAL_URL = "https://api.shop.example" },
      },
      plan = { "set_env key=API_EXTERNAL_URL value=https://api.shop.example/auth/v1", "recreate auth", "wait_healthy auth" },
    },
    {
      given = {
        finding = { code = "GW-11", service = "gateway" }, services = { gateway = { state = "exited" } },
        env = { SUPABASE_PUBLIC_URL = "https://api.shop.example", API_EXTERNAL_URL = "api.shop.example/auth/v1" },
      },
      plan = { "set_env key=API_EXTERNAL_URL value=https://api.shop.example/auth/v1", "recreate gateway", "wait_healthy gateway" },
    },
    { given = { env = { API_EXTERNAL_URL = "http://localhost" } }, refuses = "SUPABASE_PUBLIC_URL is no URL; set it to what browsers use first" },
    { given = { env = {} }, refuses = "API_EXTERNAL_URL is not set in .env" },
  },
}

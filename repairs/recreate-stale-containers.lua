-- A restart does not apply an edited .env: the containers keep the values they
-- were made with. This makes those anew whose settings are out of date, and one
-- that has lost its name on the stack's network. Data is in volumes, which stay.

-- nameless reports whether nobody finds the service by its name.
local function nameless(s)
  for _, name in ipairs(s.aliases or {}) do
    if name == s.compose_service then
      return false
    end
  end
  return not s.missing
end

local function stale(t)
  local names, seen = {}, {}
  local function add(name)
    if name ~= "" and t.services[name] and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  if t.finding and t.finding.code == "GW-06" then
    local s = t.services[t.finding.service]
    if s and nameless(s) then
      add(t.finding.service)
    end
    return names, t.finding.service .. " has its name on its networks; the gateway is on another one, or its routes use another name"
  end
  local details = t.finding and t.finding.details or {}
  for name in string.gmatch(details.services or "", "[^,%s]+") do
    add(name)
  end
  if #names == 0 then
    for name, s in pairs(t.services) do
      if not s.missing and s.stale and #s.stale > 0 then
        add(name)
      end
    end
  end
  -- The database first: the others look for it as they start.
  table.sort(names, function(a, b)
    if a == "db" or b == "db" then
      return a == "db" and b ~= "db"
    end
    return a < b
  end)
  return names
end

return {
  title = "Recreate containers that run with old settings",
  fixes = { "DK-07", "GW-04", "ST-10", "META-01", "DK-27", "VEC-05", "GW-06" },
  risk = "medium",
  needs = { "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local names, why = stale(t)
    if #names == 0 then
      return nil, why or "every container runs with the settings that its files give it"
    end
    local actions = {}
    for _, name in ipairs(names) do
      actions[#actions + 1] = { op = "recreate", service = name, why = name .. (why and " has lost its name" or " runs with old settings") }
      actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = { db = { state = "running" }, auth = { state = "running" }, gateway = { state = "running" } },
        finding = { code = "DK-07", service = "auth", details = { services = "gateway, auth" } },
      },
      plan = { "recreate auth", "wait_healthy auth", "recreate gateway", "wait_healthy gateway" },
    },
    {
      given = {
        services = {
          auth = { state = "running", stale = { "GOTRUE_SITE_URL" } },
          db = { state = "running", stale = { "POSTGRES_PASSWORD" } },
          rest = { state = "running", stale = {} },
        },
      },
      plan = { "recreate db", "wait_healthy db", "recreate auth", "wait_healthy auth" },
    },
    {
      given = {
        services = { auth = { state = "running", compose_service = "auth", aliases = { "auth-old" } } },
        finding = { code = "GW-06", service = "auth" },
      },
      plan = { "recreate auth", "wait_healthy auth" },
    },
    {
      given = {
        services = { auth = { state = "running", compose_service = "auth", aliases = { "auth", "shop-auth" } } },
        finding = { code = "GW-06", service = "auth" },
      },
      refuses = "auth has its name on its networks; the gateway is on another one, or its routes use another name",
    },
    {
      given = { services = { db = { state = "running", stale = {} } } },
      refuses = "every container runs with the settings that its files give it",
    },
  },
}

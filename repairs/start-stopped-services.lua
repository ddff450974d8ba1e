-- Starts what is stopped and creates what is missing, those that others depend
-- on first. The database has to be healthy before anything that needs it.
local order = {
  "db", "vector", "analytics", "meta", "auth", "rest", "realtime", "storage",
  "imgproxy", "functions", "pooler", "studio", "gateway",
}
local stopped = { exited = true, created = true, dead = true }

return {
  title = "Start stopped services",
  fixes = { "SVC-01", "SVC-02", "DK-11", "GW-07", "VEC-06" },
  risk = "low",
  needs = { "start", "up", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local actions, waits = {}, {}
    for _, name in ipairs(order) do
      local s = t.services[name]
      local op, why
      if s and s.missing then
        op, why = "up", name .. " has no container"
      elseif s and stopped[s.state] then
        op, why = "start", name .. " is " .. s.state
      end
      if op then
        actions[#actions + 1] = { op = op, service = name, why = why }
        local wait = { op = "wait_healthy", service = name, timeout = params.timeout }
        if name == "db" then
          actions[#actions + 1] = wait
        else
          waits[#waits + 1] = wait
        end
      end
    end
    for _, wait in ipairs(waits) do
      actions[#actions + 1] = wait
    end
    if #actions == 0 then
      return nil, "no service is stopped or missing"
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = {
          db = { state = "running" },
          auth = { state = "exited", exit_code = 0 },
          rest = { state = "missing", missing = true },
        },
      },
      plan = { "start auth", "up rest", "wait_healthy auth", "wait_healthy rest" },
    },
    {
      given = { services = { db = { state = "exited" }, meta = { state = "created" } } },
      plan = { "start db", "wait_healthy db", "start meta", "wait_healthy meta" },
    },
    {
      given = { services = { db = { state = "running" }, auth = { state = "restarting" } } },
      refuses = "no service is stopped or missing",
    },
  },
}

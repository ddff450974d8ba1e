-- A service that hangs takes connections and never answers; only a restart helps.
-- The database is left alone: it may be recovering, and to kill it then makes
-- matters worse.
return {
  title = "Restart a service that does not answer",
  fixes = { "SVC-03", "SVC-04", "GW-07", "GW-05" },
  risk = "low",
  needs = { "restart", "wait_healthy" },
  params = {
    service = { type = "string", help = "which one; by default that of the finding" },
    timeout = { type = "duration", default = "60s", help = "how long it may take to be healthy" },
  },

  plan = function(t, params)
    local name = params.service or t.finding and t.finding.service
    if not name or name == "" then
      return nil, "there is no finding to tell which service to restart; name one with --param service=NAME"
    end
    local s = t.services[name]
    if name == "db" then
      return nil, "the database is never restarted by a playbook; read its log first"
    end
    if not s or s.missing then
      return nil, "there is no container of " .. name .. " to restart"
    end
    if s.state ~= "running" then
      return nil, name .. " is " .. s.state .. ", it does not hang"
    end
    return {
      { op = "restart", service = name, why = name .. " does not answer" },
      { op = "wait_healthy", service = name, timeout = params.timeout },
    }
  end,

  examples = {
    {
      given = { services = { auth = { state = "running" } }, finding = { code = "SVC-04", service = "auth" } },
      plan = { "restart auth", "wait_healthy auth timeout=60s" },
    },
    {
      given = { services = { db = { state = "running" } }, finding = { code = "SVC-03", service = "db" } },
      refuses = "the database is never restarted by a playbook; read its log first",
    },
    {
      given = { services = { auth = { state = "exited" } }, finding = { code = "GW-07", service = "auth" } },
      refuses = "auth is exited, it does not hang",
    },
    {
      given = { services = { auth = { state = "running" } } },
      refuses = "there is no finding to tell which service to restart; name one with --param service=NAME",
    },
  },
}

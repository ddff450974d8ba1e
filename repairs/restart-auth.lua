-- Auth hangs now and then after the database restarts under it: its health
-- route answers, but every login fails on a connection that is long dead.
return {
  title = "Restart auth",
  fixes = { "AUTH-17", "SVC-04" },
  risk = "low",
  needs = { "restart", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long auth may take to be healthy" },
  },

  plan = function(t, params)
    local db, auth = t.services.db, t.services.auth
    if not db or db.state ~= "running" then
      return nil, "the database is " .. (db and db.state or "missing") .. "; mend that first"
    end
    if not auth or auth.missing then
      return nil, "there is no auth container to restart"
    end
    if t.finding and t.finding.service ~= "auth" then
      return nil, t.finding.code .. " is about " .. t.finding.service .. ", not auth"
    end
    return {
      { op = "restart", service = "auth", why = "auth does not answer" },
      { op = "wait_healthy", service = "auth", timeout = params.timeout },
    }
  end,

  examples = {
    {
      given = { services = { db = { state = "running" }, auth = { state = "running" } } },
      plan = { "restart auth", "wait_healthy auth timeout=60s" },
    },
    {
      given = { services = { db = { state = "exited" }, auth = { state = "running" } } },
      refuses = "the database is exited; mend that first",
    },
    {
      given = { services = { db = { state = "running" } } },
      refuses = "there is no auth container to restart",
    },
    {
      given = {
        services = { db = { state = "running" }, auth = { state = "running" } },
        finding = { code = "SVC-04", service = "storage" },
      },
      refuses = "SVC-04 is about storage, not auth",
    },
  },
}

-- The database was told to shut down and waits for its clients to leave, which they
-- do not: it takes no new ones and never ends. A fast shutdown ends their sessions,
-- writes everything to the disk, and the database comes back. One that is starting,
-- or recovering, is left alone.
return {
  title = "Bring back a database that waits to shut down",
  fixes = { "PG-28" },
  risk = "medium",
  needs = { "restart", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long the database may take to be healthy" },
  },

  plan = function(t, params)
    local db = t.services.db
    if not db or db.missing or db.state ~= "running" then
      return nil, "the database is " .. (db and db.state or "missing") .. ", it does not wait to shut down"
    end
    for _, e in ipairs(t.finding and t.finding.evidence or {}) do
      if string.find(e.text, "shutting down", 1, true) then
        return {
          { op = "restart", service = "db", why = "it waits for its clients to leave" },
          { op = "wait_healthy", service = "db", timeout = params.timeout },
        }
      end
    end
    return nil, "nothing says that the database is shutting down; one that starts or recovers needs time, not a restart"
  end,

  examples = {
    {
      given = {
        finding = { code = "PG-28", service = "db", evidence = { { source = "login:postgres", text = "the database system is shutting down (SQLSTATE 57P03)" } } },
        services = { db = { state = "running" } },
      },
      plan = { "restart db", "wait_healthy db timeout=120s" },
    },
    {
      given = {
        finding = { code = "PG-28", service = "db", evidence = { { source = "login:postgres", text = "the database system is starting up (SQLSTATE 57P03)" } } },
        services = { db = { state = "running" } },
      },
      refuses = "nothing says that the database is shutting down; one that starts or recovers needs time, not a restart",
    },
    { given = { services = { db = { state = "exited" } } }, refuses = "the database is exited, it does not wait to shut down" },
  },
}

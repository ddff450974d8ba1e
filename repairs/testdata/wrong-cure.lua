-- A repair that is planned rightly and does not cure: a restart brings no
-- password back. It shows that a change which did not help is undone.
return {
  title = "Restart auth and hope",
  fixes = { "PG-01" },
  risk = "low",
  needs = { "set_env", "restart" },

  plan = function(t)
    if not t.services.auth or t.services.auth.missing then
      return nil, "there is no auth container to restart"
    end
    return {
      { op = "set_env", key = "BASEWRIGHT_NOTE", value = "auth was restarted", why = "leaves a trace to undo" },
      { op = "restart", service = "auth", why = "it often helps" },
    }
  end,

  examples = {
    { given = { services = { auth = { state = "restarting" } } }, plan = { "set_env key=BASEWRIGHT_NOTE", "restart auth" } },
    { given = {}, refuses = "there is no auth container to restart" },
  },
}

-- New users wait for a mail that no server sends: SMTP is the placeholder of
-- .env.example. This confirms them at once instead. It is a decision: anybody may
-- then sign up with an address that is not theirs. Take it back when there is a
-- mail server.
return {
  title = "Confirm new users without a mail",
  fixes = { "AUTH-08" },
  risk = "medium",
  needs = { "set_env", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long auth may take to be healthy" },
  },

  plan = function(t, params)
    if t.env.ENABLE_EMAIL_AUTOCONFIRM == "true" then
      return nil, "ENABLE_EMAIL_AUTOCONFIRM is true already"
    end
    local auth = t.services.auth
    if not auth or auth.missing then
      return nil, "there is no auth container"
    end
    return {
      { op = "set_env", key = "ENABLE_EMAIL_AUTOCONFIRM", value = "true", why = "nothing sends the mail that users wait for" },
      { op = "recreate", service = "auth" },
      { op = "wait_healthy", service = "auth", timeout = params.timeout },
    }
  end,

  examples = {
    {
      given = { env = { ENABLE_EMAIL_AUTOCONFIRM = "false" }, services = { auth = { state = "running" } } },
      plan = { "set_env key=ENABLE_EMAIL_AUTOCONFIRM value=true", "recreate auth", "wait_healthy auth timeout=60s" },
    },
    {
      given = { env = { ENABLE_EMAIL_AUTOCONFIRM = "true" }, services = { auth = { state = "running" } } },
      refuses = "ENABLE_EMAIL_AUTOCONFIRM is true already",
    },
    { given = { env = {} }, refuses = "there is no auth container" },
  },
}

-- Touches everything that a rollback must bring back: a file, a role's password
-- verifier (the same password under a new salt), and a container.
return {
  title = "Change a file, a role and a container",
  fixes = {},
  risk = "medium",
  needs = { "set_env", "set_role_password", "recreate", "wait_healthy" },
  plan = function(t)
    return {
      { op = "set_env", key = "SITE_URL", value = "http://changed.example" },
      { op = "set_role_password", role = "supabase_storage_admin", password = t.env.POSTGRES_PASSWORD },
      { op = "recreate", service = "auth" },
      { op = "wait_healthy", service = "auth", timeout = "60s" },
    }
  end,
  examples = {
    {
      given = { services = { auth = { state = "running" } }, env = { POSTGRES_PASSWORD = { secret = "env:POSTGRES_PASSWORD", fingerprint = "ab12cd34" } } },
      plan = { "set_env", "set_role_password", "recreate auth", "wait_healthy auth" },
    },
  },
}

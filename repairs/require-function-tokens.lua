-- Upstream lets everybody call every edge function. This asks for a token first;
-- functions that are meant for all (webhooks of others) then need one too.
return {
  title = "Ask for a token before an edge function runs",
  fixes = { "SEC-15" },
  risk = "medium",
  needs = { "set_env", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long functions may take to be healthy" },
  },

  plan = function(t, params)
    if t.env.FUNCTIONS_VERIFY_JWT == "true" then
      return nil, "FUNCTIONS_VERIFY_JWT is true already"
    end
    if not t.services.functions or t.services.functions.missing then
      return nil, "there is no container of functions"
    end
    return {
      { op = "set_env", key = "FUNCTIONS_VERIFY_JWT", value = "true" },
      { op = "recreate", service = "functions" },
      { op = "wait_healthy", service = "functions", timeout = params.timeout },
    }
  end,

  examples = {
    {
      given = { env = { FUNCTIONS_VERIFY_JWT = "false" }, services = { functions = { state = "running" } } },
      plan = { "set_env key=FUNCTIONS_VERIFY_JWT value=true", "recreate functions", "wait_healthy functions timeout=60s" },
    },
    { given = { env = { FUNCTIONS_VERIFY_JWT = "true" } }, refuses = "FUNCTIONS_VERIFY_JWT is true already" },
    { given = { env = {} }, refuses = "there is no container of functions" },
  },
}

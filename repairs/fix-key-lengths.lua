-- Realtime encrypts with a key of exactly 16 characters, and signs with a base of
-- at least 64. With any other it restarts for ever. It writes what it encrypts
-- anew at each start, so a new key loses nothing.
local keys = { ["RT-03"] = "REALTIME_DB_ENC_KEY", ["RT-08"] = "SECRET_KEY_BASE" }

return {
  title = "Give realtime keys of the length that it needs",
  fixes = { "RT-03", "RT-08" },
  risk = "medium",
  needs = { "generate_secret", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },

  plan = function(t, params)
    local key = t.finding and keys[t.finding.code]
    if not key then
      return nil, "there is no finding to tell which key it is; start it with --finding RT-03 or RT-08"
    end
    local about = key ~= "SECRET_KEY_BASE"
    for _, e in ipairs(t.finding.evidence or {}) do
      about = about or string.find(e.text, key, 1, true) ~= nil
    end
    if not about then
      return nil, "it is not about SECRET_KEY_BASE; the compose file lacks a variable of realtime"
    end
    if t.env[key] == nil then
      return nil, key .. " is not set in .env; realtime gets it from elsewhere"
    end
    local actions = { { op = "generate_secret", key = key } }
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs(key == "SECRET_KEY_BASE" and { "realtime", "pooler" } or { "realtime" }) do
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
        finding = { code = "RT-03", service = "realtime" }, services = { realtime = { state = "restarting" }, pooler = { state = "running" } },
        env = { REALTIME_DB_ENC_KEY = { secret = "env:REALTIME_DB_ENC_KEY", fingerprint = "ab12cd34" } },
      },
      plan = { "generate_secret key=REALTIME_DB_ENC_KEY", "recreate realtime", "wait_healthy realtime timeout=120s" },
    },
    {
      given = {
        finding = { code = "RT-08", service = "realtime", evidence = { { source = "env:realtime", text = "SECRET_KEY_BASE has 9 characters" } } },
        services = { realtime = { state = "restarting" }, pooler = { state = "running" } },
        env = { SECRET_KEY_BASE = { secret = "env:SECRET_KEY_BASE", fingerprint = "ab12cd34" } },
      },
      plan = { "generate_secret key=SECRET_KEY_BASE", "recreate realtime", "recreate pooler", "wait_healthy realtime", "wait_healthy pooler" },
    },
    { given = { finding = { code = "RT-03", service = "realtime" } }, refuses = "REALTIME_DB_ENC_KEY is not set in .env; realtime gets it from elsewhere" },
    { given = { finding = { code = "RT-08", service = "realtime" } }, refuses = "it is not about SECRET_KEY_BASE; the compose file lacks a variable of realtime" },
    { given = {}, refuses = "there is no finding to tell which key it is; start it with --finding RT-03 or RT-08" },
  },
}

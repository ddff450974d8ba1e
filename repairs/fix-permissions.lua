-- A service cannot read a file that only its owner may read, and everybody on the
-- host can read an .env that is open to them. This gives files the mode that
-- they need; what is in them does not change.
local function isSecret(name)
  return string.match(name, "^%.env") or string.match(name, "/%.env")
end

-- opened is the mode that lets everybody read, and run what could be run.
local function opened(mode)
  return string.match(mode, "[1357]..$") and "0755" or "0644"
end

return {
  title = "Give files the permissions that they need",
  fixes = { "DK-10", "DK-31" },
  risk = "low",
  needs = { "chmod", "restart", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long the service may take to be healthy" },
  },
  wants = { files = { "@finding" } },

  plan = function(t, params)
    if not t.finding then
      return nil, "there is no finding to tell which file; start it with --finding DK-10 or DK-31"
    end
    local names, actions, mounted = {}, {}, false
    for name, s in pairs(t.stats) do
      if s.kind == "file" then
        names[#names + 1] = name
      end
    end
    table.sort(names)
    for _, name in ipairs(names) do
      local want = isSecret(name) and "0600" or opened(t.stats[name].mode)
      if t.stats[name].mode ~= want then
        actions[#actions + 1] = { op = "chmod", path = name, mode = want }
        mounted = mounted or not isSecret(name)
      end
    end
    if #actions == 0 then
      return nil, "the files have the permissions that they need"
    end
    -- A file that is mounted is seen anew only when its container starts again.
    local s = t.services[t.finding.service]
    if mounted and s and not s.missing then
      actions[#actions + 1] = { op = "restart", service = t.finding.service }
      actions[#actions + 1] = { op = "wait_healthy", service = t.finding.service, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "DK-31", service = "host" },
        stats = { [".env"] = { kind = "file", mode = "0644" }, [".env.old"] = { kind = "missing" } },
      },
      plan = { "chmod mode=0600 path=.env" },
    },
    {
      given = {
        finding = { code = "DK-10", service = "gateway" },
        services = { gateway = { state = "restarting" } },
        stats = { ["volumes/api/kong.yml"] = { kind = "file", mode = "0640" }, ["volumes/api/start.sh"] = { kind = "file", mode = "0750" } },
      },
      plan = {
        "chmod mode=0644 path=volumes/api/kong.yml", "chmod mode=0755 path=volumes/api/start.sh",
        "restart gateway", "wait_healthy gateway timeout=60s",
      },
    },
    {
      given = { finding = { code = "DK-31", service = "host" }, stats = { [".env"] = { kind = "file", mode = "0600" } } },
      refuses = "the files have the permissions that they need",
    },
    { given = {}, refuses = "there is no finding to tell which file; start it with --finding DK-10 or DK-31" },
  },
}

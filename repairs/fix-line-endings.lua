-- A file that went through Windows has lines that end in CR LF. Programs in
-- containers take the CR for a part of the line: scripts do not start, values are
-- wrong by one invisible character. This makes the lines end in LF.
return {
  title = "Convert Windows line endings",
  fixes = { "DK-09", "POOL-11" },
  risk = "low",
  needs = { "write_file", "up", "restart", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { files = { ".env", "@compose", "@mounted", "@finding" } },

  plan = function(t, params)
    local names, actions, env = {}, {}, false
    for name, s in pairs(t.stats) do
      if s.crlf then
        names[#names + 1] = name
      end
    end
    table.sort(names)
    for _, name in ipairs(names) do
      actions[#actions + 1] = { op = "write_file", path = name, lines = "lf" }
      env = env or name == ".env"
    end
    if #actions == 0 then
      return nil, "no file of the instance has Windows line endings"
    end
    if env then -- values change with their lines
      actions[#actions + 1] = { op = "up", timeout = params.timeout }
    end

    local readers = {}
    for service, s in pairs(t.services) do
      local reads = false
      for _, m in ipairs(s.mounts or {}) do
        reads = reads or t.stats[m.source] and t.stats[m.source].crlf
      end
      if reads and not s.missing and service ~= "db" then -- its scripts run once only
        readers[#readers + 1] = service
      end
    end
    table.sort(readers)
    for _, op in ipairs({ "restart", "wait_healthy" }) do
      for _, service in ipairs(readers) do
        actions[#actions + 1] = { op = op, service = service, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = {
          pooler = { state = "restarting", mounts = { { source = "volumes/pooler/pooler.exs", target = "/etc/pooler/pooler.exs" } } },
          gateway = { state = "running", mounts = { { source = "volumes/api/kong.yml", target = "/home/kong/temp.yml" } } },
        },
        stats = { ["volumes/pooler/pooler.exs"] = { kind = "file", crlf = true }, ["volumes/api/kong.yml"] = { kind = "file", crlf = false } },
      },
      plan = { "write_file lines=lf path=volumes/pooler/pooler.exs", "restart pooler", "wait_healthy pooler timeout=120s" },
    },
    {
      given = { stats = { [".env"] = { kind = "file", crlf = true } } },
      plan = { "write_file lines=lf path=.env", "up timeout=120s" },
    },
    {
      given = { stats = { [".env"] = { kind = "file", crlf = false } } },
      refuses = "no file of the instance has Windows line endings",
    },
  },
}

-- The kernel killed a service at its own memory limit. This doubles the limit in the
-- compose file where the host has that much to give; a limit that only the container
-- has goes with it as it is made anew. A host that ran out of memory needs a person.
local units = { b = 1, k = 1024, m = 1024 * 1024, g = 1024 * 1024 * 1024 }

local function bytes(number, unit)
  return tonumber(number) * (units[string.lower(unit == "" and "b" or unit)] or 0)
end

-- twice is a size of its own unit; a broken one is said in MiB, of which no
-- part is lost.
local function twice(number, unit)
  if string.find(number, ".", 1, true) then
    return string.format("%d", math.ceil(2 * bytes(number, unit) / units.m)) .. "m"
  end
  return string.format("%d", 2 * tonumber(number)) .. unit
end

-- limits returns the lines of a service of a compose file that limit its memory.
local function limits(text, service)
  local list, part = {}, nil
  for _, at in ipairs(compose_lines(text, service)) do
    part = string.match(at.rest, "^(%w+):%s*$") or part
    local counts = at.key == "mem_limit" or at.key == "memswap_limit" or at.key == "deploy" and part == "limits" and string.match(at.rest, "^memory:")
    local before, number, unit, after = string.match(at.text, "^(.-:%s*[\"']?)([%d.]+)([bkmgBKMG]?)([bB]?[\"']?%s*)$")
    if counts and before then
      list[#list + 1] = {
        size = bytes(number, unit), swap = at.key == "memswap_limit",
        edit = { line = at.line, old = at.text, new = before .. twice(number, unit) .. after },
      }
    elseif counts then
      return nil, at.rest
    end
  end
  return list
end

return {
  title = "Give a service twice the memory",
  fixes = { "DK-12" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long the service may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local name = t.finding and t.finding.service
    local s = name and t.services[name]
    if not s or s.missing then
      return nil, "there is no finding of a service that was killed; start it with --finding DK-12"
    end
    if (s.memory_limit or 0) == 0 then
      return nil, name .. " has no memory limit: the memory of the host ran out; add some, or run less on it"
    end
    local actions = {}
    for _, path in ipairs(sorted_keys(t.files)) do
      local list, strange = limits(t.files[path], s.compose_service)
      if not list then
        return nil, path .. " says " .. strange .. ", which only a person can change; the variable is set in .env"
      end
      local edits = {}
      for _, l in ipairs(list) do
        if not l.swap and l.size > t.host.memory_available then
          return nil, "the host has no " .. string.format("%d", l.size / units.m) .. " MiB more to give to " .. name
        end
        edits[#edits + 1] = l.edit
      end
      if #edits > 0 then
        actions[#actions + 1] = { op = "write_file", path = path, edits = edits }
      end
    end
    actions[#actions + 1] = { op = "recreate", service = name, why = #actions == 0 and "its files give it no such limit" or nil }
    actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "DK-12", service = "meta" }, host = { memory_available = 1073741824 },
        services = { meta = { state = "exited", compose_service = "meta", memory_limit = 67108864 } },
        files = { ["docker-compose.yml"] = "services:\n  meta:\n    mem_limit: 64m\n    memswap_limit: 64m\n" },
      },
      plan = {
        "write_file edits=[map[line:3 new:    mem_limit: 128m old:    mem_limit: 64m] map[line:4 new:    memswap_limit: 128m old:    memswap_limit: 64m]] path=docker-compose.yml",
        "recreate meta", "wait_healthy meta timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "DK-12", service = "meta" }, host = { memory_available = 1073741824 },
        services = { meta = { state = "exited", compose_service = "meta", memory_limit = 67108864 } },
        files = { ["docker-compose.yml"] = "services:\n  meta:\n    deploy:\n      resources:\n        limits:\n          memory: \"64M\"\n        reservations:\n          memory: 8M\n" },
      },
      plan = {
        'write_file edits=[map[line:6 new:          memory: "128M" old:          memory: "64M"]] path=docker-compose.yml',
        "recreate meta", "wait_healthy meta",
      },
    },
    {
      given = {
        finding = { code = "DK-12", service = "meta" }, host = { memory_available = 1073741824 },
        services = { meta = { state = "exited", compose_service = "meta", memory_limit = 322122547 } },
        files = { ["docker-compose.yml"] = "services:\n  meta:\n    mem_limit: 0.3g\n" },
      },
      plan = {
        "write_file edits=[map[line:3 new:    mem_limit: 615m old:    mem_limit: 0.3g]] path=docker-compose.yml",
        "recreate meta", "wait_healthy meta",
      },
    },
    {
      given = { finding = { code = "DK-12", service = "meta" }, services = { meta = { state = "exited", compose_service = "meta", memory_limit = 6291456 } }, files = {} },
      plan = { "recreate meta", "wait_healthy meta" },
    },
    {
      given = {
        finding = { code = "DK-12", service = "meta" }, host = { memory_available = 1048576 },
        services = { meta = { state = "exited", compose_service = "meta", memory_limit = 67108864 } },
        files = { ["docker-compose.yml"] = "services:\n  meta:\n    mem_limit: 64m\n" },
      },
      refuses = "the host has no 64 MiB more to give to meta",
    },
    {
      given = { finding = { code = "DK-12", service = "meta" }, services = { meta = { state = "exited" } } },
      refuses = "meta has no memory limit: the memory of the host ran out; add some, or run less on it",
    },
    { given = {}, refuses = "there is no finding of a service that was killed; start it with --finding DK-12" },
  },
}

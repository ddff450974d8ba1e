-- A port of the database, of Studio or of another inner service is open to every
-- address of the host, past firewalls that do not know Docker. This binds it to
-- the host itself, in the compose file; the port's number stays.

-- segments counts the parts of a port mapping: port, host:container, or
-- address:host:container. What stands in ${…} does not count.
local function segments(mapping)
  local plain = string.gsub(mapping, "%b{}", "")
  local _, colons = string.gsub(plain, ":", "")
  return colons + 1
end

-- bound returns a mapping that is bound to loopback, or nil where it is bound
-- already or cannot be read.
local function bound(mapping)
  local n = segments(mapping)
  if string.match(mapping, "^0%.0%.0%.0:") then
    return "127.0.0.1:" .. string.sub(mapping, 9)
  elseif n == 1 then
    return "127.0.0.1::" .. mapping
  elseif n == 2 then
    return "127.0.0.1:" .. mapping
  end
end

-- edits lists the lines of a compose file that bind the ports of one service.
local function edits(text, service)
  local list, number, inService, inPorts = {}, 0, false, false
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local indent, rest = string.match(line, "^( *)(.*)$")
    if rest ~= "" and string.sub(rest, 1, 1) ~= "#" then
      if #indent <= 2 then
        inService, inPorts = #indent == 2 and rest == service .. ":", false
      elseif inService and #indent == 4 and string.sub(rest, 1, 1) ~= "-" then
        inPorts = rest == "ports:"
      elseif inPorts then
        local mapping = string.match(rest, "^%- *[\"']?([^\"'#%s]+)")
        local new = mapping and not string.match(mapping, ":$") and bound(mapping)
        if new then
          local at = string.find(rest, mapping, 1, true)
          list[#list + 1] = { line = number, old = line, new = indent .. string.sub(rest, 1, at - 1) .. new .. string.sub(rest, at + #mapping) }
        end
      end
    end
  end
  return list
end

return {
  title = "Bind ports of inner services to the host itself",
  fixes = { "SEC-04", "SEC-05", "SEC-07", "SEC-11" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long the service may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    if not t.finding then
      return nil, "there is no finding to tell whose port it is; start it with --finding SEC-04"
    end
    local name = t.finding.service
    local s = t.services[name]
    if not s or s.missing then
      return nil, "there is no container of " .. name
    end
    local actions, paths = {}, {}
    for path in pairs(t.files) do
      paths[#paths + 1] = path
    end
    table.sort(paths)
    for _, path in ipairs(paths) do
      local list = edits(t.files[path], s.compose_service)
      if #list > 0 then
        actions[#actions + 1] = { op = "write_file", path = path, edits = list }
      end
    end
    if #actions == 0 then
      return nil, "the compose files publish " .. name .. " in a way that only a person can edit"
    end
    actions[#actions + 1] = { op = "recreate", service = name }
    actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "SEC-04", service = "pooler" },
        services = { pooler = { state = "running", compose_service = "supavisor" } },
        files = {
          ["docker-compose.yml"] = "services:\n  db:\n    ports:\n      - 5432:5432\n  supavisor:\n    ports:\n" ..
            "      - ${POSTGRES_PORT}:5432\n      - \"${A:-6543}:6543/tcp\"\n      - 127.0.0.1:4000:4000\n    volumes:\n      - a:b\n",
        },
      },
      plan = {
        "write_file edits=[map[line:7 new:      - 127.0.0.1:${POSTGRES_PORT}:5432 old:      - ${POSTGRES_PORT}:5432] " ..
          "map[line:8 new:      - \"127.0.0.1:${A:-6543}:6543/tcp\" old:      - \"${A:-6543}:6543/tcp\"]] path=docker-compose.yml",
        "recreate pooler", "wait_healthy pooler timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "SEC-07", service = "studio" },
        services = { studio = { state = "running", compose_service = "studio" } },
        files = { ["docker-compose.yml"] = "services:\n  studio:\n    ports:\n      - target: 3000\n        published: 3000\n" },
      },
      refuses = "the compose files publish studio in a way that only a person can edit",
    },
    { given = {}, refuses = "there is no finding to tell whose port it is; start it with --finding SEC-04" },
    { given = { finding = { code = "SEC-04", service = "db" } }, refuses = "there is no container of db" },
  },
}

-- A port of the database, of Studio or of another inner service is open to every
-- address of the host, past firewalls that do not know Docker. This binds it to
-- the host itself, in the compose file; the port's number stays. Other ports of
-- the service stay as they are: beside the gateway's admin port is the API's.

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

-- inside returns the port of the container in a mapping, or nil where only Compose
-- can tell.
local function inside(mapping, env)
  local port = string.match(mapping, ":(%d+)[/%a]*$") or string.match(mapping, "^(%d+)[/%a]*$")
  if port then
    return port
  end
  local name = string.match(mapping, "%$%{?([%w_]+)[^{}]*%}?[/%a]*$")
  local value = name and env[name]
  return type(value) == "string" and value ~= "" and value or string.match(mapping, "%$%{[%w_]+:?%-(%d+)%}[/%a]*$")
end

-- edited returns a line of a service's ports in which the mappings of these ports
-- of the container are bound: "- a:b", or "ports: [a:b, c:d]".
local function edited(line, wanted, env)
  local head, rest = string.match(line, "^(%s*ports:%s*%[)(.*)$")
  if not head then
    head, rest = string.match(line, "^(%s*%-%s*)(.*)$")
  end
  if not head or string.match(rest, "^[%w_]+:%s") then
    return line
  end
  local new, from, comment = head, 1, string.find(rest, "%s#") or #rest + 1
  for start, mapping, stop in string.gmatch(string.sub(rest, 1, comment - 1), "()([^%s,\"'%[%]]+)()") do
    local port = inside(mapping, env)
    new = new .. string.sub(rest, from, start - 1) .. (port and wanted[port] and bound(mapping) or mapping)
    from = stop
  end
  return new .. string.sub(rest, from)
end

-- edits lists the lines of a compose file that bind these ports of one service.
local function edits(text, service, wanted, env)
  local list = {}
  for _, at in ipairs(compose_lines(text, service)) do
    local new = at.key == "ports" and edited(at.text, wanted, env) or at.text
    if new ~= at.text then
      list[#list + 1] = { line = at.line, old = at.text, new = new }
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
    local actions, wanted = {}, {}
    for port in string.gmatch((t.finding.details or {}).ports or "", "%d+") do
      wanted[port] = true
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local list = edits(t.files[path], s.compose_service, wanted, t.env)
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
        finding = { code = "SEC-04", service = "pooler", details = { ports = "5432,6543" } },
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
        finding = { code = "SEC-11", service = "gateway", details = { ports = "8001" } },
        services = { gateway = { state = "running", compose_service = "kong" } },
        files = { ["docker-compose.yml"] = "services:\n  kong:\n    ports:\n      - ${KONG_HTTP_PORT}:8000/tcp\n      - \"8001\"\n    x: [\"8001\"]\n" },
      },
      plan = {
        'write_file edits=[map[line:5 new:      - "127.0.0.1::8001" old:      - "8001"]] path=docker-compose.yml',
        "recreate gateway", "wait_healthy gateway timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "SEC-04", service = "db", details = { ports = "5432" } },
        services = { db = { state = "running", compose_service = "db" } },
        env = { POSTGRES_PORT = "5432" },
        files = { ["docker-compose.yml"] = "services:\n  db:\n    ports: [ '9000:9000', \"${POSTGRES_PORT}:${POSTGRES_PORT}\" ] # 5432\n" },
      },
      plan = {
        "write_file edits=[map[line:3 new:    ports: [ '9000:9000', \"127.0.0.1:${POSTGRES_PORT}:${POSTGRES_PORT}\" ] # 5432 " ..
          "old:    ports: [ '9000:9000', \"${POSTGRES_PORT}:${POSTGRES_PORT}\" ] # 5432]] path=docker-compose.yml",
        "recreate db", "wait_healthy db timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "SEC-07", service = "studio", details = { ports = "3000" } },
        services = { studio = { state = "running", compose_service = "studio" } },
        files = { ["docker-compose.yml"] = "services:\n  studio:\n    ports:\n      - target: 3000\n        published: 3000\n" },
      },
      refuses = "the compose files publish studio in a way that only a person can edit",
    },
    { given = {}, refuses = "there is no finding to tell whose port it is; start it with --finding SEC-04" },
    { given = { finding = { code = "SEC-04", service = "db" } }, refuses = "there is no container of db" },
  },
}

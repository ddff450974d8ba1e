-- Since release 0.8.0 the gateway's service is called api-gw, and whatever was told
-- to use http://kong:8000 finds nobody. Upstream gives it the old name as well; this
-- does the same in the compose file.
local old = "kong"

-- named returns the edit that gives the service of a compose file the old name
-- too, or why only a person can.
local function named(text, service)
  local head, indent, aliases, first, networks
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "" then
      head = at
    else
      indent = indent or string.match(at.text, "^(%s*)")
    end
    networks = networks or at.key == "networks" or at.key == "network_mode"
    if aliases and not first then
      first = string.match(at.text, "^(%s*)%-%s")
    end
    if at.key == "networks" and at.rest == "aliases:" then
      aliases = at
    end
  end
  if not head or not indent then
    return nil
  end
  if aliases and first then
    return { line = aliases.line, old = aliases.text, new = aliases.text .. "\n" .. first .. "- " .. old }
  end
  if networks then
    return nil, "the compose files say in a way of their own which networks " .. service .. " is on; add the alias " .. old .. " there"
  end
  local new = head.text .. "\n" .. indent .. "networks:\n" .. indent .. "  default:\n" .. indent .. "    aliases:\n" .. indent .. "      - " .. old
  return { line = head.line, old = head.text, new = new }
end

return {
  title = "Let the gateway be found under its old name too",
  fixes = { "UPG-03" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long the gateway may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local gateway = t.services.gateway
    if not gateway or gateway.missing then
      return nil, "there is no container of the gateway"
    end
    for _, name in ipairs(gateway.aliases or {}) do
      if name == old then
        return nil, "the gateway is called " .. old .. " already"
      end
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local edit, why = named(t.files[path], gateway.compose_service)
      if why then
        return nil, why
      elseif edit then
        return {
          { op = "write_file", path = path, edits = { edit } },
          { op = "recreate", service = "gateway" },
          { op = "wait_healthy", service = "gateway", timeout = params.timeout },
        }
      end
    end
    return nil, "the compose files write " .. gateway.compose_service .. " in a way that only a person can edit"
  end,

  examples = {
    {
      given = {
        services = { gateway = { state = "running", compose_service = "api-gw", aliases = { "api-gw" } } },
        files = { ["docker-compose.yml"] = "services:\n  api-gw:\n    image: envoy\n" },
      },
      plan = {
        "write_file edits=[map[line:2 new:  api-gw:\n    networks:\n      default:\n        aliases:\n          - kong old:  api-gw:]] path=docker-compose.yml",
        "recreate gateway", "wait_healthy gateway timeout=120s",
      },
    },
    {
      given = {
        services = { gateway = { state = "running", compose_service = "api-gw", aliases = { "api-gw", "envoy" } } },
        files = { ["docker-compose.yml"] = "services:\n  api-gw:\n    networks:\n      default:\n        aliases:\n          - envoy\n" },
      },
      plan = {
        "write_file edits=[map[line:5 new:        aliases:\n          - kong old:        aliases:]] path=docker-compose.yml",
        "recreate gateway", "wait_healthy gateway",
      },
    },
    {
      given = {
        services = { gateway = { state = "running", compose_service = "api-gw", aliases = { "api-gw" } } },
        files = { ["docker-compose.yml"] = "services:\n  api-gw:\n    networks: [front]\n" },
      },
      refuses = "the compose files say in a way of their own which networks api-gw is on; add the alias kong there",
    },
    { given = { services = { gateway = { state = "running", aliases = { "kong" } } } }, refuses = "the gateway is called kong already" },
    { given = {}, refuses = "there is no container of the gateway" },
  },
}

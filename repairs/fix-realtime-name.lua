-- Realtime takes the first label of the host name that it is called by for its
-- tenant. When its container was given a "tidier" name the tenant is unknown and
-- no websocket opens, while its health check stays green. This gives the name its
-- first label back, in the compose file and in the gateway's routes.
local function plain(text)
  return (string.gsub(text, "%p", "%%%0"))
end

-- renamed returns the edit that puts the tenant before the container name of a
-- service of a compose file.
local function renamed(text, service, tenant)
  local number, inService = 0, false
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local indent, rest = string.match(line, "^( *)(.*)$")
    if rest ~= "" and string.sub(rest, 1, 1) ~= "#" and #indent <= 2 then
      inService = #indent == 2 and rest == service .. ":"
    end
    local head, name = string.match(line, "^(    container_name: *[\"']?)(.+)$")
    if inService and head then
      return { { line = number, old = line, new = head .. tenant .. "." .. name } }
    end
  end
end

-- rerouted returns the edits that have every route to realtime call it name.
local function rerouted(text, host, name)
  local list, number = {}, 0
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local from, to = string.find(line, "//" .. host .. ":4000/", 1, true)
    if from then
      list[#list + 1] = { line = number, old = line, new = string.sub(line, 1, from - 1) .. "//" .. name .. ":4000/" .. string.sub(line, to + 1) }
    end
  end
  return list
end

return {
  title = "Give realtime the name by which it knows its tenant",
  fixes = { "RT-01" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { files = { "@compose", "@mounted" } },

  plan = function(t, params)
    local realtime, gateway = t.services.realtime, t.services.gateway
    if not realtime or realtime.missing then
      return nil, "there is no container of realtime"
    end
    local tenant = realtime.env and realtime.env.SELF_HOST_TENANT_NAME or "realtime-dev"
    if type(tenant) ~= "string" then
      tenant = "realtime-dev"
    end
    local path
    for _, m in ipairs(gateway and gateway.mounts or {}) do
      if string.match(m.source, "%.ya?ml$") and string.find(t.files[m.source] or "", ":4000/", 1, true) then
        path = m.source
      end
    end
    if not path then
      return nil, "the gateway's routes do not say how realtime is called"
    end
    local routes = t.files[path]
    local host = string.match(routes, "//([%w%.%-_]+):4000/")
    local name = realtime.container_name
    if string.match(host, "^" .. plain(tenant) .. "%.") then
      return nil, "the gateway calls realtime " .. host .. ", which names the tenant; the tenant is missing in the database, recreate realtime"
    end

    local actions = {}
    if string.match(name, "^" .. plain(tenant) .. "%.") then
      name = string.sub(name, #tenant + 2)
    else
      local done = false
      for _, p in ipairs(sorted_keys(t.files)) do
        local list = p ~= path and renamed(t.files[p], realtime.compose_service, tenant)
        if list then
          actions[#actions + 1] = { op = "write_file", path = p, edits = list }
          done = true
        end
      end
      if not done then
        return nil, "the compose files give realtime no container_name to mend"
      end
    end
    actions[#actions + 1] = { op = "write_file", path = path, edits = rerouted(routes, host, tenant .. "." .. name) }
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, service in ipairs({ "realtime", "gateway" }) do
        actions[#actions + 1] = { op = op, service = service, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = {
          realtime = { state = "running", compose_service = "realtime", container_name = "shop-realtime" },
          gateway = { state = "running", mounts = { { source = "volumes/api/kong.yml" } } },
        },
        files = {
          ["docker-compose.yml"] = "services:\n  realtime:\n    container_name: ${NAME}-realtime\n",
          ["volumes/api/kong.yml"] = "url: http://shop-realtime:4000/socket\nurl: http://shop-realtime:4000/api\n",
        },
      },
      plan = {
        "write_file edits=[map[line:3 new:    container_name: realtime-dev.${NAME}-realtime old:    container_name: ${NAME}-realtime]] path=docker-compose.yml",
        "write_file edits=[map[line:1 new:url: http://realtime-dev.shop-realtime:4000/socket old:url: http://shop-realtime:4000/socket] " ..
          "map[line:2 new:url: http://realtime-dev.shop-realtime:4000/api old:url: http://shop-realtime:4000/api]] path=volumes/api/kong.yml",
        "recreate realtime", "recreate gateway", "wait_healthy realtime", "wait_healthy gateway",
      },
    },
    {
      given = {
        services = {
          realtime = { state = "running", compose_service = "realtime", container_name = "realtime-dev.shop-realtime" },
          gateway = { state = "running", mounts = { { source = "volumes/api/kong.yml" } } },
        },
        files = { ["volumes/api/kong.yml"] = "url: http://realtime:4000/socket\n" },
      },
      plan = {
        "write_file edits=[map[line:1 new:url: http://realtime-dev.shop-realtime:4000/socket old:url: http://realtime:4000/socket]] path=volumes/api/kong.yml",
        "recreate realtime", "recreate gateway", "wait_healthy realtime", "wait_healthy gateway",
      },
    },
    {
      given = {
        services = {
          realtime = { state = "running", container_name = "realtime-dev.supabase-realtime" },
          gateway = { state = "running", mounts = { { source = "volumes/api/kong.yml" } } },
        },
        files = { ["volumes/api/kong.yml"] = "url: http://realtime-dev.supabase-realtime:4000/socket\n" },
      },
      refuses = "the gateway calls realtime realtime-dev.supabase-realtime, which names the tenant; the tenant is missing in the database, recreate realtime",
    },
    { given = {}, refuses = "there is no container of realtime" },
  },
}

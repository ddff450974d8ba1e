-- Upstream's compose file fixes names such as supabase-db, which a second stack on
-- the host cannot have. This puts the project's name in the place of "supabase",
-- in the compose file and wherever a mounted file speaks of that container, and
-- keeps realtime-dev. in front of realtime's, by which it knows its tenant.
local function plain(text)
  return (string.gsub(text, "%p", "%%%0"))
end

-- spoken returns the edits that call a container by its new name in a file.
local function spoken(text, names)
  local list, number = {}, 0
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local new = line
    for _, n in ipairs(names) do
      new = string.gsub(" " .. new .. " ", "([^%w_%.-])" .. plain(n.old) .. "([^%w_-])", "%1" .. plain(n.new) .. "%2")
      new = string.sub(new, 2, -2)
    end
    if new ~= line then
      list[#list + 1] = { line = number, old = line, new = new }
    end
  end
  return list
end

return {
  title = "Give the containers names of this stack's own",
  fixes = { "DK-01" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { files = { "@compose", "@mounted" } },

  plan = function(t, params)
    if t.instance.project == "supabase" then
      return nil, "the project itself is called supabase; give it a name of its own in .env (COMPOSE_PROJECT_NAME) first"
    end
    local names, again, actions = {}, {}, {}
    local keys = sorted_keys(t.services)
    local paths, edits = sorted_keys(t.files), {}
    for _, path in ipairs(paths) do
      for _, key in ipairs(keys) do
        local s = t.services[key]
        for _, at in ipairs(compose_lines(t.files[path], s.compose_service)) do
          local head, prefix, rest = string.match(at.text, "^(%s*container_name:%s*[\"']?)([realtime%-dev%.]*)supabase%-(.+)$")
          if at.key == "container_name" and head and (prefix == "" or prefix == "realtime-dev.") then
            local new = prefix .. t.instance.project .. "-" .. rest
            edits[path] = edits[path] or {}
            table.insert(edits[path], { line = at.line, old = at.text, new = head .. new })
            local bare = string.match(rest, "^[%w_%.-]+")
            names[#names + 1] = { old = prefix .. "supabase-" .. bare, new = prefix .. t.instance.project .. "-" .. bare }
            again[key] = not s.missing and s.container_name == prefix .. "supabase-" .. bare
          end
        end
      end
    end
    if #names == 0 then
      return nil, "no compose file of this stack fixes one of upstream's names"
    end
    for _, key in ipairs(keys) do
      for _, m in ipairs(t.services[key].mounts or {}) do
        local list = t.files[m.source] and not edits[m.source] and spoken(t.files[m.source], names) or {}
        if #list > 0 then
          edits[m.source] = list
          again[key] = not t.services[key].missing
        end
      end
    end
    for _, path in ipairs(paths) do
      if edits[path] then
        actions[#actions + 1] = { op = "write_file", path = path, edits = edits[path] }
      end
    end
    -- The database first: the others look for it as they start.
    table.sort(keys, function(a, b)
      if a == "db" or b == "db" then
        return a == "db" and b ~= "db"
      end
      return a < b
    end)
    for _, key in ipairs(keys) do
      if again[key] then
        actions[#actions + 1] = { op = "recreate", service = key }
        actions[#actions + 1] = { op = "wait_healthy", service = key, timeout = params.timeout }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        instance = { project = "shop" },
        services = {
          auth = { state = "running", compose_service = "auth", container_name = "supabase-auth", mounts = {} },
          realtime = { state = "running", compose_service = "realtime", container_name = "realtime-dev.supabase-realtime", mounts = {} },
          gateway = { state = "running", compose_service = "kong", container_name = "shop-kong", mounts = { { source = "volumes/api/kong.yml" } } },
        },
        files = {
          ["docker-compose.yml"] = "services:\n  auth:\n    container_name: supabase-auth\n  realtime:\n    container_name: realtime-dev.supabase-realtime # tenant\n  kong:\n    container_name: shop-kong\n",
          ["volumes/api/kong.yml"] = "url: http://realtime-dev.supabase-realtime:4000/socket\nurl: http://auth:9999/\n",
        },
      },
      plan = {
        "write_file edits=[map[line:3 new:    container_name: shop-auth old:    container_name: supabase-auth] " ..
          "map[line:5 new:    container_name: realtime-dev.shop-realtime # tenant old:    container_name: realtime-dev.supabase-realtime # tenant]] path=docker-compose.yml",
        "write_file edits=[map[line:1 new:url: http://realtime-dev.shop-realtime:4000/socket old:url: http://realtime-dev.supabase-realtime:4000/socket]] path=volumes/api/kong.yml",
        "recreate auth", "wait_healthy auth timeout=120s", "recreate gateway", "wait_healthy gateway timeout=120s", "recreate realtime", "wait_healthy realtime timeout=120s",
      },
    },
    { given = { instance = { project = "supabase" } }, refuses = "the project itself is called supabase; give it a name of its own in .env (COMPOSE_PROJECT_NAME) first" },
    {
      given = { instance = { project = "shop" }, services = { auth = { state = "running", compose_service = "auth", mounts = {} } }, files = { ["docker-compose.yml"] = "services:\n  auth:\n    container_name: a\n" } },
      refuses = "no compose file of this stack fixes one of upstream's names",
    },
  },
}

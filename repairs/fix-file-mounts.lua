-- A file that a service mounts did not exist when its container was created, so
-- Docker made an empty folder of its name, and the service cannot start. This sets
-- the folder aside, puts the release's file in its place, and makes the container
-- anew. A script that prepares the database is put back too, but runs only on an
-- empty data folder: what it did not make is for create-missing-database-objects.
local main = "volumes/functions/main/index.ts"
local vector = "volumes/logs/vector.yml"

-- called says whose logs the release's vector.yml sorts by a name.
local called = {
  ["${STACK_NAME}-api-gw"] = "gateway", ["${STACK_NAME}-auth"] = "auth", ["${STACK_NAME}-rest"] = "rest",
  ["realtime-dev.${STACK_NAME}-realtime"] = "realtime", ["${STACK_NAME}-storage"] = "storage",
  ["${STACK_NAME}-edge-functions"] = "functions", ["${STACK_NAME}-db"] = "db", ["${STACK_NAME}-vector"] = "vector",
}

-- fitted returns the release's vector.yml with the names that this stack's
-- containers have: Vector need not know STACK_NAME.
local function fitted(text, t)
  local lines = {}
  for line in string.gmatch(text, "([^\n]*)\n") do
    local head, name, tail = string.match(line, "^(.*%.appname == \")([^\"]+)(\".*)$")
    if not head then
      head, name = string.match(line, "^(%s*%- )(%S+)$")
    end
    local s = name and called[name] and t.services[called[name]]
    if s and s.container_name then
      line = head .. s.container_name .. (tail or "")
    end
    lines[#lines + 1] = string.gsub(line, "%${STACK_NAME}", t.instance.project)
  end
  return table.concat(lines, "\n") .. "\n"
end

-- users returns the services that run with a path mounted. The database is for a
-- person to stop.
local function users(t, name)
  local list = {}
  for service, s in pairs(t.services) do
    for _, m in ipairs(s.mounts or {}) do
      if m.source == name and service ~= "db" and (s.state == "running" or s.state == "restarting" or s.state == "paused") then
        list[#list + 1] = service
      end
    end
  end
  table.sort(list)
  return list
end

return {
  title = "Put back files that are mounted",
  fixes = { "DK-08", "VEC-02", "FN-01" },
  risk = "medium",
  needs = { "stop", "quarantine", "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = {
    files = { "@mounted", "volumes/functions/main/index.ts" },
    release = {
      "volumes/api/kong.yml", "volumes/api/kong-entrypoint.sh", "volumes/pooler/pooler.exs", "volumes/functions/main/index.ts",
      "volumes/db/_supabase.sql", "volumes/db/jwt.sql", "volumes/db/logs.sql", "volumes/db/pooler.sql", "volumes/db/realtime.sql",
      "volumes/db/roles.sql", "volumes/db/webhooks.sql", "volumes/logs/vector.yml",
    },
  },

  plan = function(t, params)
    local names, actions, again = {}, {}, {}
    for name, s in pairs(t.stats) do
      if s.kind ~= "file" and (name ~= main or t.services.functions) then
        names[#names + 1] = name
      end
    end
    if #names == 0 then
      return nil, "every file that is mounted is there"
    end
    table.sort(names)
    for _, name in ipairs(names) do
      local text = t.release.files[name]
      if not text then
        return nil, "release " .. t.release.name .. " has no " .. name .. "; put the file there yourself"
      end
      if name == vector then
        text = fitted(text, t)
      end
      if t.stats[name].kind == "folder" then
        for _, service in ipairs(users(t, name)) do
          actions[#actions + 1] = { op = "stop", service = service, why = "it has the folder mounted" }
        end
        actions[#actions + 1] = { op = "quarantine", path = name, why = "it is a folder where a file belongs" }
      end
      actions[#actions + 1] = { op = "write_file", path = name, content = text, why = "as in release " .. t.release.name }
      for service, s in pairs(t.services) do
        for _, m in ipairs(s.mounts or {}) do
          if not s.missing and service ~= "db" and (m.source == name or name == main and service == "functions") then
            again[service] = true
          end
        end
      end
    end
    local services = sorted_keys(again)
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, service in ipairs(services) do
        actions[#actions + 1] = { op = op, service = service, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = { gateway = { state = "exited", mounts = { { source = "volumes/api/kong.yml", target = "/home/kong/temp.yml" } } } },
        stats = { ["volumes/api/kong.yml"] = { kind = "folder" }, ["volumes/functions/main/index.ts"] = { kind = "missing" } },
        release = { name = "0.8.1", files = { ["volumes/api/kong.yml"] = "routes" } },
      },
      plan = {
        "quarantine path=volumes/api/kong.yml", "write_file content=routes path=volumes/api/kong.yml",
        "recreate gateway", "wait_healthy gateway timeout=120s",
      },
    },
    {
      given = {
        services = { functions = { state = "restarting", mounts = { { source = "volumes/functions", target = "/home/deno/functions" } } } },
        stats = { ["volumes/functions/main/index.ts"] = { kind = "missing" } },
        release = { name = "0.8.1", files = { ["volumes/functions/main/index.ts"] = "serve" } },
      },
      plan = { "write_file content=serve path=volumes/functions/main/index.ts", "recreate functions", "wait_healthy functions" },
    },
    {
      given = {
        instance = { project = "shop" },
        services = {
          vector = { state = "restarting", container_name = "shop-vector", mounts = { { source = "volumes/logs/vector.yml", target = "/etc/vector/vector.yml" } } },
          gateway = { state = "running", container_name = "supabase-kong" },
        },
        stats = { ["volumes/logs/vector.yml"] = { kind = "folder" } },
        release = {
          name = "0.8.1",
          files = { ["volumes/logs/vector.yml"] = "a:\n  - x=${STACK_NAME}\n  - ${STACK_NAME}-vector\n  kong: '.appname == \"${STACK_NAME}-api-gw\"'\n  auth: '.appname == \"${STACK_NAME}-auth\"'\n" },
        },
      },
      plan = {
        "stop vector", "quarantine path=volumes/logs/vector.yml",
        "write_file content=a:\n  - x=shop\n  - shop-vector\n  kong: '.appname == \"supabase-kong\"'\n  auth: '.appname == \"shop-auth\"'\n path=volumes/logs/vector.yml",
        "recreate vector", "wait_healthy vector timeout=120s",
      },
    },
    {
      given = { stats = { ["volumes/x/own.conf"] = { kind = "missing" } }, release = { name = "0.8.1", files = {} } },
      refuses = "release 0.8.1 has no volumes/x/own.conf; put the file there yourself",
    },
    { given = { stats = { ["volumes/api/kong.yml"] = { kind = "file" } } }, refuses = "every file that is mounted is there" },
  },
}

-- vector.yml of upstream reads the logs of every container on the host, and sorts
-- them by upstream's container names. On a host with several stacks that mixes the
-- logs of one into another. This has it read this stack's containers only, and
-- sort by the names that they have.
local upstream = {
  kong = "gateway", envoy = "gateway", auth = "auth", rest = "rest", ["realtime-dev.supabase-realtime"] = "realtime", storage = "storage",
  ["edge-functions"] = "functions", db = "db", pooler = "pooler",
}

-- mended returns the edits of one vector.yml.
local function mended(text, t)
  local list, number, source, filtered = {}, 0, nil, string.find(text, "include_labels:", 1, true) or string.find(text, "include_containers:", 1, true)
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local new = line
    local indent = string.match(line, "^(%s*)type:%s*docker_logs%s*$")
    if indent and not filtered then
      new = line .. "\n" .. indent .. "include_labels:\n" .. indent .. "  - com.docker.compose.project=" .. t.instance.project
    end
    local head, name, tail = string.match(line, "^(.*%.appname == [\"'])([^\"']+)([\"'].*)$")
    local role = name and (upstream[name] or upstream[string.match(name, "^supabase%-(.+)$") or ""])
    local s = role and t.services[role]
    if s and not s.missing and s.container_name ~= name then
      new = head .. s.container_name .. tail
    end
    if new ~= line then
      list[#list + 1] = { line = number, old = line, new = new }
    end
  end
  return list
end

return {
  title = "Have Vector read this stack's logs, and only those",
  fixes = { "VEC-03", "VEC-04" },
  risk = "low",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long Vector may take to be healthy" },
  },
  wants = { files = { "@mounted" } },

  plan = function(t, params)
    local vector = t.services.vector
    if not vector or vector.missing then
      return nil, "there is no container of vector"
    end
    for _, m in ipairs(vector.mounts or {}) do
      local list = t.files[m.source] and mended(t.files[m.source], t) or {}
      if #list > 0 then
        return {
          { op = "write_file", path = m.source, edits = list },
          { op = "recreate", service = "vector" },
          { op = "wait_healthy", service = "vector", timeout = params.timeout },
        }
      end
    end
    return nil, "vector.yml names this stack's containers and no others"
  end,

  examples = {
    {
      given = {
        instance = { project = "shop" },
        services = {
          vector = { state = "running", mounts = { { source = "volumes/logs/vector.yml" } } },
          auth = { state = "running", container_name = "shop-auth" }, gateway = { state = "running", container_name = "supabase-kong" },
        },
        files = {
          ["volumes/logs/vector.yml"] = "sources:\n  docker_host:\n    type: docker_logs\nroute:\n  kong: '.appname == \"supabase-kong\"'\n  auth: '.appname == \"supabase-auth\"'\n",
        },
      },
      plan = {
        "write_file edits=[map[line:3 new:    type: docker_logs\n    include_labels:\n      - com.docker.compose.project=shop old:    type: docker_logs] " ..
          "map[line:6 new:  auth: '.appname == \"shop-auth\"' old:  auth: '.appname == \"supabase-auth\"']] path=volumes/logs/vector.yml",
        "recreate vector", "wait_healthy vector timeout=60s",
      },
    },
    { given = { services = { vector = { state = "running", mounts = {} } } }, refuses = "vector.yml names this stack's containers and no others" },
    { given = {}, refuses = "there is no container of vector" },
  },
}

-- Kong does not start on routes that it cannot read, and lacks what an older file
-- does not have. This puts the release's own kong.yml in place of the one that is
-- there; routes of your own are in the snapshot, to be added again.
local function contains(list, what)
  for _, v in ipairs(list or {}) do
    if v == what then
      return true
    end
  end
  return false
end

-- upstreamName is how the release's routes call realtime.
local upstreamName = "realtime-dev.supabase-realtime"

return {
  title = "Restore the gateway's routes from the release",
  fixes = { "GW-01", "GW-18", "UPG-06", "SEC-14" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long the gateway may take to be healthy" },
  },
  wants = { files = { "@mounted", "@finding" }, release = { "volumes/api/kong.yml" } },

  plan = function(t, params)
    local gateway, path = t.services.gateway, nil
    for _, m in ipairs(gateway and gateway.mounts or {}) do
      if string.match(m.source, "kong%.ya?ml$") then
        path = m.source
      end
    end
    if not path then
      return nil, "the gateway mounts no kong.yml from the instance folder; its routes are elsewhere"
    end
    if t.finding and t.finding.code == "UPG-06" then
      for name in pairs(t.stats) do
        local text = t.files[name] or ""
        if name ~= path and (string.find(text, "\n<<<<<<< ", 1, true) or string.sub(text, 1, 8) == "<<<<<<< ") then
          return nil, name .. " holds conflict markers too; only a person can tell which side is meant"
        end
      end
    end
    if t.stats[path] and t.stats[path].kind == "folder" then
      return nil, path .. " is a folder; apply fix-file-mounts"
    end
    local text = t.release.files["volumes/api/kong.yml"]
    local realtime = t.services.realtime
    local name = realtime and realtime.container_name or ""
    if realtime and not contains(realtime.aliases, upstreamName) and string.match(name, "^realtime%-dev%.") then
      text = string.gsub(text, "realtime%-dev%.supabase%-realtime", (string.gsub(name, "%%", "%%%%")))
    end
    if t.files[path] == text then
      return nil, path .. " is the release's already"
    end
    return {
      { op = "write_file", path = path, content = text, why = "as in release " .. t.release.name },
      { op = "recreate", service = "gateway" },
      { op = "wait_healthy", service = "gateway", timeout = params.timeout },
    }
  end,

  examples = {
    {
      given = {
        services = {
          gateway = { state = "restarting", mounts = { { source = "volumes/api/kong.yml", target = "/home/kong/temp.yml" } } },
          realtime = { state = "running", container_name = "realtime-dev.shop-realtime", aliases = { "realtime" } },
        },
        files = { ["volumes/api/kong.yml"] = "services" },
        release = { name = "0.8.1", files = { ["volumes/api/kong.yml"] = "url: http://realtime-dev.supabase-realtime:4000/" } },
      },
      plan = {
        "write_file content=url: http://realtime-dev.shop-realtime:4000/ path=volumes/api/kong.yml",
        "recreate gateway", "wait_healthy gateway",
      },
    },
    {
      given = {
        finding = { code = "UPG-06", service = "host" },
        services = { gateway = { state = "running", mounts = { { source = "volumes/api/kong.yml" } } } },
        stats = { ["docker-compose.yml"] = { kind = "file" }, ["volumes/api/kong.yml"] = { kind = "file" } },
        files = { ["docker-compose.yml"] = "services:\n<<<<<<< yours\n" },
      },
      refuses = "docker-compose.yml holds conflict markers too; only a person can tell which side is meant",
    },
    {
      given = {
        services = { gateway = { state = "restarting", mounts = { { source = "volumes/api/kong.yml" } } } },
        stats = { ["volumes/api/kong.yml"] = { kind = "folder" } },
      },
      refuses = "volumes/api/kong.yml is a folder; apply fix-file-mounts",
    },
    {
      given = { services = { gateway = { state = "running", mounts = {} } } },
      refuses = "the gateway mounts no kong.yml from the instance folder; its routes are elsewhere",
    },
  },
}

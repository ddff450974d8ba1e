-- A compose file that is older than the image does not hand a service all that it
-- asks for since. This adds the lines that the release has, for the service of the
-- finding, and makes its container anew.
local lines = {
  ["RT-07"] = { service = "realtime", { "METRICS_JWT_SECRET", "${JWT_SECRET}" } },
  ["RT-08"] = { service = "realtime", { "APP_NAME", "realtime" }, { "SECRET_KEY_BASE", "${SECRET_KEY_BASE}" } },
  ["RT-17"] = { service = "realtime", { "DISABLE_HEALTHCHECK_LOGGING", '"true"' } },
  ["ST-05"] = { service = "storage", { "STORAGE_PUBLIC_URL", "${SUPABASE_PUBLIC_URL}" }, { "REQUEST_ALLOW_X_FORWARDED_PATH", '"true"' } },
  ["STU-01"] = { service = "studio", { "HOSTNAME", '"0.0.0.0"' } },
}

-- added returns the edit that adds variables to a service of a compose file, with
-- the first of what it sets already.
local function added(text, service, wanted)
  local head, style, set = nil, nil, {}
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "environment" then
      if string.match(at.rest, "^environment:%s*$") then
        head = at
      elseif head then
        style = style or string.match(at.text, "^(%s*%-?%s*)")
        set[string.match(at.rest, "^%-?%s*[\"']?([%w_]+)") or ""] = true
      end
    end
  end
  if not head or not style then
    return nil
  end
  local list, new = string.find(style, "-", 1, true), head.text
  for _, v in ipairs(wanted) do
    if not set[v[1]] then
      local value = list and string.gsub(v[2], '"', "") or v[2]
      new = new .. "\n" .. style .. v[1] .. (list and "=" or ": ") .. value
    end
  end
  return { line = head.line, old = head.text, new = new }
end

return {
  title = "Give a service the settings that its image asks for",
  fixes = { "RT-07", "RT-08", "RT-17", "ST-05", "STU-01" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long the service may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local wanted = t.finding and lines[t.finding.code]
    if not wanted then
      return nil, "there is no finding to tell what is missing; start it with --finding ST-05"
    end
    local s = t.services[wanted.service]
    if not s or s.missing then
      return nil, "there is no container of " .. wanted.service
    end
    local paths = {}
    for path in pairs(t.files) do
      paths[#paths + 1] = path
    end
    table.sort(paths)
    for _, path in ipairs(paths) do
      local edit = added(t.files[path], s.compose_service, wanted)
      if edit and edit.new == edit.old then
        return nil, path .. " sets all of it already; recreate " .. wanted.service .. ", or read its log"
      elseif edit then
        return {
          { op = "write_file", path = path, edits = { edit } },
          { op = "recreate", service = wanted.service },
          { op = "wait_healthy", service = wanted.service, timeout = params.timeout },
        }
      end
    end
    return nil, "the compose files write the environment of " .. wanted.service .. " in a way that only a person can edit"
  end,

  examples = {
    {
      given = {
        finding = { code = "ST-05", service = "storage" },
        services = { storage = { state = "running", compose_service = "storage" } },
        files = { ["docker-compose.yml"] = "services:\n  rest:\n    environment:\n      A: b\n  storage:\n    environment:\n      STORAGE_PUBLIC_URL: x\n      B: c\n" },
      },
      plan = {
        'write_file edits=[map[line:6 new:    environment:\n      REQUEST_ALLOW_X_FORWARDED_PATH: "true" old:    environment:]] path=docker-compose.yml',
        "recreate storage", "wait_healthy storage timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "STU-01", service = "studio" },
        services = { studio = { state = "running", compose_service = "studio" } },
        files = { ["docker-compose.yml"] = "services:\n  studio:\n    environment:\n      - A=b\n" },
      },
      plan = {
        "write_file edits=[map[line:3 new:    environment:\n      - HOSTNAME=0.0.0.0 old:    environment:]] path=docker-compose.yml",
        "recreate studio", "wait_healthy studio",
      },
    },
    {
      given = {
        finding = { code = "RT-07", service = "realtime" },
        services = { realtime = { state = "restarting", compose_service = "realtime" } },
        files = { ["docker-compose.yml"] = "services:\n  realtime:\n    environment:\n      METRICS_JWT_SECRET: x\n" },
      },
      refuses = "docker-compose.yml sets all of it already; recreate realtime, or read its log",
    },
    { given = { finding = { code = "STU-01", service = "studio" } }, refuses = "there is no container of studio" },
    { given = {}, refuses = "there is no finding to tell what is missing; start it with --finding ST-05" },
  },
}

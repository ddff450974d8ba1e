-- A compose file that is older than the image does not hand a service all that it
-- asks for since, or hands it what it cannot use. This writes the lines that the
-- release has, for the service of the finding, and makes its container anew.
-- A third value says that what stands there now is wrong.
local lines = {
  ["AUTH-13"] = {
    env = "JWT_JWKS", -- what verifies the tokens that auth signs
    all = {
      { service = "rest", { "PGRST_JWT_SECRET", "${JWT_JWKS:-${JWT_SECRET}}", true } },
      { service = "realtime", { "API_JWT_JWKS", "${JWT_JWKS}", true } },
      { service = "storage", { "JWT_JWKS", "${JWT_JWKS}", true } },
      { service = "functions", { "SUPABASE_JWKS", "${JWT_JWKS}", true } },
    },
  },
  ["DK-19"] = { { "RLIMIT_NOFILE", '"1024"', true } }, -- which every host permits
  ["GW-13"] = { service = "gateway", { "KONG_NGINX_PROXY_PROXY_BUFFER_SIZE", "160k", true }, { "KONG_NGINX_PROXY_PROXY_BUFFERS", "64 160k", true } },
  ["LOG-08"] = {
    service = "analytics",
    { "POSTGRES_BACKEND_URL", "postgresql://supabase_admin:${POSTGRES_PASSWORD}@${POSTGRES_HOST}:${POSTGRES_PORT}/_supabase", true },
  },
  ["RT-04"] = { service = "realtime", { "SEED_SELF_HOST", '"true"', true } },
  ["RT-15"] = { service = "realtime", { "RUN_JANITOR", '"true"', true } },
  ["RT-07"] = { service = "realtime", { "METRICS_JWT_SECRET", "${JWT_SECRET}" } },
  ["RT-08"] = { service = "realtime", { "APP_NAME", "realtime" }, { "SECRET_KEY_BASE", "${SECRET_KEY_BASE}" } },
  ["RT-17"] = { service = "realtime", { "DISABLE_HEALTHCHECK_LOGGING", '"true"' } },
  ["ST-05"] = { service = "storage", { "STORAGE_PUBLIC_URL", "${SUPABASE_PUBLIC_URL}" }, { "REQUEST_ALLOW_X_FORWARDED_PATH", '"true"' } },
  ["STU-01"] = { service = "studio", { "HOSTNAME", '"0.0.0.0"' } },
}

-- added returns the edits that give a service of a compose file its variables, in
-- the style of the first that it sets already; none when it sets all of them.
local function added(text, service, wanted)
  local head, style, set, edits = nil, nil, {}, {}
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "environment" then
      if string.match(at.rest, "^environment:%s*$") then
        head = at
      elseif head then
        style = style or string.match(at.text, "^(%s*%-?%s*)")
        set[string.match(at.rest, "^%-?%s*[\"']?([%w_]+)") or ""] = at
      end
    end
  end
  if not head or not style then
    return nil
  end
  local list, new = string.find(style, "-", 1, true), head.text
  for _, v in ipairs(wanted) do
    local line = style .. v[1] .. (list and "=" .. string.gsub(v[2], '"', "") or ": " .. v[2])
    local at = set[v[1]]
    if not at then
      new = new .. "\n" .. line
    elseif v[3] and at.text ~= line and not string.find(at.text, "•••", 1, true) then -- what looks like a secret stays
      edits[#edits + 1] = { line = at.line, old = at.text, new = line }
    end
  end
  if new ~= head.text then
    edits[#edits + 1] = { line = head.line, old = head.text, new = new }
  end
  return edits
end

-- place returns the first of the files that has the service, and the edits of it.
local function place(paths, files, service, wanted)
  for _, path in ipairs(paths) do
    local edits = added(files[path], service, wanted)
    if edits then
      return path, edits
    end
  end
end

return {
  title = "Give a service the settings that its image asks for",
  fixes = { "RT-07", "RT-08", "RT-17", "ST-05", "STU-01", "AUTH-13", "DK-19", "GW-13", "LOG-08", "RT-04", "RT-15" },
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
    if wanted.env and (t.env[wanted.env] == nil or t.env[wanted.env] == "") then
      return nil, wanted.env .. " is not set in .env; upstream's utils/add-new-auth-keys.sh makes it, or take GOTRUE_JWT_KEYS away from auth"
    end
    local paths, names, edits, actions = sorted_keys(t.files), {}, {}, {}
    for _, path in ipairs(paths) do
      edits[path] = {}
    end
    for _, part in ipairs(wanted.all or { wanted }) do
      local name = part.service or t.finding.service
      local s = t.services[name]
      local path, list
      if s and not s.missing then
        path, list = place(paths, t.files, s.compose_service, part)
      elseif not wanted.all then
        return nil, "there is no container of " .. name
      end
      if s and not s.missing and not path then
        return nil, "the compose files write the environment of " .. name .. " in a way that only a person can edit"
      elseif path and #list == 0 and not wanted.all then
        return nil, path .. " sets all of it already; recreate " .. name .. ", or read its log"
      elseif path and #list > 0 then
        names[#names + 1] = name
        for _, e in ipairs(list) do
          edits[path][#edits[path] + 1] = e
        end
      end
    end
    if #names == 0 then
      return nil, "the compose files set all of it already; recreate the services"
    end
    for _, path in ipairs(paths) do
      if #edits[path] > 0 then
        actions[#actions + 1] = { op = "write_file", path = path, edits = edits[path] }
      end
    end
    for _, op in ipairs({ "recreate", "wait_healthy" }) do
      for _, name in ipairs(names) do
        actions[#actions + 1] = { op = op, service = name, timeout = op == "wait_healthy" and params.timeout or nil }
      end
    end
    return actions
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
    {
      given = {
        finding = { code = "AUTH-13", service = "auth" }, env = { JWT_JWKS = { secret = "env:JWT_JWKS", fingerprint = "aaaaaaaa" } },
        services = { rest = { state = "running", compose_service = "rest" }, storage = { state = "running", compose_service = "storage" } },
        files = {
          ["docker-compose.yml"] = "services:\n  rest:\n    environment:\n      PGRST_JWT_SECRET: ${JWT_JWKS:-${JWT_SECRET}}\n  storage:\n    environment:\n      REGION: x\n",
        },
      },
      plan = {
        "write_file edits=[map[line:6 new:    environment:\n      JWT_JWKS: ${JWT_JWKS} old:    environment:]] path=docker-compose.yml",
        "recreate storage", "wait_healthy storage",
      },
    },
    {
      given = { finding = { code = "AUTH-13", service = "auth" } },
      refuses = "JWT_JWKS is not set in .env; upstream's utils/add-new-auth-keys.sh makes it, or take GOTRUE_JWT_KEYS away from auth",
    },
    {
      given = {
        finding = { code = "LOG-08", service = "analytics" },
        services = { analytics = { state = "restarting", compose_service = "analytics" } },
        files = { ["docker-compose.yml"] = "services:\n  analytics:\n    environment:\n      POSTGRES_BACKEND_URL: postgresql://db\n" },
      },
      plan = {
        "write_file edits=[map[line:4 new:      POSTGRES_BACKEND_URL: postgresql://supabase_admin:${POSTGRES_PASSWORD}@${POSTGRES_HOST}:${POSTGRES_PORT}/_supabase " ..
          "old:      POSTGRES_BACKEND_URL: postgresql://db]] path=docker-compose.yml",
        "recreate analytics", "wait_healthy analytics",
      },
    },
    {
      given = {
        finding = { code = "DK-19", service = "pooler" },
        services = { pooler = { state = "restarting", compose_service = "supavisor" } },
        files = { ["docker-compose.yml"] = "services:\n  supavisor:\n    environment:\n      - PORT=4000\n" },
      },
      plan = {
        "write_file edits=[map[line:3 new:    environment:\n      - RLIMIT_NOFILE=1024 old:    environment:]] path=docker-compose.yml",
        "recreate pooler", "wait_healthy pooler",
      },
    },
    { given = { finding = { code = "STU-01", service = "studio" } }, refuses = "there is no container of studio" },
    { given = {}, refuses = "there is no finding to tell what is missing; start it with --finding ST-05" },
  },
}

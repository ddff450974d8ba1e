-- A port of this stack is taken by somebody else on the host, so a container was
-- created and cannot start. This gives the stack another port, that nobody has or
-- has reserved, and changes the URLs that name the old one. Clients that use the
-- old port must be told.
local urls = { "SUPABASE_PUBLIC_URL", "API_EXTERNAL_URL", "SITE_URL" }

return {
  title = "Give the stack a port that is free",
  fixes = { "DK-03" },
  risk = "medium",
  needs = { "allocate_port", "set_env", "up", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "180s", help = "how long the services may take to be healthy" },
  },

  plan = function(t, params)
    local ports, wanted = {}, nil
    for _, e in ipairs(t.finding and t.finding.evidence or {}) do
      for port in string.gmatch(e.text, ":(%d+)") do
        ports[port] = true
      end
    end
    for key, value in pairs(t.env) do
      local port = type(value) == "string" and string.match(value, "^(%d+)$")
      if port and ports[port] and string.match(key, "PORT") and (not wanted or key < wanted) then
        wanted = key
      end
    end
    if not wanted then
      return nil, "the port that is taken is not one that .env names; change it in the compose file"
    end
    local old = t.env[wanted]
    local taken = {}
    for _, port in ipairs(t.ports.taken or {}) do
      taken[port] = true
    end
    local new = tonumber(old) + 1
    while taken[new] and new < 65535 do
      new = new + 1
    end
    local actions = { { op = "allocate_port", key = wanted, from = new, to = new } }
    for _, key in ipairs(urls) do
      local url = t.env[key]
      if type(url) == "string" then
        local head, rest = string.match(url, "^(%a+://[^/]*):" .. old .. "(.*)$")
        if head then
          actions[#actions + 1] = { op = "set_env", key = key, value = head .. ":" .. new .. rest }
        end
      end
    end
    actions[#actions + 1] = { op = "up", timeout = params.timeout, why = "what the port and the URLs are part of" }
    if t.finding.service ~= "" and t.services[t.finding.service] then
      actions[#actions + 1] = { op = "wait_healthy", service = t.finding.service, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "DK-03", service = "gateway", evidence = { { source = "inspect:kong", text = "Bind for 127.0.0.1:8000 failed: port is already allocated" } } },
        env = { KONG_HTTP_PORT = "8000", SUPABASE_PUBLIC_URL = "http://localhost:8000", API_EXTERNAL_URL = "http://localhost:8000/auth/v1", SITE_URL = "http://localhost:3000" },
        services = { gateway = { state = "created" } },
        ports = { taken = { 8000, 8001 } },
      },
      plan = {
        "allocate_port from=8002 key=KONG_HTTP_PORT to=8002", "set_env key=SUPABASE_PUBLIC_URL value=http://localhost:8002",
        "set_env key=API_EXTERNAL_URL value=http://localhost:8002/auth/v1", "up timeout=180s", "wait_healthy gateway timeout=180s",
      },
    },
    {
      given = { finding = { code = "DK-03", service = "studio", evidence = { { source = "inspect:studio", text = "bind 0.0.0.0:3000" } } }, env = {} },
      refuses = "the port that is taken is not one that .env names; change it in the compose file",
    },
  },
}

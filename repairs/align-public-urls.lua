-- Studio hands SUPABASE_PUBLIC_URL to the browser, and auth sends users to SITE_URL
-- whenever a redirect is not on its list. Where one names localhost or a port that
-- the gateway does not publish, people land nowhere. This sets what the rest of the
-- stack tells; a person may name another URL.
local function published(t)
  for _, p in ipairs(t.services.gateway and t.services.gateway.ports or {}) do
    if p.container_port == 8000 and p.host_port ~= 0 then
      return p.host_port
    end
  end
end

return {
  title = "Set the URLs that browsers and users are sent to",
  fixes = { "AUTH-07", "AUTH-14" },
  risk = "medium",
  needs = { "set_env", "up" },
  params = {
    public_url = { type = "string", help = "what stands in the browser's address bar; by default the host of the present one, with the gateway's port" },
    site_url = { type = "string", help = "the URL of the application; by default the public URL" },
    timeout = { type = "duration", default = "120s", help = "how long the services may take to be healthy" },
  },

  plan = function(t, params)
    local public = t.env.SUPABASE_PUBLIC_URL
    if type(public) ~= "string" or not string.match(public, "^https?://[^/]") then
      return nil, "SUPABASE_PUBLIC_URL is no URL; set it to what browsers use first"
    end
    local code, actions = t.finding and t.finding.code or "", {}
    if code == "AUTH-07" or params.public_url then
      local scheme, host, port = string.match(public, "^(https?)://([^/:]+):?(%d*)")
      local at = published(t)
      local new = params.public_url
      if not new and at and (port ~= "" or host == "localhost") then
        new = scheme .. "://" .. host .. ":" .. string.format("%d", at)
      end
      if not new then
        return nil, "nothing tells what browsers call this stack; name it with --param public_url=URL"
      end
      if new ~= public then
        actions[#actions + 1] = { op = "set_env", key = "SUPABASE_PUBLIC_URL", value = new }
      end
      public = new
    end
    if code == "AUTH-14" or params.site_url then
      actions[#actions + 1] = { op = "set_env", key = "SITE_URL", value = params.site_url or (string.gsub(public, "/+$", "")) }
    end
    for _, a in ipairs(actions) do
      if not string.match(a.value, "^https?://[^/%s]+[^%s]*$") then
        return nil, a.value .. " is no URL"
      end
    end
    if #actions == 0 then
      return nil, "the URLs are what they should be; name others with --param"
    end
    actions[#actions + 1] = { op = "up", timeout = params.timeout, why = "the services that were made with the old URLs" }
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "AUTH-07", service = "studio" }, env = { SUPABASE_PUBLIC_URL = "http://localhost:1" },
        services = { gateway = { state = "running", ports = { { container_port = 8000, host_port = 54321 } } } },
      },
      plan = { "set_env key=SUPABASE_PUBLIC_URL value=http://localhost:54321", "up timeout=120s" },
    },
    {
      given = { finding = { code = "AUTH-14", service = "auth" }, env = { SUPABASE_PUBLIC_URL = "https://api.shop.example/" } },
      plan = { "set_env key=SITE_URL value=https://api.shop.example", "up timeout=120s" },
    },
    {
      given = { finding = { code = "AUTH-14", service = "auth" }, env = { SUPABASE_PUBLIC_URL = "https://api.shop.example" } },
      params = { site_url = "not a url" }, refuses = "not a url is no URL",
    },
    {
      given = { finding = { code = "AUTH-07", service = "studio" }, env = { SUPABASE_PUBLIC_URL = "https://shop.example" } },
      refuses = "nothing tells what browsers call this stack; name it with --param public_url=URL",
    },
    { given = { env = {} }, refuses = "SUPABASE_PUBLIC_URL is no URL; set it to what browsers use first" },
  },
}

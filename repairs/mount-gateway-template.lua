-- kong.yml holds $SUPABASE_ANON_KEY and the like, which the start script fills in on
-- its way from /home/kong/temp.yml to where Kong reads it. Mounted at the end of
-- that way the text stays as it is, and every key is refused. Where there is no such
-- script the change does not help, and is taken back.
return {
  title = "Mount kong.yml where the start script reads it",
  fixes = { "GW-03" },
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
    local read = gateway.env.KONG_DECLARATIVE_CONFIG
    if type(read) ~= "string" or read == "" then
      return nil, "the gateway is not a Kong that reads a file"
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local edit
      for _, at in ipairs(compose_lines(t.files[path], gateway.compose_service)) do
        local from, to = string.find(at.text, ":" .. read, 1, true)
        if at.key == "volumes" and from then
          edit = { line = at.line, old = at.text, new = string.sub(at.text, 1, from) .. "/home/kong/temp.yml" .. string.sub(at.text, to + 1) }
        end
      end
      if edit then
        return {
          { op = "write_file", path = path, edits = { edit } },
          { op = "recreate", service = "gateway" },
          { op = "wait_healthy", service = "gateway", timeout = params.timeout },
        }
      end
    end
    return nil, "no compose file mounts something at " .. read .. " in a way that this playbook can edit"
  end,

  examples = {
    {
      given = {
        services = { gateway = { state = "running", compose_service = "kong", env = { KONG_DECLARATIVE_CONFIG = "/usr/local/kong/kong.yml" } } },
        files = {
          ["docker-compose.yml"] = "services:\n  kong:\n    volumes:\n      - ./volumes/api/kong.yml:/usr/local/kong/kong.yml:ro\n" ..
            "    entrypoint: bash -c 'eval \"echo \\\"$$(cat ~/temp.yml)\\\"\" > ~/kong.yml && /docker-entrypoint.sh kong docker-start'\n",
        },
      },
      plan = {
        "write_file edits=[map[line:4 new:      - ./volumes/api/kong.yml:/home/kong/temp.yml:ro old:      - ./volumes/api/kong.yml:/usr/local/kong/kong.yml:ro]] path=docker-compose.yml",
        "recreate gateway", "wait_healthy gateway timeout=120s",
      },
    },
    {
      given = {
        services = { gateway = { state = "running", compose_service = "kong", env = { KONG_DECLARATIVE_CONFIG = "/usr/local/kong/kong.yml" } } },
        files = { ["docker-compose.yml"] = "services:\n  kong:\n    volumes: *files\n" },
      },
      refuses = "no compose file mounts something at /usr/local/kong/kong.yml in a way that this playbook can edit",
    },
    { given = { services = { gateway = { state = "running", env = {} } } }, refuses = "the gateway is not a Kong that reads a file" },
    { given = {}, refuses = "there is no container of the gateway" },
  },
}

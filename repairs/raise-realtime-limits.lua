-- Realtime turns clients away at the limits of its tenant, 200 users at once unless
-- its settings say more. This raises the limit and makes realtime anew, which then
-- writes its tenant anew.
return {
  title = "Raise how many clients realtime takes",
  fixes = { "RT-14" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    users = { type = "int", default = "1000", help = "how many clients may be connected at once" },
    timeout = { type = "duration", default = "120s", help = "how long realtime may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local realtime = t.services.realtime
    if not realtime or realtime.missing then
      return nil, "there is no container of realtime"
    end
    if params.users < 1 or params.users > 100000 then
      return nil, "users is to be a number from 1 to 100000"
    end
    local now = realtime.env.TENANT_MAX_CONCURRENT_USERS
    if type(now) == "string" and tonumber(now) and tonumber(now) >= params.users then
      return nil, "realtime takes " .. now .. " users already; name more with --param users=NUMBER"
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local head, first, edit
      for _, at in ipairs(compose_lines(t.files[path], realtime.compose_service)) do
        if at.key == "environment" then
          local before, after = string.match(at.text, "^(%s*%-?%s*TENANT_MAX_CONCURRENT_USERS[:=]%s*[\"']?)[^\"'%s]*(.*)$")
          if before then
            edit = { line = at.line, old = at.text, new = before .. string.format("%d", params.users) .. after }
          elseif string.match(at.rest, "^environment:%s*$") then
            head = at
          else
            first = first or string.match(at.text, "^(%s*%-?%s*)")
          end
        end
      end
      if not edit and head and first then
        local value = string.find(first, "-", 1, true) and "=%d" or ': "%d"'
        edit = { line = head.line, old = head.text, new = head.text .. "\n" .. first .. "TENANT_MAX_CONCURRENT_USERS" .. string.format(value, params.users) }
      end
      if edit then
        return {
          { op = "write_file", path = path, edits = { edit } },
          { op = "recreate", service = "realtime" },
          { op = "wait_healthy", service = "realtime", timeout = params.timeout },
        }
      end
    end
    return nil, "the compose files write the environment of realtime in a way that only a person can edit"
  end,

  examples = {
    {
      given = {
        services = { realtime = { state = "running", compose_service = "realtime", env = { TENANT_MAX_CONCURRENT_USERS = "0" } } },
        files = { ["docker-compose.yml"] = "services:\n  realtime:\n    environment:\n      A: b\n      TENANT_MAX_CONCURRENT_USERS: \"0\"\n" },
      },
      params = { users = "400" },
      plan = {
        'write_file edits=[map[line:5 new:      TENANT_MAX_CONCURRENT_USERS: "400" old:      TENANT_MAX_CONCURRENT_USERS: "0"]] path=docker-compose.yml',
        "recreate realtime", "wait_healthy realtime timeout=120s",
      },
    },
    {
      given = {
        services = { realtime = { state = "running", compose_service = "realtime", env = {} } },
        files = { ["docker-compose.yml"] = "services:\n  realtime:\n    environment:\n      A: b\n" },
      },
      plan = {
        'write_file edits=[map[line:3 new:    environment:\n      TENANT_MAX_CONCURRENT_USERS: "1000" old:    environment:]] path=docker-compose.yml',
        "recreate realtime", "wait_healthy realtime timeout=120s",
      },
    },
    {
      given = { services = { realtime = { state = "running", env = { TENANT_MAX_CONCURRENT_USERS = "5000" } } } },
      refuses = "realtime takes 5000 users already; name more with --param users=NUMBER",
    },
    { given = {}, refuses = "there is no container of realtime" },
  },
}

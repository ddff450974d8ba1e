-- Services of older compose files wait until analytics or vector is healthy, so that
-- logging which is unwell keeps the whole stack from starting. This has them wait
-- for its start only. Nothing that runs is touched.
local logging = { analytics = true, vector = true }

-- What stands below the name of what a service depends on.
local parts = { condition = true, required = true, restart = true }

-- eased returns the edits of one service of a compose file.
local function eased(text, service, names)
  local edits, on = {}, nil
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "depends_on" then
      local name = string.match(at.rest, "^[\"']?([%w_.-]+)[\"']?:")
      on = name and not parts[name] and name or on
      if names[on] and string.find(at.text, "service_healthy", 1, true) then
        edits[#edits + 1] = { line = at.line, old = at.text, new = (string.gsub(at.text, "service_healthy", "service_started")) }
      end
    end
  end
  return edits
end

return {
  title = "Start the stack although its logging is unwell",
  fixes = { "LOG-01" },
  risk = "low",
  needs = { "write_file" },
  wants = { files = { "@compose" } },

  plan = function(t)
    local names, waiting, actions = {}, {}, {}
    for role, s in pairs(t.services) do
      if logging[role] then
        names[s.compose_service or role] = true
      elseif s.compose_service then
        waiting[#waiting + 1] = s.compose_service
      end
    end
    table.sort(waiting)
    for _, path in ipairs(sorted_keys(t.files)) do
      local edits = {}
      for _, service in ipairs(waiting) do
        for _, e in ipairs(eased(t.files[path], service, names)) do
          edits[#edits + 1] = e
        end
      end
      if #edits > 0 then
        actions[#actions + 1] = { op = "write_file", path = path, edits = edits }
      end
    end
    if #actions == 0 then
      return nil, "no service that these files write in block style waits for logging to be healthy"
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = {
          analytics = { state = "running", compose_service = "analytics" }, vector = { state = "running", compose_service = "vector" },
          auth = { state = "running", compose_service = "auth" }, db = { state = "running", compose_service = "db" },
        },
        files = {
          ["docker-compose.yml"] = "services:\n  auth:\n    depends_on:\n      db:\n        condition: service_healthy\n      analytics:\n        condition: service_healthy\n" ..
            "  db:\n    depends_on:\n      vector: { condition: service_healthy }\n  analytics:\n    depends_on:\n      db:\n        condition: service_healthy\n",
        },
      },
      plan = {
        "write_file edits=[map[line:7 new:        condition: service_started old:        condition: service_healthy] " ..
          "map[line:10 new:      vector: { condition: service_started } old:      vector: { condition: service_healthy }]] path=docker-compose.yml",
      },
    },
    {
      given = { services = { auth = { state = "running", compose_service = "auth" } }, files = {} },
      refuses = "no service that these files write in block style waits for logging to be healthy",
    },
  },
}

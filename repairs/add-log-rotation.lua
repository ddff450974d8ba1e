-- Docker keeps a container's log for ever unless it is told otherwise, and the
-- disk fills. This adds a limit to each service that has none, in the compose
-- file, and makes their containers anew: the old log goes with the old container.

-- limited returns the edit that adds the limit to one service of a compose file.
-- There is none when the service is not in it, or says something of its log
-- already.
local function limited(text, service, size, files)
  local number, at, inService = 0, nil, false
  for line in string.gmatch(text, "([^\n]*)\n?") do
    number = number + 1
    local indent, rest = string.match(line, "^( *)(.*)$")
    if rest ~= "" and string.sub(rest, 1, 1) ~= "#" then
      if #indent <= 2 then
        inService = #indent == 2 and rest == service .. ":"
        at = inService and number or at
      elseif inService and #indent == 4 and string.match(rest, "^logging:") then
        return nil
      end
    end
  end
  local head = "  " .. service .. ":"
  return at and {
    line = at, old = head,
    new = head .. "\n    logging:\n      driver: json-file\n      options:\n        max-size: " .. size ..
      "\n        max-file: \"" .. files .. "\"",
  }
end

return {
  title = "Limit the size of container logs",
  fixes = { "DK-15" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    size = { type = "string", default = "10m", help = "how large one log file may grow, such as 10m" },
    files = { type = "int", default = "3", help = "how many of them are kept" },
    timeout = { type = "duration", default = "120s", help = "how long each service may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    if not string.match(params.size, "^%d+[kmg]$") then
      return nil, "size is " .. params.size .. ", not a number with k, m or g behind it"
    end
    local names = {}
    for name, s in pairs(t.services) do
      if s.log_driver == "json-file" and s.log_max_size == "" and not s.missing then
        names[#names + 1] = name
      end
    end
    if #names == 0 then
      return nil, "every container's log is limited"
    end
    -- The database first: the others look for it as they start.
    table.sort(names, function(a, b)
      if a == "db" or b == "db" then
        return a == "db" and b ~= "db"
      end
      return a < b
    end)
    local paths, edits, actions = sorted_keys(t.files), {}, {}
    for _, name in ipairs(names) do
      local done = false
      for _, path in ipairs(paths) do
        local edit = not done and limited(t.files[path], t.services[name].compose_service, params.size, params.files)
        if edit then
          edits[path] = edits[path] or {}
          table.insert(edits[path], edit)
          done = true
        end
      end
      if not done then
        return nil, "the compose files say something of the log of " .. name .. " that only a person can edit"
      end
    end
    for _, path in ipairs(paths) do
      if edits[path] then
        actions[#actions + 1] = { op = "write_file", path = path, edits = edits[path] }
      end
    end
    for _, name in ipairs(names) do
      actions[#actions + 1] = { op = "recreate", service = name }
      actions[#actions + 1] = { op = "wait_healthy", service = name, timeout = params.timeout }
    end
    return actions
  end,

  examples = {
    {
      given = {
        services = {
          db = { state = "running", compose_service = "db", log_driver = "json-file", log_max_size = "" },
          auth = { state = "running", compose_service = "auth", log_driver = "json-file", log_max_size = "10m" },
        },
        files = { ["docker-compose.yml"] = "services:\n  auth:\n    image: a\n  db:\n    image: d\n" },
      },
      params = { size = "5m" },
      plan = {
        "write_file edits=[map[line:4 new:  db:\n    logging:\n      driver: json-file\n      options:\n" ..
          "        max-size: 5m\n        max-file: \"3\" old:  db:]] path=docker-compose.yml",
        "recreate db", "wait_healthy db",
      },
    },
    {
      given = {
        services = { db = { state = "running", compose_service = "db", log_driver = "json-file", log_max_size = "" } },
        files = { ["docker-compose.yml"] = "services:\n  db:\n    image: d\n    logging: *mine\n" },
      },
      refuses = "the compose files say something of the log of db that only a person can edit",
    },
    {
      given = { services = { db = { state = "running", log_driver = "local", log_max_size = "" } } },
      refuses = "every container's log is limited",
    },
    { given = {}, params = { size = "big" }, refuses = "size is big, not a number with k, m or g behind it" },
  },
}

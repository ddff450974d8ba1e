-- Vector gathers logs through Docker's socket and has none: the variable that says
-- where the socket is is empty, or nothing mounts it. This puts back what upstream's
-- overlay has. The socket is a way to the whole host: who does not want that in
-- Vector leaves the overlay out instead.
local variable, inside = "DOCKER_SOCKET_LOCATION", "/var/run/docker.sock"

-- mounted returns the edit that mounts the socket in a service of a compose file;
-- false when it does already.
local function mounted(text, service)
  local head, first
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "volumes" then
      if string.find(at.rest, inside, 1, true) then
        return false
      elseif at.rest == "volumes:" then
        head = at
      else
        first = first or string.match(at.text, "^(%s*%-%s+)")
      end
    end
  end
  return head and first and { line = head.line, old = head.text, new = head.text .. "\n" .. first .. "${" .. variable .. "}:" .. inside .. ":ro" }
end

return {
  title = "Give Vector Docker's socket",
  fixes = { "VEC-01" },
  risk = "medium",
  needs = { "set_env", "write_file", "recreate", "wait_healthy" },
  params = {
    socket = { type = "string", default = "/var/run/docker.sock", help = "where the engine's socket is on the host; rootless: /run/user/UID/docker.sock" },
    timeout = { type = "duration", default = "60s", help = "how long Vector may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local vector = t.services.vector
    if not vector or vector.missing then
      return nil, "there is no container of vector"
    end
    local actions, known = {}, false
    if t.env[variable] == nil or t.env[variable] == "" then
      actions[1] = { op = "set_env", key = variable, value = params.socket }
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local edit = mounted(t.files[path], vector.compose_service)
      known = known or edit ~= nil
      if edit then
        actions[#actions + 1] = { op = "write_file", path = path, edits = { edit } }
        break
      end
    end
    if not known then
      return nil, "the compose files write the volumes of vector in a way that only a person can edit"
    end
    if #actions == 0 then
      return nil, "vector is given the socket by its files; recreate it, or read its log"
    end
    actions[#actions + 1] = { op = "recreate", service = "vector" }
    actions[#actions + 1] = { op = "wait_healthy", service = "vector", timeout = params.timeout }
    return actions
  end,

  examples = {
    {
      given = {
        services = { vector = { state = "running", compose_service = "vector" } },
        files = { ["docker-compose.yml"] = "services:\n  vector:\n    volumes:\n      - ./vector.yml:/etc/vector/vector.yml:ro\n" },
      },
      plan = {
        "set_env key=DOCKER_SOCKET_LOCATION value=/var/run/docker.sock",
        "write_file edits=[map[line:3 new:    volumes:\n      - ${DOCKER_SOCKET_LOCATION}:/var/run/docker.sock:ro old:    volumes:]] path=docker-compose.yml",
        "recreate vector", "wait_healthy vector timeout=60s",
      },
    },
    {
      given = {
        env = { DOCKER_SOCKET_LOCATION = "" },
        services = { vector = { state = "running", compose_service = "vector" } },
        files = { ["docker-compose.yml"] = "services:\n  vector:\n    volumes:\n      - ${DOCKER_SOCKET_LOCATION}:/var/run/docker.sock:ro\n" },
      },
      params = { socket = "/run/user/1000/docker.sock" },
      plan = { "set_env key=DOCKER_SOCKET_LOCATION value=/run/user/1000/docker.sock", "recreate vector", "wait_healthy vector" },
    },
    {
      given = { services = { vector = { state = "running", compose_service = "vector" } }, files = { ["docker-compose.yml"] = "services:\n  vector: {}\n" } },
      refuses = "the compose files write the volumes of vector in a way that only a person can edit",
    },
    { given = {}, refuses = "there is no container of vector" },
  },
}

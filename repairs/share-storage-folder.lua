-- Storage keeps files in a folder and has imgproxy transform them there. Where
-- imgproxy mounts another folder it finds none of them. This mounts the one of
-- storage.

-- mounted returns the line of a service that mounts something at a target, and
-- what it mounts.
local function mounted(text, service, target)
  for _, at in ipairs(compose_lines(text, service)) do
    local head, source, rest = string.match(at.text, "^(%s*%-%s*[\"']?)([^:\"']+)(:.*)$")
    if at.key == "volumes" and head and string.match(rest, "^:([^:\"'%s]+)") == target then
      return { line = at.line, text = at.text, head = head, source = source, rest = rest }
    end
  end
end

return {
  title = "Let imgproxy see the files of storage",
  fixes = { "IMG-01" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "60s", help = "how long imgproxy may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local storage, imgproxy = t.services.storage, t.services.imgproxy
    if not storage or not imgproxy or imgproxy.missing then
      return nil, "the stack has not both storage and imgproxy"
    end
    local target = type(storage.env.FILE_STORAGE_BACKEND_PATH) == "string" and storage.env.FILE_STORAGE_BACKEND_PATH or "/var/lib/storage"
    for _, path in ipairs(sorted_keys(t.files)) do
      local own, other = mounted(t.files[path], storage.compose_service, target), mounted(t.files[path], imgproxy.compose_service, target)
      if own and other and own.source == other.source then
        return nil, path .. " mounts the same folder into both; recreate imgproxy"
      elseif own and other then
        return {
          { op = "write_file", path = path, edits = { { line = other.line, old = other.text, new = other.head .. own.source .. other.rest } } },
          { op = "recreate", service = "imgproxy" },
          { op = "wait_healthy", service = "imgproxy", timeout = params.timeout },
        }
      end
    end
    return nil, "no compose file mounts " .. target .. " into both in a way that this playbook can edit"
  end,

  examples = {
    {
      given = {
        services = { storage = { state = "running", compose_service = "storage", env = {} }, imgproxy = { state = "running", compose_service = "imgproxy" } },
        files = {
          ["docker-compose.yml"] = "services:\n  storage:\n    volumes:\n      - ./volumes/storage:/var/lib/storage:z\n  imgproxy:\n    volumes:\n      - ./other:/var/lib/storage:z\n",
        },
      },
      plan = {
        "write_file edits=[map[line:7 new:      - ./volumes/storage:/var/lib/storage:z old:      - ./other:/var/lib/storage:z]] path=docker-compose.yml",
        "recreate imgproxy", "wait_healthy imgproxy timeout=60s",
      },
    },
    { given = { services = { storage = { state = "running", env = {} } } }, refuses = "the stack has not both storage and imgproxy" },
    {
      given = {
        services = { storage = { state = "running", compose_service = "storage", env = {} }, imgproxy = { state = "running", compose_service = "imgproxy" } },
        files = { ["docker-compose.yml"] = "services:\n  storage:\n    volumes: *data\n" },
      },
      refuses = "no compose file mounts /var/lib/storage into both in a way that this playbook can edit",
    },
  },
}

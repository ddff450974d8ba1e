-- The health check of analytics runs curl without -f, which ends with 0 when the
-- answer is 503: Docker then calls analytics healthy when it is not, and what waits
-- for it starts too early. This adds the f.
return {
  title = "Let the health check of analytics fail when analytics does",
  fixes = { "LOG-09" },
  risk = "low",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    timeout = { type = "duration", default = "120s", help = "how long analytics may take to be healthy" },
  },
  wants = { files = { "@compose" } },

  plan = function(t, params)
    local analytics = t.services.analytics
    if not analytics or analytics.missing then
      return nil, "there is no container of analytics"
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local edit
      for _, at in ipairs(compose_lines(t.files[path], analytics.compose_service)) do
        if at.key == "healthcheck" and not edit then
          local head, tail = string.match(at.text, "^(.-curl[\"']?)(.*)$")
          if head then
            local new = head .. " -f" .. tail
            if string.match(tail, "^,") then
              new = head .. ', "-f"' .. tail
            elseif string.match(tail, "^%s*$") then
              new = at.text .. "\n" .. string.match(at.text, "^%s*") .. '- "-f"'
            end
            edit = { line = at.line, old = at.text, new = new }
          end
        end
      end
      if edit then
        return {
          { op = "write_file", path = path, edits = { edit } },
          { op = "recreate", service = "analytics" },
          { op = "wait_healthy", service = "analytics", timeout = params.timeout },
        }
      end
    end
    return nil, "no compose file has a health check of analytics with curl in it"
  end,

  examples = {
    {
      given = {
        services = { analytics = { state = "running", compose_service = "analytics" } },
        files = { ["docker-compose.logs.yml"] = 'services:\n  analytics:\n    healthcheck:\n      test: ["CMD", "curl", "-sSL", "http://localhost:4000/health"]\n' },
      },
      plan = {
        'write_file edits=[map[line:4 new:      test: ["CMD", "curl", "-f", "-sSL", "http://localhost:4000/health"] ' ..
          'old:      test: ["CMD", "curl", "-sSL", "http://localhost:4000/health"]]] path=docker-compose.logs.yml',
        "recreate analytics", "wait_healthy analytics timeout=120s",
      },
    },
    {
      given = {
        services = { analytics = { state = "running", compose_service = "analytics" } },
        files = { ["docker-compose.yml"] = 'services:\n  analytics:\n    healthcheck:\n      test:\n        [\n          "CMD",\n          "curl",\n          "http://localhost:4000/health"\n        ]\n' },
      },
      plan = {
        'write_file edits=[map[line:7 new:          "curl", "-f", old:          "curl",]] path=docker-compose.yml',
        "recreate analytics", "wait_healthy analytics timeout=120s",
      },
    },
    { given = { services = { analytics = { state = "running", compose_service = "a" } } }, refuses = "no compose file has a health check of analytics with curl in it" },
    { given = {}, refuses = "there is no container of analytics" },
  },
}

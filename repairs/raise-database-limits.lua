-- Clients take every connection, or every sender of changes, that the database
-- allows. This doubles that limit in the database's command line, and makes its
-- container anew; data is in its volume, which stays. Who takes them all is told by
-- pg_stat_activity: one that leaks comes to the new limit, too.
local settings = { ["PG-13"] = "max_connections", ["PG-16"] = "max_wal_senders" }

-- raised returns the edit of a compose file that starts the database with a setting.
local function raised(text, service, setting)
  local key = string.match(setting, "^[%w_]+=")
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "command" then
      local from, to = string.find(at.text, key .. "%d+")
      if from then
        return { line = at.line, old = at.text, new = string.sub(at.text, 1, from - 1) .. setting .. string.sub(at.text, to + 1) }
      end
    end
  end
  for _, at in ipairs(compose_lines(text, service)) do
    if at.key == "command" then
      -- A list in brackets, on one line or on several, or a list with dashes.
      local before, quote, after = string.match(at.text, "^(.-)([\"'])postgres[\"'](,.*)$")
      if before then
        return { line = at.line, old = at.text, new = before .. quote .. "postgres" .. quote .. ", " .. quote .. "-c" .. quote .. ", " .. quote .. setting .. quote .. after }
      end
      local dash = string.match(at.text, "^(%s*%-%s+)[\"']?postgres[\"']?%s*$")
      if dash then
        return { line = at.line, old = at.text, new = at.text .. "\n" .. dash .. "-c\n" .. dash .. setting }
      end
    end
  end
end

return {
  title = "Let more clients connect to the database",
  fixes = { "PG-13", "PG-16" },
  risk = "medium",
  needs = { "write_file", "recreate", "wait_healthy" },
  params = {
    limit = { type = "int", help = "how many; by default twice as many as now" },
    timeout = { type = "duration", default = "120s", help = "how long the database may take to be healthy" },
  },
  wants = {
    files = { "@compose" },
    sql = { limits = "select name, setting from pg_settings where name in ('max_connections', 'max_wal_senders')" },
  },

  plan = function(t, params)
    local name = t.finding and settings[t.finding.code]
    if not name then
      return nil, "there is no finding to tell which limit was reached; start it with --finding PG-13"
    end
    if not t.sql.limits then
      return nil, "the limits of the database cannot be read: " .. (t.gaps["sql.limits"] or "no answer")
    end
    local now
    for _, row in ipairs(t.sql.limits) do
      now = row[1] == name and tonumber(row[2]) or now
    end
    local limit = params.limit or now and 2 * now
    if not now or limit <= now then
      return nil, name .. " is " .. string.format("%d", now or 0) .. " already; name more with --param limit=NUMBER"
    end
    if limit > 1000 then
      return nil, name .. " would be " .. string.format("%d", limit) .. ", and each takes memory; find out who holds them in pg_stat_activity"
    end
    for _, path in ipairs(sorted_keys(t.files)) do
      local edit = raised(t.files[path], t.services.db.compose_service, name .. "=" .. string.format("%d", limit))
      if edit then
        return {
          { op = "write_file", path = path, edits = { edit }, why = name .. " is " .. string.format("%d", now) .. " now" },
          { op = "recreate", service = "db" },
          { op = "wait_healthy", service = "db", timeout = params.timeout },
        }
      end
    end
    return nil, "the compose files give the database no command line to add " .. name .. " to; set it where it is set now"
  end,

  examples = {
    {
      given = {
        finding = { code = "PG-13", service = "db" }, sql = { limits = { { "max_connections", "100" }, { "max_wal_senders", "10" } } },
        services = { db = { state = "running", compose_service = "db" } },
        files = { ["docker-compose.yml"] = "services:\n  db:\n    command: [\"postgres\", \"-c\", \"log_min_messages=fatal\"]\n" },
      },
      plan = {
        'write_file edits=[map[line:3 new:    command: ["postgres", "-c", "max_connections=200", "-c", "log_min_messages=fatal"] ' ..
          'old:    command: ["postgres", "-c", "log_min_messages=fatal"]]] path=docker-compose.yml',
        "recreate db", "wait_healthy db timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "PG-16", service = "db" }, sql = { limits = { { "max_connections", "100" }, { "max_wal_senders", "10" } } },
        services = { db = { state = "running", compose_service = "db" } },
        files = { ["docker-compose.yml"] = "services:\n  db:\n    command:\n      - postgres\n      - -c\n      - log_min_messages=fatal\n" },
      },
      plan = {
        "write_file edits=[map[line:4 new:      - postgres\n      - -c\n      - max_wal_senders=20 old:      - postgres]] path=docker-compose.yml",
        "recreate db", "wait_healthy db",
      },
    },
    {
      given = {
        finding = { code = "PG-13", service = "db" }, sql = { limits = { { "max_connections", "200" } } },
        services = { db = { state = "running", compose_service = "db" } },
        files = { ["docker-compose.yml"] = "services:\n  db:\n    command:\n      [\n        \"postgres\",\n        \"-c\",\n        \"max_connections=200\"\n      ]\n" },
      },
      params = { limit = "300" },
      plan = {
        'write_file edits=[map[line:7 new:        "max_connections=300" old:        "max_connections=200"]] path=docker-compose.yml',
        "recreate db", "wait_healthy db",
      },
    },
    {
      given = { finding = { code = "PG-13", service = "db" }, sql = { limits = { { "max_connections", "900" } } }, services = { db = { state = "running" } } },
      refuses = "max_connections would be 1800, and each takes memory; find out who holds them in pg_stat_activity",
    },
    { given = {}, refuses = "there is no finding to tell which limit was reached; start it with --finding PG-13" },
  },
}

-- The image brings a newer version of an extension than the database was made
-- with, and its newer functions are missing. This updates it. No statement takes
-- that back, so the plan is of high risk and takes a database snapshot first.
local function quoted(name)
  return '"' .. string.gsub(name, '"', '""') .. '"'
end

return {
  title = "Update extensions to the versions of the image",
  fixes = { "PG-21" },
  risk = "high",
  needs = { "sql" },
  wants = { sql = { old = "select name, installed_version, default_version from pg_available_extensions where installed_version <> default_version order by name" } },

  plan = function(t)
    if not t.sql.old then
      return nil, "the database cannot be read: " .. (t.gaps["sql.old"] or "no answer")
    end
    local actions = {}
    for _, row in ipairs(t.sql.old) do
      actions[#actions + 1] = { op = "sql", statement = "alter extension " .. quoted(row[1]) .. " update", why = row[1] .. " is " .. row[2] .. ", the image has " .. row[3] }
    end
    if #actions == 0 then
      return nil, "every extension of the database postgres has the version of the image"
    end
    return actions
  end,

  examples = {
    { given = { sql = { old = { { "pg_trgm", "1.3", "1.6" } } } }, plan = { 'sql statement=alter extension "pg_trgm" update' } },
    { given = { sql = { old = {} } }, refuses = "every extension of the database postgres has the version of the image" },
    { given = { gaps = { ["sql.old"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}

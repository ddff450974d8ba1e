-- PostgREST serves what it knew of the database when it last looked: a table that
-- came later answers with 404. This tells it to look again.
return {
  title = "Tell PostgREST to look at the database again",
  fixes = { "REST-06" },
  risk = "low",
  needs = { "sql" },

  plan = function(t)
    local rest = t.services.rest
    if not rest or rest.state ~= "running" then
      return nil, "PostgREST does not run; it looks at the database when it starts"
    end
    return { { op = "sql", statement = "notify pgrst, 'reload schema'" } }
  end,

  examples = {
    { given = { services = { rest = { state = "running" } } }, plan = { "sql statement=notify pgrst, 'reload schema'" } },
    { given = { services = { rest = { state = "exited" } } }, refuses = "PostgREST does not run; it looks at the database when it starts" },
    { given = {}, refuses = "PostgREST does not run; it looks at the database when it starts" },
  },
}

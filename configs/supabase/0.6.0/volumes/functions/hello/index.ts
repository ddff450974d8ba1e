Deno.serve(() => Response.json("Hello from Edge Functions!"));

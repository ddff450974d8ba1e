package docker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/basewright/basewright/core"
)

// database brings up a PostgreSQL of the lab, which has upstream's pg_hba.conf.
func database(t *testing.T) *Engine {
	h := engine(t)
	found, err := h.api.ImageList(t.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", "basewright-lab/postgres"))})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 || len(found[0].RepoTags) == 0 {
		t.Skip("there is no PostgreSQL image of the lab to test with; build it with the lab command")
	}
	e := open(t, h, `
services:
  db:
    image: `+found[0].RepoTags[0]+`
    LABELS
    environment: {POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}", PGPORT: "5544", POSTGRES_PORT: "5544"}
    command: ["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"]
`, nil)
	deadline := time.Now().Add(time.Minute)
	for {
		err := e.Login(t.Context(), core.Login{Role: "supabase_admin", Password: "planted secret", Database: "postgres"})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	e.forget()
	return e
}

// ask is Query by one of its two ways.
type ask func(sql string) ([][]string, error)

func ways(t *testing.T, e *Engine) map[string]ask {
	db, err := e.running(t.Context(), core.DB)
	if err != nil {
		t.Fatal(err)
	}
	admin := core.Login{Role: "supabase_admin", Database: "postgres"}
	all := map[string]ask{
		"Query": func(sql string) ([][]string, error) { return e.Query(t.Context(), "postgres", sql) },
		"psql": func(sql string) ([][]string, error) {
			return e.askByExec(t.Context(), db, admin, databasePort(db), sql)
		},
	}
	if _, err := e.dialInside(t.Context(), db, databasePort(db)); errors.Is(err, errOutside) {
		t.Log("the container's loopback cannot be entered here, so Query is psql too")
	}
	return all
}

func TestQueryOnlyReads(t *testing.T) {
	e := database(t)
	if out, err := e.Exec(t.Context(), core.DB, core.Command{Args: []string{"psql", "-X", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "postgres", "-v", "ON_ERROR_STOP=1"},
		Stdin: []byte("create table kept (n int, t text); insert into kept values (1, E'two\\nlines'), (2, null), (3, '');")}); err != nil {
		t.Fatal(out, err)
	}
	for way, ask := range ways(t, e) {
		t.Run(way, func(t *testing.T) {
			rows, err := ask("select n, t, n > 1 from kept order by n")
			if err != nil || fmt.Sprintf("%q", rows) != `[["1" "two\nlines" "f"] ["2" "" "t"] ["3" "" "t"]]` {
				t.Fatalf("got %q, %v", rows, err)
			}
			if rows, err := ask("select 1 where false"); err != nil || len(rows) != 0 {
				t.Fatalf("got %q, %v", rows, err)
			}
			if rows, err := ask("select ''"); err != nil || fmt.Sprintf("%q", rows) != `[[""]]` {
				t.Fatalf("got %q, %v", rows, err)
			}
			for sql, state := range map[string]string{
				"with gone as (delete from kept returning n) select n from gone": "25006",
				"explain analyze delete from kept":                               "25006",
				"select set_config('transaction_read_only', 'off', true)":        "25001",
				"select nextval('pg_catalog.nothing')":                           "42P01",
				"select nope":                                                    "42703",
			} {
				if _, err := ask(sql); core.SQLState(err) != state {
					t.Errorf("%s: %v", sql, err)
				}
			}
		})
	}
	for _, sql := range []string{"delete from kept", "DELETE FROM kept", "commit; delete from kept", "select 1; delete from kept",
		"select 1;\ndelete from kept;", "-- x\ndelete from kept", "/* select */ delete from kept", "copy kept to program 'rm -rf /'",
		"set default_transaction_read_only = off", "do $$ begin delete from kept; end $$", `\! touch /tmp/x`, "", ";", "selectx", "select 1\x00"} {
		if _, err := e.Query(t.Context(), "postgres", sql); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v", sql, err)
		}
	}
	if rows, err := e.Query(t.Context(), "postgres", " /* how many */ SELECT count(*) FROM kept ; "); err != nil || rows[0][0] != "3" {
		t.Fatalf("got %q, %v", rows, err)
	}
	if _, err := e.Query(t.Context(), "nosuch", "select 1"); core.SQLState(err) != "3D000" {
		t.Fatalf("err = %v", err)
	}
}

func TestLoginAnswers(t *testing.T) {
	e := database(t)
	db, err := e.running(t.Context(), core.DB)
	if err != nil {
		t.Fatal(err)
	}
	good := core.Login{Role: "supabase_admin", Password: "planted secret", Database: "postgres"}
	wrong, noDatabase := good, good
	wrong.Password, noDatabase.Database = "wrong secret", "nosuch"
	for way, login := range map[string]func(core.Login) error{
		"Login": func(l core.Login) error { return e.Login(t.Context(), l) },
		"psql":  func(l core.Login) error { return e.loginByExec(t.Context(), db, l, databasePort(db), nil) },
	} {
		t.Run(way, func(t *testing.T) {
			if err := login(good); err != nil {
				t.Error(err)
			}
			for state, l := range map[string]core.Login{"28P01": wrong, "3D000": noDatabase} {
				if err := login(l); core.SQLState(err) != state || strings.Contains(fmt.Sprint(err), "secret") {
					t.Errorf("%s: %v", state, err)
				}
			}
		})
	}
}

func TestLoginWhereNothingListens(t *testing.T) {
	e := open(t, engine(t), strings.Replace(smallStack, `PORT: "5432"`, `PORT: ""`, 1), nil)
	err := e.Login(t.Context(), core.Login{Role: "x", Password: "y", Database: "z"})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("login: %v", err)
	}
	if _, err := e.Query(t.Context(), "postgres", "select 1"); core.CodeOf(err) != core.Unreachable {
		t.Errorf("query: %v", err)
	}
}

func TestLoginToWhatIsNoDatabase(t *testing.T) {
	e := open(t, engine(t), smallStack, nil) // its db speaks HTTP
	if err := e.Login(t.Context(), core.Login{Role: "x", Password: "y", Database: "z"}); core.CodeOf(err) != core.Unreachable {
		t.Fatalf("err = %v", err)
	}
}

func TestPsqlRefusals(t *testing.T) {
	for said, want := range map[string]string{
		`psql: error: connection to server at "10.0.0.2", port 5432 failed: FATAL:  password authentication failed for user "x"`: "28P01",
		`psql: error: connection to server at "10.0.0.2", port 5432 failed: FATAL:  database "x" does not exist`:                 "3D000",
		`psql: error: FATAL:  sorry, too many clients already`:                                                                   "53300",
		`psql: error: FATAL:  the database system is starting up`:                                                                "57P03",
		`psql: error: FATAL:  role "x" is not permitted to log in`:                                                               "28000",
		"ERROR:  25006: cannot execute DELETE in a read-only transaction\nLOCATION:  PreventCommandIfReadOnly, utility.c:411":    "25006",
		`psql: error: FATAL:  something new`:                                                                                     "08004",
	} {
		if err := psqlError(execResult{code: 2, stderr: said}); core.SQLState(err) != want {
			t.Errorf("%s: %v", said, err)
		}
	}
	for _, r := range []execResult{{code: 2, stderr: "psql: error: could not connect\n\tIs the server running?"}, {code: 127, stdout: "exec: \"psql\": not found"}} {
		if err := psqlError(r); core.CodeOf(err) != core.Unreachable {
			t.Errorf("%v", err)
		}
	}
	if rows := parseRows("a\x1fb\x1e\x1f\n"); !slices.EqualFunc(rows, [][]string{{"a", "b"}, {"", ""}}, slices.Equal) {
		t.Errorf("rows %q", rows)
	}
}

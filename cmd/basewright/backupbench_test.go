package main

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/supabase"
)

// BenchmarkConfigSnapshot takes a snapshot of the configuration of a stack: files,
// role passwords and containers, synced and read back.
func BenchmarkConfigSnapshot(b *testing.B) {
	host, instance := benchStack(b)
	folder := &snapshot.Folder{Dir: filepath.Join(b.TempDir(), "snapshots")}
	engine := host.Open(instance)
	obs, err := engine.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := folder.Take(b.Context(), engine, instance, obs, "bench"); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64(middle(took).Microseconds())/1000, "p50-ms")
}

// benchRows is how many rows of about 1 KB the database has that is dumped and
// restored: BENCH_ROWS, or 200 MB of them.
func benchRows() string { return cmp.Or(os.Getenv("BENCH_ROWS"), "200000") }

// benchData fills a table with text that compresses as text does.
func benchData(b *testing.B, engine core.Engine) {
	b.Helper()
	sql := "drop table if exists public.bench; create table public.bench as select i as id, " +
		"(select string_agg(md5((i * 37 + j)::text) || ' order of a customer ', '') from generate_series(1, 18) j) as what from generate_series(1, " + benchRows() + ") i; " +
		"alter table public.bench add primary key (id); checkpoint;\n"
	if _, err := supabase.PSQL(b.Context(), engine, "postgres", sql); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if _, err := supabase.PSQL(context.Background(), engine, "postgres", "drop table if exists public.bench;\n"); err != nil {
			b.Error(err)
		}
	})
}

// byHand runs what a person would type, with the database's container as $db and
// the dump as $dump.
func byHand(b *testing.B, db, dump, line string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "bash", "-c", "set -euo pipefail; "+line)
	cmd.Env = append(os.Environ(), "db="+db, "dump="+dump)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", line, err, out)
	}
	return time.Since(began)
}

// database is the name of the container of the database.
func databaseOf(b *testing.B, engine core.Engine) string {
	b.Helper()
	obs, err := engine.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c, ok := obs.Container(core.DB)
	if !ok {
		b.Skip("there is no database")
	}
	return c.Name
}

const (
	dumpByHand = `docker exec "$db" pg_dump -w -h 127.0.0.1 -U supabase_admin -Fc -Z0 postgres | zstd -q -3 -T2 -f -o "$dump"; sync "$dump"`
	loadByHand = `docker exec "$db" psql -q -w -h 127.0.0.1 -U supabase_admin -d template1 -c 'drop database if exists bench_by_hand with (force)' -c 'create database bench_by_hand template template0';
zstd -dc "$dump" | docker exec -i "$db" pg_restore -w -h 127.0.0.1 -U supabase_admin --exit-on-error -d bench_by_hand`
	dropByHand = `docker exec "$db" psql -q -w -h 127.0.0.1 -U supabase_admin -d template1 -c 'drop database if exists bench_by_hand with (force)'`
)

// BenchmarkDatabaseSnapshot measures a snapshot of the databases, which holds every
// one of them and the roles, is synced and read back, beside pg_dump | zstd of the
// largest by hand; and its restore beside pg_restore by hand. A restore in place also
// stops and starts the services, which takes as long for a small database, so that is
// told apart. Each in turn, so that what else the machine does falls on both.
func BenchmarkDatabaseSnapshot(b *testing.B) {
	for _, tool := range []string{"zstd", "docker"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skip(err)
		}
	}
	host, instance := benchStack(b)
	engine := host.Open(instance)
	benchData(b, engine)
	db, dir := databaseOf(b, engine), b.TempDir()
	dump := filepath.Join(dir, "by-hand.dump.zst")
	folder := &snapshot.Folder{Dir: filepath.Join(dir, "snapshots")}
	b.Cleanup(func() { _ = exec.Command("bash", "-c", "db="+db+"; "+dropByHand).Run() })
	took := map[string][]time.Duration{}
	add := func(name string, d time.Duration) { took[name] = append(took[name], d) }
	for n := 0; b.Loop(); n++ {
		add("pg_dump", byHand(b, db, dump, dumpByHand))
		began := time.Now()
		s := benchSnapshot(b, folder, host, instance, core.DatabaseScope)
		add("take", time.Since(began))
		for _, ours := range []bool{n%2 == 0, n%2 != 0} { // neither is always the second
			if ours {
				whole, load := benchRestore(b, folder, host, instance, s)
				add("restore", whole)
				add("load", load)
				continue
			}
			add("pg_restore", byHand(b, db, dump, loadByHand))
			byHand(b, db, dump, dropByHand)
		}
	}
	for name, t := range took {
		b.ReportMetric(middle(t).Seconds(), name+"-s")
	}
	b.ReportMetric(float64(middle(took["take"]))/float64(middle(took["pg_dump"])), "take/pg_dump|zstd")
	b.ReportMetric(float64(middle(took["load"]))/float64(middle(took["pg_restore"])), "load/pg_restore")
	b.ReportMetric(float64(middle(took["restore"]))/float64(middle(took["pg_restore"])), "restore/pg_restore")
}

func benchSnapshot(b *testing.B, folder *snapshot.Folder, host *docker.Host, instance core.Instance, scope core.Scope) core.Snapshot {
	b.Helper()
	engine := host.Open(instance)
	obs, err := engine.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	s, err := folder.TakeScope(b.Context(), engine, instance, obs, snapshot.Request{Scope: scope, Reason: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benchRestore restores a snapshot of the databases in place, behind a safety
// snapshot of the configuration, and removes what was put aside. It returns how long
// all of it took, and how long pg_restore worked on the largest.
func benchRestore(b *testing.B, folder *snapshot.Folder, host *docker.Host, instance core.Instance, s core.Snapshot) (whole, load time.Duration) {
	b.Helper()
	safety, engine := benchSnapshot(b, folder, host, instance, core.ConfigScope), host.Open(instance)
	var from, to time.Time
	folder.Progress = func(p snapshot.Progress) {
		if p.Step != "restore database postgres" {
			return
		}
		if to = time.Now(); from.IsZero() {
			from = to
		}
	}
	began := time.Now()
	if err := folder.Replace(b.Context(), engine, instance, s, safety, []core.Scope{core.DatabaseScope}); err != nil {
		b.Fatal(err)
	}
	whole, folder.Progress = time.Since(began), nil
	aside, err := folder.Shelved(b.Context(), engine, safety)
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range aside {
		if err := folder.Discard(b.Context(), engine, a); err != nil {
			b.Fatal(err)
		}
	}
	return whole, to.Sub(from)
}

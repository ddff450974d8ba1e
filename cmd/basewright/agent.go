package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui"
)

// agent is all rooms together, as `serve` runs them.
type agent struct {
	*ui.Agent
	*workshop
	engines    *engines
	open       func(context.Context, core.Instance) (core.Instance, core.Engine, error) // where an instance is now, and its engine
	collection *repairs.Library
	stop       context.CancelFunc
	all        sync.WaitGroup
}

// engines connects to the Docker Engine when it is first needed, and again
// after it was not there.
type engines struct {
	g *global

	mu   sync.Mutex
	host *docker.Host
	err  error
	at   time.Time
}

// get returns the engine. That none answers is remembered for a moment, so that
// a hundred who ask do not wait a hundred times.
func (e *engines) get(ctx context.Context) (*docker.Host, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.host != nil {
		return e.host, nil
	}
	if time.Since(e.at) < 2*time.Second {
		return nil, e.err
	}
	e.host, e.err = e.g.engine(context.WithoutCancel(ctx))
	e.at = time.Now()
	return e.host, e.err
}

func (e *engines) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.host != nil {
		e.host.Close()
	}
}

// newAgent opens the state and wires the rooms. Nothing runs yet.
func newAgent(g *global, log *slog.Logger) (*agent, error) {
	w, err := openState(g, nil)
	if err != nil {
		return nil, err
	}
	if w.folder.Identities, err = identities(""); err != nil {
		log.Warn("snapshots that are encrypted cannot be opened", "error", err)
	}
	a := &agent{workshop: w, engines: &engines{g: g}, stop: func() {}}
	a.open = a.onDocker
	keys, err := access.OpenKeyring(filepath.Join(g.data(), "signing-keys"), time.Now())
	if err != nil {
		w.close()
		return nil, err
	}
	folder := filepath.Join(g.data(), "playbooks")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		w.close()
		return nil, &core.Error{Code: core.Unreachable, Message: "the folder " + folder + " cannot be made", Err: err}
	}
	a.collection = repairs.NewLibrary(os.DirFS(folder))
	a.collection.History = g.history()
	w.applier.Open = func(ctx context.Context, i core.Instance) (core.Engine, error) {
		host, err := a.engines.get(ctx)
		if err != nil {
			return nil, err
		}
		return host.Open(i), nil
	}
	w.applier.Diagnose = a.verify
	w.applier.Unmake, w.applier.MayExec = a.unmakeCreation, a.mayExec
	hub, metrics := queue.NewHub(), ui.NewMetrics()
	a.Agent = &ui.Agent{
		Works: a.works(), Store: w.store, Keyring: keys, Hub: hub, Metrics: metrics, Log: log, Version: version(), Now: time.Now,
		Host:      docker.HostName(g.dockerHost),
		Changes:   queue.NewChanges(hub, log),
		Diagnoses: queue.NewDiagnoses(a.diagnose, w.store, hub, log),
		Scheduler: &queue.Scheduler{Store: w.store, Hub: hub, Log: log, Allowed: a.allowed, Run: a.runSchedule},
	}
	a.measure()
	return a, nil
}

// verify diagnoses an instance around a change, and keeps what it saw: what was
// kept before tells of an instance that is no more.
func (a *agent) verify(ctx context.Context, e core.Engine, i core.Instance) (*core.Diagnosis, error) {
	d, err := a.look(ctx, e, a.store.Key(), a.books(ctx), diagnose.Options{Trigger: core.ByVerify})
	if err != nil {
		return d, err
	}
	a.Diagnoses.Keep(ctx, i, d)
	return d, nil
}

// start makes the first user, and begins what runs in the background.
func (a *agent) start(ctx context.Context) error {
	if err := a.firstUser(ctx); err != nil {
		return err
	}
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	a.all.Go(func() { a.putBack(ctx) })
	a.all.Go(func() { a.Scheduler.Serve(ctx) })
	a.all.Go(func() { a.WatchEngine(ctx) })
	a.all.Go(debug.FreeOSMemory) // what opening the rooms took is not needed again
	return nil
}

// firstUser makes the user admin when there is nobody, and prints the password,
// once.
func (a *agent) firstUser(ctx context.Context) error {
	users, err := a.Store.Users(ctx)
	if err != nil || len(users) > 0 {
		return err
	}
	password, hash := access.Draw()
	u := core.User{ID: core.NewID(), Name: "admin", Created: time.Now(), Grants: map[string]core.Role{core.EveryInstance: core.Admin}}
	e := core.AuditEntry{At: time.Now(), Actor: "system", Action: "user.add", Outcome: "ok", Detail: "admin, at the first start"}
	if err := a.Store.AddUser(ctx, u, hash, e); err != nil {
		return err
	}
	if err := a.keepItself(ctx, u.ID); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "First start: log in as admin with the password %s (shown this once; change it)\n", password)
	return nil
}

// keepItself has the state backed up every night and what is old in the audit log
// archived every month, until somebody says otherwise.
func (a *agent) keepItself(ctx context.Context, owner string) error {
	for _, usual := range []struct {
		kind       core.ScheduleKind
		spec, what string
	}{
		{core.ScheduleBackup, "17 3 * * *", "a backup of the state every night"},
		{core.ScheduleArchive, "47 4 1 * *", "old entries of the audit log into an archive every month"},
	} {
		s := core.Schedule{ID: core.NewID(), Instance: core.EveryInstance, Kind: usual.kind, Spec: usual.spec, Zone: "UTC", Enabled: true, Owner: owner, Created: time.Now()}
		var err error
		if s.Next, err = queue.Next(s.Spec, s.Zone, s.Created); err != nil {
			return err
		}
		e := core.AuditEntry{At: s.Created, Actor: "system", Action: "schedule.add", Instance: s.Instance, Outcome: "ok", Detail: usual.what}
		if err := a.Store.SaveSchedule(ctx, s, e); err != nil {
			return err
		}
	}
	return nil
}

// putBack recovers interrupted changes. Those that must wait for the engine are
// tried again.
func (a *agent) putBack(ctx context.Context) {
	for said := ""; ; {
		w := *a.workshop.applier
		w.RecoverWithin = unasked
		end := thrifty()
		done, err := w.Recover(ctx)
		end()
		err = errors.Join(err, a.folder.Wake(ctx, func(i core.Instance) (core.Engine, error) { return w.Open(ctx, i) }))
		if host, none := a.engines.get(ctx); none == nil { // without one, Recover has said so
			gone, left := a.sweepRehearsals(ctx, host)
			err = errors.Join(err, left, a.folder.SweepDrills(ctx, host.Open(core.Instance{})))
			for _, id := range gone {
				a.Log.Warn("what an interrupted rehearsal left was removed", "instance", id)
			}
		}
		for _, c := range done {
			a.Log.Warn("an interrupted change was put back", "change", c.ID, "instance", c.Instance, "state", c.State)
		}
		if err == nil {
			return
		}
		if err.Error() != said {
			said = err.Error()
			a.Log.Error("an interrupted change waits", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Second):
		}
	}
}

// close ends what runs and lets go of everything. It reports whether every
// change ended.
func (a *agent) close(grace time.Duration) bool {
	a.Hub.Close()
	a.stop()
	ended := a.Changes.Close(grace)
	a.all.Wait()
	a.engines.close()
	a.workshop.close()
	return ended
}

// books returns the playbooks; without them a diagnosis still says what is
// wrong, and no more how it is mended.
func (a *agent) books(ctx context.Context) []core.Playbook {
	books, _, err := a.collection.Books(ctx)
	if err != nil {
		a.Log.Error("the playbooks cannot be read", "error", err)
	}
	return books
}

// job makes a change that runs under the given ID and tells how far it is.
func (a *agent) job(do func(ctx context.Context, w apply.Applier) (*core.Change, error)) queue.Job {
	return a.jobOn(func(ctx context.Context, w apply.Applier, _ *snapshot.Folder) (*core.Change, error) {
		return do(ctx, w)
	})
}

// jobOn is job for what also works with the snapshots.
func (a *agent) jobOn(do func(ctx context.Context, w apply.Applier, folder *snapshot.Folder) (*core.Change, error)) queue.Job {
	return func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		defer thrifty()()
		w, folder := *a.workshop.applier, *a.folder
		w.NewID = func() string { return id }
		w.Progress, folder.Progress = meter(progress)
		w.Snapshots, w.Data = &folder, &folder
		return do(ctx, w, &folder)
	}
}

// often is how often a step that takes long says how far it is.
const often = 500 * time.Millisecond

// meter returns what tells of the steps of a change, and of how far the data is
// that one of them moves.
func meter(tell func(core.Event)) (steps func(core.Event), data func(snapshot.Progress)) {
	var now core.Event
	var said time.Time
	part := ""
	steps = func(e core.Event) {
		now = e
		tell(e)
	}
	data = func(p snapshot.Progress) {
		ended := p.Total > 0 && p.Done >= p.Total
		if now.Change == "" || p.Step == part && !ended && time.Since(said) < often {
			return
		}
		part, said = p.Step, time.Now()
		e := now
		e.At, e.Part, e.Bytes, e.Of = said.UTC(), p.Step, p.Done, p.Total
		tell(e)
	}
	return steps, data
}

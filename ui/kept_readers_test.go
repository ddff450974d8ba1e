package ui

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestFleetOfNobody: a page that is kept lets nobody in whose login is over.
func TestFleetOfNobody(t *testing.T) {
	k := newKeeper(t)
	u, login := k.user("ana", map[string]core.Role{"shop": core.Viewer})
	k.user("root", map[string]core.Role{"*": core.Admin})
	k.fleet(login)
	must(t, k.a.Store.DisableUser(t.Context(), u.ID, true, entryOf("user.disable")))
	if rec := k.ask("GET", "/", login, ""); rec.Code == http.StatusOK {
		t.Error("who is locked out sees the list")
	}
	if rec := k.ask("GET", "/", "", ""); rec.Code == http.StatusOK {
		t.Error("a stranger sees the list")
	}
}

var bazaar = regexp.MustCompile(`Bazaar (\d+)`)

// TestFleetUnderManyReaders has several ask while names are written: whoever asks
// gets a page that knows every name written before they asked.
func TestFleetUnderManyReaders(t *testing.T) {
	k := newKeeper(t)
	_, login := k.user("ana", map[string]core.Role{"*": core.Admin})
	var written atomic.Int64
	var all sync.WaitGroup
	name := func(n int64) {
		must(t, k.a.Store.SetInstance(t.Context(), "shop", fmt.Sprintf("Bazaar %d", n), core.Control, entryOf("edit")))
		written.Store(n)
	}
	name(1)
	const last = 60
	for range 8 {
		all.Go(func() {
			for written.Load() < last {
				before := written.Load()
				rec := k.ask("GET", "/", login, "")
				m := bazaar.FindStringSubmatch(row(rec.Body.String(), "shop"))
				if m == nil {
					t.Errorf("%d: no name on the page", rec.Code)
					return
				}
				if n, _ := strconv.ParseInt(m[1], 10, 64); n < before {
					t.Errorf("the page says %d after %d was written", n, before)
				}
			}
		})
	}
	for n := int64(2); n <= last; n++ {
		name(n)
	}
	all.Wait()
}

package apply

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// TestThinningLeavesWhatCanBeUndone: a change is undone however old it is and
// however many came after it, as long as its snapshot is there.
func TestThinningLeavesWhatCanBeUndone(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	first, err := w.apply(t.Context(), w.cure())
	if err != nil {
		t.Fatal(err)
	}
	for i := range store.KeptChanges + 5 {
		c := core.Change{ID: fmt.Sprintf("later-%d", i), Instance: "shop", State: core.RolledBack, Created: first.Finished.Add(time.Second), Finished: first.Finished.Add(time.Minute)}
		if err := w.st.SaveChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	thin := func() core.Change {
		t.Helper()
		d := core.Diagnosis{ID: core.NewID(), InstanceID: "shop", Timestamp: first.Finished.Add(2 * store.KeptChangesFor), Mode: core.Full}
		if err := w.st.SaveDiagnosis(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
		c, err := w.st.Change(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := thin(); !CanUndo(c) {
		t.Fatalf("it cannot be undone any more: %+v", c)
	}
	u, err := w.a.Undo(t.Context(), first.ID, "cli:ana")
	if err != nil || u.State != core.Committed {
		t.Fatalf("%+v, %v", u, err)
	}
	w.mustBe(t, before)
	if err := w.st.ForgetSnapshots(t.Context(), first.Snapshot); err != nil {
		t.Fatal(err)
	}
	if c := thin(); c.Thinned.IsZero() || CanUndo(c) {
		t.Errorf("without its snapshot it is whole: %+v", c)
	}
	if _, err := w.a.Undo(t.Context(), first.ID, "cli:ana"); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "only the receipt is kept") {
		t.Errorf("undone: %v", err)
	}
}

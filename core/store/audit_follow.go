package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"

	"github.com/basewright/basewright/core"
)

// CheckExport follows the chain through an exported audit log and returns its
// first number and its end.
func CheckExport(r io.Reader) (first int64, end Head, err error) {
	end, err = follow(r, nil, func(e core.AuditEntry) error {
		if first == 0 {
			first = e.Seq
		}
		return nil
	})
	return first, end, err
}

// follow reads entries, one on each line, and wants each to follow the one
// before. Without a begin, the first line is believed.
func follow(r io.Reader, begin *Head, emit func(core.AuditEntry) error) (Head, error) {
	var end Head
	if begin != nil {
		end = *begin
	}
	for d := json.NewDecoder(bufio.NewReader(r)); ; {
		var e core.AuditEntry
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, core.Errorf(core.Conflict, "what follows audit entry %d cannot be read", end.Seq)
		}
		if begin == nil {
			end, begin = Head{e.Seq - 1, e.Prev}, &Head{}
		}
		if end, err = next(end, e); err != nil {
			return end, err
		}
		if emit != nil {
			if err := emit(e); err != nil {
				return end, err
			}
		}
	}
}

// next returns the end of the log with one more entry, which must follow it.
func next(end Head, e core.AuditEntry) (Head, error) {
	what := ""
	switch {
	case e.Seq != end.Seq+1:
		return end, core.Errorf(core.Conflict, "audit entry %d is missing", end.Seq+1)
	case e.Hash != hashOf(e):
		what = "was changed"
	case e.Prev != end.Hash:
		what = "does not follow the entry before it"
	default:
		return Head{e.Seq, e.Hash}, nil
	}
	return end, core.Errorf(core.Conflict, "audit entry %d %s", e.Seq, what)
}

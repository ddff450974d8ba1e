package core

import (
	"encoding/json"
	"strconv"
	"time"
)

// Span is how long something takes. In JSON it is whole milliseconds.
type Span time.Duration

// Duration is the span for all that reckons with time.
func (s Span) Duration() time.Duration { return time.Duration(s) }

// MarshalJSON writes milliseconds.
func (s Span) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, s.Duration().Milliseconds(), 10), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Span) UnmarshalJSON(text []byte) error {
	var ms int64
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	*s = Span(time.Duration(ms) * time.Millisecond)
	return nil
}

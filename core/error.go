package core

import (
	"errors"
	"fmt"
)

// ErrorCode says what kind of failure an error is. Codes map one to one to HTTP
// statuses and to exit codes of the CLI.
type ErrorCode string

const (
	Invalid     ErrorCode = "invalid"     // the request is wrong; do not retry
	NotFound    ErrorCode = "not_found"   // the named thing does not exist
	Conflict    ErrorCode = "conflict"    // the thing is busy, changed or already exists
	Forbidden   ErrorCode = "forbidden"   // the actor may not do this
	Unreachable ErrorCode = "unreachable" // a dependency does not answer; retry may help
	Internal    ErrorCode = "internal"    // everything else; the text is for logs only
)

// Error is a failure that a person may read. Code is for programs, Message and
// Hint are for people, Err is for logs.
type Error struct {
	Code    ErrorCode
	Message string // what failed and where, in one sentence
	Hint    string // what to do, optional
	Err     error  // the cause, optional
}

func (e *Error) Error() string {
	s := e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error without a cause.
func Errorf(code ErrorCode, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first Error in err's tree, or Internal.
func CodeOf(err error) ErrorCode {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// SQLError is PostgreSQL's own answer: the server was reached and said no.
type SQLError struct {
	State   string // SQLSTATE, five characters
	Message string
}

func (e *SQLError) Error() string {
	return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.State)
}

// SQLState returns the SQLSTATE in err's tree, or "" when PostgreSQL did not answer.
func SQLState(err error) string {
	if e, ok := errors.AsType[*SQLError](err); ok {
		return e.State
	}
	return ""
}

// ExitError is how a command ended that failed.
type ExitError struct {
	Status    int    // as the command chose it, not 0; 128 and more mostly name a signal
	Complaint string // the last line that it complained
}

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d: %s", e.Status, e.Complaint) }

// ExitStatus returns the exit status in err's tree, or 0 when it is not known that a
// command ended.
func ExitStatus(err error) int {
	if e, ok := errors.AsType[*ExitError](err); ok {
		return e.Status
	}
	return 0
}

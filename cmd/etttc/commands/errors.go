package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"elemental/client"
	"elemental/client/visible"
)

// failure is what did not come about, and why.
type failure struct {
	what  string
	cause error
}

func (f *failure) Error() string { return f.what + ", " + Explain(f.cause) }
func (f *failure) Unwrap() error { return f.cause }

// failed is the outcome of a command that the client reported an error for. One
// whose answer is missing may have changed something nevertheless.
func failed(what string, cause error) (Outcome, error) {
	unknown := errors.Is(cause, client.ErrUncertain) || client.CodeOf(cause) == client.OutcomeUnknown
	return Outcome{Changed: unknown}, &failure{what, cause}
}

// TryTLS is what Unanswered may mean to somebody who did not ask for TLS.
const TryTLS = "no provider answers there, it may need --tls or another --encoding"

// Unanswered reports whether a connection could not be made since what is there
// did not answer, rather than that there is nothing.
func Unanswered(err error) bool {
	var network net.Error // of the connecting itself
	return err != nil && client.CodeOf(err) == "" && !errors.As(err, &network) && !errors.Is(err, context.Canceled)
}

// LoggedOut reports whether something ended since the user is not logged in any
// more, so that it says nothing of the server.
func LoggedOut(err error) bool {
	switch client.CodeOf(err) {
	case client.NotLoggedIn, client.NoSuchUser, client.WrongPassword, client.WrongKey, client.KeyTooOld:
		return true
	}
	return false
}

// UsageError is a command that cannot be done as it was written or where the
// user is. Nothing was done.
type UsageError struct{ problem string }

func (e *UsageError) Error() string { return e.problem }

func usage(format string, args ...any) error {
	return &UsageError{visible.Line(fmt.Sprintf(format, args...))}
}

// Explain is an error in words for people, safe to show. A refusal is its reason.
func Explain(err error) string {
	var refusal *client.Refusal
	var told *failure
	switch {
	case errors.As(err, &told):
		return told.Error()
	case errors.As(err, &refusal):
		return visible.Line(refusal.Reason)
	case errors.Is(err, client.ErrUncertain):
		return "no answer came, it may have been done"
	case errors.Is(err, client.ErrLost):
		return "the connection was lost, nothing was done"
	case errors.Is(err, client.ErrNotOffered):
		return "this provider does not offer that"
	case errors.Is(err, client.ErrClosed):
		return "the client was closed"
	case errors.Is(err, context.DeadlineExceeded):
		return "the provider could not be reached in time, nothing was done"
	case errors.Is(err, context.Canceled):
		return "it was given up"
	}
	return visible.Line(strings.TrimSpace(err.Error()))
}

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

// failure says what a command could not do, and why.
type failure struct {
	what  string
	cause error
}

func (f *failure) Error() string { return f.what + ", " + Explain(f.cause) }
func (f *failure) Unwrap() error { return f.cause }

// failed returns the outcome of a command that ended with an error of the client. If the answer
// is missing, the command may have changed something all the same, so Changed is set.
func failed(what string, cause error) (Outcome, error) {
	return Outcome{Changed: client.Doubtful(cause)}, &failure{what, cause}
}

// TryTLS is what to tell a user who did not ask for TLS when Unanswered is true.
const TryTLS = "no provider answers there, it may need --tls or another --encoding"

// Unanswered reports whether a connection failed because the other side did not answer as a
// provider does. It is false if there is nothing to connect to.
func Unanswered(err error) bool {
	var network net.Error // an error of making the connection itself
	return err != nil && client.CodeOf(err) == "" && !errors.As(err, &network) && !errors.Is(err, context.Canceled)
}

// LoggedOut reports whether err says that the user is not logged in any more. Then it tells
// nothing about the server or channel.
func LoggedOut(err error) bool {
	switch client.CodeOf(err) {
	case client.NotLoggedIn, client.NoSuchUser, client.WrongPassword, client.WrongKey, client.KeyTooOld:
		return true
	}
	return false
}

// UsageError is the error of a command that cannot be done as it was written, or not at the place
// where the user is. Nothing was done.
type UsageError struct{ problem string }

func (e *UsageError) Error() string { return e.problem }

func usage(format string, args ...any) error {
	return &UsageError{visible.Line(fmt.Sprintf(format, args...))}
}

// Explain returns an error in words for people, safe to show. For a refusal that is the
// provider's reason; if the answer to an earlier try was lost, it says that too.
func Explain(err error) string {
	var refusal *client.Refusal
	var told *failure
	switch {
	case errors.As(err, &told):
		return told.Error()
	case errors.As(err, &refusal) && errors.Is(err, client.ErrUncertain):
		return visible.Line(refusal.Reason) + ", but an earlier try may have been done"
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

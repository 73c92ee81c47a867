package client

import (
	"errors"
	"fmt"

	"elemental/protocol"
)

// Refusal is the error of a call that the provider refused. Nothing was done, unless the code is
// [OutcomeUnknown]: then it may have been done.
type Refusal struct {
	Call   string // the call that was refused
	Code   Code   // for programs
	Reason string // for people; clients of the original provider compare it
}

// Error returns the call and the reason.
func (r *Refusal) Error() string { return r.Call + ": " + r.Reason }

// Code is a refusal's reason in a form for programs. docs/protocol.md lists all codes with the
// calls they belong to; the most common ones are constants here. The original provider sends only
// the reason, from which the client finds the code.
type Code string

// Codes that programs may want to tell apart.
const (
	Busy                 Code = "busy"                // nothing was done; the caller may try again
	StorageUnavailable   Code = "storage_unavailable" // the change cannot be made durable
	OutcomeUnknown       Code = "outcome_unknown"     // the request may have been done or not
	TooLarge             Code = "too_large"
	TooOften             Code = "too_often"
	NotLoggedIn          Code = "not_logged_in"
	UserExists           Code = "user_exists"
	NoSuchUser           Code = "no_such_user"
	WrongPassword        Code = "wrong_password"
	TooManyLogins        Code = "too_many_logins"
	WrongKey             Code = "wrong_key"
	KeyTooOld            Code = "key_too_old"
	ServerExists         Code = "server_exists"
	NoSuchServer         Code = "no_such_server"
	WrongServerPasswd    Code = "wrong_server_password"
	NotInServer          Code = "not_in_server"
	ChannelExists        Code = "channel_exists"
	NoSuchChannel        Code = "no_such_channel"
	MessageTooLong       Code = "message_too_long"
	OutOfRange           Code = "out_of_range"
	TooManyMessages      Code = "too_many_messages"
	InvalidImage         Code = "invalid_image"
	NoImage              Code = "no_image"
	NotSubscribed        Code = "not_subscribed"
	TooManySubscriptions Code = "too_many_subscriptions"
	MembershipEnded      Code = "membership_ended"
	ChannelGone          Code = "channel_gone"
	ServerGone           Code = "server_gone"

	incorrectValues Code = "incorrect_values"
	tooDeep         Code = "too_deep"
	malformed       Code = "malformed_json"
	timedOut        Code = "timed_out"
)

// CodeOf returns the code of the Refusal in err, or "" if there is none in it.
func CodeOf(err error) Code {
	if refusal, is := errors.AsType[*Refusal](err); is {
		return refusal.Code
	}
	return ""
}

// The errors of calls that no provider has answered.
var (
	// ErrClosed: the owner of the client or connection closed it.
	ErrClosed = errors.New("closed")
	// ErrLost: there was no connection to send the request on, or the provider ended the
	// connection before it read the request. Nothing was done.
	ErrLost = errors.New("not connected")
	// ErrUncertain: the connection ended, or the time ran out, after the request was sent and
	// before its answer came. It may have been done. The error may also wrap what went wrong when
	// the request was repeated.
	ErrUncertain = errors.New("no answer, it may have been done")
	// ErrNotOffered: the original provider does not have this call.
	ErrNotOffered = errors.New("this provider does not offer that")
)

// Doubtful reports whether something may have been done although it ended in err.
func Doubtful(err error) bool {
	return errors.Is(err, ErrUncertain) || CodeOf(err) == OutcomeUnknown
}

// refusalOf turns an answer that refuses a call into its error.
func refusalOf(call string, in *protocol.Incoming) *Refusal {
	code := in.Code
	if code == "" {
		code = protocol.CodeOf(in.Reason)
	}
	return &Refusal{Call: call, Code: Code(code), Reason: in.Reason}
}

// givenUp returns the error of a call whose context ended before an answer came. sent says
// whether the request was sent by then.
func givenUp(call string, sent bool, ended error) error {
	if sent {
		return fmt.Errorf("%s: %w (%w)", call, ErrUncertain, ended)
	}
	return fmt.Errorf("%s: not sent: %w", call, ended)
}

// cutOff returns the error of a call whose connection has ended. The text names the cause, but
// the error does not wrap it: what ended a connection is no answer to the call.
func cutOff(call string, sent bool, cause error) error {
	if sent {
		return fmt.Errorf("%s: %w (%s)", call, ErrUncertain, cause.Error())
	}
	return fmt.Errorf("%s: %w (%s)", call, ErrLost, cause.Error())
}

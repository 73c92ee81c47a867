package client

import (
	"errors"
	"fmt"

	"elemental/protocol"
)

// Refusal is a provider's "no". Nothing was done, except perhaps with
// [OutcomeUnknown].
type Refusal struct {
	Call   string // the call that was refused
	Code   Code   // for programs
	Reason string // for people; clients of the original compare it
}

// Error is the call and the reason.
func (r *Refusal) Error() string { return r.Call + ": " + r.Reason }

// Code is the machine word of a refusal. docs/protocol.md lists them with their
// calls; the more usual ones are constants here. A provider that tells only the
// reason (the original) has its reasons turned into these.
type Code string

// Codes that programs ask for.
const (
	Busy               Code = "busy"                // nothing was done, try again
	StorageUnavailable Code = "storage_unavailable" // the change cannot be made durable
	OutcomeUnknown     Code = "outcome_unknown"     // it may have been done
	TooLarge           Code = "too_large"
	TooOften           Code = "too_often"
	NotLoggedIn        Code = "not_logged_in"
	UserExists         Code = "user_exists"
	NoSuchUser         Code = "no_such_user"
	WrongPassword      Code = "wrong_password"
	TooManyLogins      Code = "too_many_logins"
	WrongKey           Code = "wrong_key"
	KeyTooOld          Code = "key_too_old"
	ServerExists       Code = "server_exists"
	NoSuchServer       Code = "no_such_server"
	WrongServerPasswd  Code = "wrong_server_password"
	NotInServer        Code = "not_in_server"
	ChannelExists      Code = "channel_exists"
	NoSuchChannel      Code = "no_such_channel"
	MessageTooLong     Code = "message_too_long"
	OutOfRange         Code = "out_of_range"
	TooManyMessages    Code = "too_many_messages"
	NoImage            Code = "no_image"
	NotSubscribed      Code = "not_subscribed"
	MembershipEnded    Code = "membership_ended"
	ChannelGone        Code = "channel_gone"
	ServerGone         Code = "server_gone"

	tooDeep   Code = "too_deep"
	malformed Code = "malformed_json"
	timedOut  Code = "timed_out"
)

// CodeOf is the code of a refusal, or "" where err is something else.
func CodeOf(err error) Code {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

// What a call ends with when no provider answered it.
var (
	// ErrClosed: the client was closed by its owner.
	ErrClosed = errors.New("closed")
	// ErrLost: there was no connection to send the request on, or the provider
	// ended it before it read the request; nothing was done.
	ErrLost = errors.New("not connected")
	// ErrUncertain: the connection ended, or the time was up, after the request
	// was sent and before it was answered; it may have been done. It may come
	// together with what went wrong when the request was repeated.
	ErrUncertain = errors.New("no answer, it may have been done")
	// ErrNotOffered: the original provider does not have this call.
	ErrNotOffered = errors.New("this provider does not offer that")
)

// refusalOf makes the error of an answer that is a "no".
func refusalOf(call string, in *protocol.Incoming) *Refusal {
	code := in.Code
	if code == "" {
		code = protocol.CodeOf(in.Reason)
	}
	return &Refusal{Call: call, Code: Code(code), Reason: in.Reason}
}

// givenUp is a call whose time was up, before or after it was sent.
func givenUp(call string, sent bool, ended error) error {
	if sent {
		return fmt.Errorf("%s: %w (%w)", call, ErrUncertain, ended)
	}
	return fmt.Errorf("%s: not sent: %w", call, ended)
}

// cutOff is a call whose connection has ended. The cause is told and not
// wrapped: what ended a connection is no answer to the call.
func cutOff(call string, sent bool, cause error) error {
	if sent {
		return fmt.Errorf("%s: %w (%s)", call, ErrUncertain, cause.Error())
	}
	return fmt.Errorf("%s: %w (%s)", call, ErrLost, cause.Error())
}

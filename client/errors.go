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
	ErrClosed = errors.New("client is closed")
	// ErrLost: the connection ended before the request was sent; nothing was done.
	ErrLost = errors.New("connection lost")
	// ErrUncertain: the connection ended, or the time was up, after the request
	// was sent and before it was answered; it may have been done.
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

// uncertain wraps why an answer is missing.
func uncertain(call string, cause error) error {
	return fmt.Errorf("%s: %w (%w)", call, ErrUncertain, cause)
}

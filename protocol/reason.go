package protocol

import (
	"strconv"
	"strings"
)

// reasons are the stable sentences that go with the machine codes. Clients
// compare them, so a sentence once published stays as it is.
var reasons = map[string]string{
	"incorrect_values":         "incorrect request values",
	"unknown_call":             "unknown call",
	"malformed_json":           "malformed JSON",
	"too_large":                "request is too large",
	"too_deep":                 "request is nested too deeply",
	"not_logged_in":            "not logged in",
	"not_that_user":            "usernm is not the logged in user",
	"busy":                     "busy, try again",
	"storage_unavailable":      "storage is unavailable",
	"too_often":                "requesting too many times, only request every %s seconds",
	"outcome_unknown":          "no answer in time, it may have been done",
	"user_exists":              "user already exists",
	"invalid_username":         "invalid username",
	"invalid_password":         "invalid password",
	"no_such_user":             "username does not exist",
	"wrong_password":           "password is incorrect",
	"too_many_logins":          "too many login attempts",
	"wrong_key":                "key is incorrect",
	"key_too_old":              "key too old",
	"server_exists":            "server already exists by that name",
	"invalid_server_name":      "invalid server name",
	"no_such_server":           "server does not exist",
	"wrong_server_password":    "incorrect server password",
	"not_in_server":            "user not in server",
	"not_owner_delete_server":  "only owner can delete server",
	"not_owner_create_channel": "only owner can create channels",
	"not_owner_delete_channel": "user not owner of the server",
	"not_owner_image":          "not the owner of the server",
	"channel_exists":           "channel already exists",
	"invalid_channel_name":     "invalid channel name",
	"no_such_channel":          "channel does not exist",
	"message_too_long":         "message is too long",
	"begin_not_int":            "begin is not an int",
	"end_not_int":              "end is not an int",
	"begin_after_end":          "begin is greater than end",
	"out_of_range":             "end or begin is less than 0",
	"too_many_messages":        "requesting too many messages",
	"list_too_long":            "list is too long",
	"too_many_subscriptions":   "too many subscriptions",
	"invalid_image":            "invalid image",
	"not_in_server_image":      "not in the server",
	"no_image":                 "server has no image",
	"not_subscribed":           "not subscribed",
	"membership_ended":         "membership has ended",
	"channel_gone":             "channel was deleted",
	"server_gone":              "server was deleted",
	"slow_reader":              "reading too slowly",
	"timed_out":                "taking too long",
	"too_many_connections":     "too many connections",
}

// Reason returns the sentence of a machine code. seconds appears in the sentence of
// too_often. An unknown code is its own sentence.
func Reason(code string, seconds float64) string {
	reason, known := reasons[code]
	if !known {
		return code
	}
	return strings.Replace(reason, "%s", strconv.FormatFloat(seconds, 'f', -1, 64), 1)
}

// codes are the machine codes by their sentences.
var codes = func() map[string]string {
	byReason := make(map[string]string, len(reasons))
	for code, reason := range reasons {
		byReason[reason] = code
	}
	return byReason
}()

// CodeOf returns the code of a sentence, for answers of a provider without codes; "" if
// no code has that sentence.
func CodeOf(reason string) string {
	if code, known := codes[reason]; known {
		return code
	}
	before, after, _ := strings.Cut(reasons["too_often"], "%s")
	if strings.HasPrefix(reason, before) && strings.HasSuffix(reason, after) {
		return "too_often"
	}
	return ""
}

package history

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// at makes an operation of a small history.
func at(call, ret int64, in input, out output) porcupine.Operation {
	return porcupine.Operation{Call: call, Return: ret, Input: in, Output: out}
}

// TestTheModelsTellWrongFromRight feeds each model histories as a sound provider
// and as a broken one would make them.
func TestTheModelsTellWrongFromRight(t *testing.T) {
	post := func(text string) input { return input{do: "post", text: text, nonce: true} }
	read := func(from, to int) input { return input{do: "read", from: from, to: to} }
	texts := func(list ...string) output { return output{list: list} }
	refused := func(code string) output { return output{refused: code} }
	unknown := output{unknown: true}
	by := func(do, user string) input { return input{do: do, user: user} }
	for name, c := range map[string]struct {
		model porcupine.Model
		legal bool
		ops   []porcupine.Operation
	}{
		"posts at once":             {channelLog, true, []porcupine.Operation{at(0, 9, post("a"), output{n: 1}), at(1, 8, post("b"), output{n: 0})}},
		"a repeated nonce":          {channelLog, true, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, post("a"), output{}), at(4, 5, read(0, 1), texts("a"))}},
		"a range beyond the end":    {channelLog, true, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, read(0, 2), refused("out_of_range"))}},
		"a stale total":             {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, input{do: "total"}, output{n: 0})}},
		"a stale range":             {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, read(0, 1), refused("out_of_range"))}},
		"a lost post":               {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, post("b"), output{n: 1}), at(4, 5, read(0, 1), texts("b"))}},
		"a nonce used twice":        {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, post("a"), output{n: 1})}},
		"an index given twice":      {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{}), at(2, 3, post("b"), output{n: 0})}},
		"an order turned":           {channelLog, false, []porcupine.Operation{at(0, 1, post("a"), output{n: 1}), at(2, 3, post("b"), output{n: 0})}},
		"what nobody posted":        {channelLog, false, []porcupine.Operation{at(0, 1, input{do: "latest", to: 1}, output{n: 1, list: []string{"x"}})}},
		"a join that may be":        {members, true, []porcupine.Operation{at(0, never, by("join", "a"), unknown), at(1, 2, by("peek", "a"), refused("not_in_server")), at(3, 4, by("peek", "a"), output{})}},
		"a member refused":          {members, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, 3, by("peek", "a"), refused("not_in_server"))}},
		"in after leaving":          {members, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, 3, by("leave", "a"), output{}), at(4, 5, by("peek", "a"), output{})}},
		"members out of order":      {members, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, 3, by("join", "b"), output{}), at(4, 5, by("who", "a"), texts("b", "a"))}},
		"a leave undone":            {members, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, never, by("leave", "a"), unknown), at(3, 4, by("peek", "a"), refused("not_in_server")), at(5, 6, by("peek", "a"), output{})}},
		"a list that follows":       {joined, true, []porcupine.Operation{at(0, 5, by("join", "a"), output{}), at(1, 2, by("list", "a"), output{n: 0}), at(3, 4, by("list", "a"), output{n: 1})}},
		"a list left behind":        {joined, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, 3, by("list", "a"), output{n: 0})}},
		"a list that kept it":       {joined, false, []porcupine.Operation{at(0, 1, by("join", "a"), output{}), at(2, 3, by("leave", "a"), output{}), at(4, 5, by("list", "a"), output{n: 1})}},
		"a key and its end":         {accounts, true, []porcupine.Operation{at(0, 1, input{do: "login", text: "pw"}, output{text: "k"}), at(2, 3, input{do: "logout", text: "k"}, output{}), at(4, 5, input{do: "keylogin", text: "k"}, refused("wrong_key"))}},
		"a change that may be":      {accounts, true, []porcupine.Operation{at(0, never, input{do: "change", text: "pw", changed: "new"}, unknown), at(1, 2, input{do: "login", text: "new"}, output{text: "k"})}},
		"a key after logout":        {accounts, false, []porcupine.Operation{at(0, 1, input{do: "login", text: "pw"}, output{text: "k"}), at(2, 3, input{do: "logout", text: "k"}, output{}), at(4, 5, input{do: "keylogin", text: "k"}, output{})}},
		"a key after a change":      {accounts, false, []porcupine.Operation{at(0, 1, input{do: "login", text: "pw"}, output{text: "k"}), at(2, 3, input{do: "change", text: "pw", changed: "new"}, output{text: "l"}), at(4, 5, input{do: "keylogin", text: "k"}, output{})}},
		"the password before":       {accounts, false, []porcupine.Operation{at(0, 1, input{do: "change", text: "pw", changed: "new"}, output{text: "l"}), at(2, 3, input{do: "login", text: "pw"}, output{text: "k"})}},
		"a lost key":                {accounts, false, []porcupine.Operation{at(0, 1, input{do: "login", text: "pw"}, output{text: "k"}), at(2, 3, input{do: "keylogin", text: "k"}, refused("wrong_key"))}},
		"two changes from one word": {accounts, false, []porcupine.Operation{at(0, 9, input{do: "change", text: "pw", changed: "new"}, output{text: "k"}), at(1, 8, input{do: "change", text: "pw", changed: "other"}, output{text: "l"})}},
	} {
		want := porcupine.Illegal
		if c.legal {
			want = porcupine.Ok
		}
		if got := porcupine.CheckOperationsTimeout(c.model, c.ops, time.Minute); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

package history

import (
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// This file is what the provider has to look like from outside: four kinds of
// objects, each of them a state and what an operation on it may answer.

// input is an operation: what, on which object, by whom, with what.
type input struct {
	do      string
	of      string // the object
	user    string
	text    string // a message, a password, a key
	nonce   bool   // the text was posted with a nonce of its own, so it stands once
	from    int
	to      int
	changed string // the new password
}

// output is its answer. An unknown one may have been done, at any time after
// its question, or not.
type output struct {
	unknown bool
	refused string // the code
	n       int
	text    string // a new key
	list    []string
}

// never is the return of an operation without an answer.
const never = int64(1) << 62

func describe(in, out any) string {
	i, o := in.(input), out.(output)
	return fmt.Sprintf("%s %s %s %d:%d %s → %v %s %d %s %q", i.user, i.do, i.text, i.from, i.to, i.changed, o.unknown, o.refused, o.n, o.text, o.list)
}

// perObject splits a history by its objects, which have nothing to do with each other.
func perObject(ops []porcupine.Operation) [][]porcupine.Operation {
	byName := map[string][]porcupine.Operation{}
	for _, op := range ops {
		name := op.Input.(input).of
		byName[name] = append(byName[name], op)
	}
	var parts [][]porcupine.Operation
	for _, part := range byName {
		parts = append(parts, part)
	}
	return parts
}

// list is the state of all: some texts in an order. It is never changed.
type list struct {
	texts []string
	hash  uint64
}

var seed = maphash.MakeSeed()

func (l list) with(text string) list {
	return list{append(l.texts[:len(l.texts):len(l.texts)], text), l.hash*31 + maphash.String(seed, text)}
}

func (l list) without(text string) list {
	var left list
	for _, t := range l.texts {
		if t != text {
			left = left.with(t)
		}
	}
	return left
}

func (l list) has(text string) bool { return slices.Contains(l.texts, text) }

func model(step func(l list, in input, out output) (bool, list)) porcupine.Model {
	return porcupine.Model{
		Partition: perObject,
		Init:      func() any { return list{} },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(list), in.(input), out.(output))
		},
		Equal: func(a, b any) bool {
			one, two := a.(list), b.(list)
			return one.hash == two.hash && slices.Equal(one.texts, two.texts)
		},
		Hash:              func(state any) uint64 { return state.(list).hash },
		DescribeOperation: describe,
		DescribeState:     func(state any) string { return strings.Join(state.(list).texts, " ") },
	}
}

// channelLog is a channel: texts by index, for ever.
var channelLog = model(func(l list, in input, out output) (bool, list) {
	switch in.do {
	case "post":
		if at := slices.Index(l.texts, in.text); at >= 0 && in.nonce {
			return out.n == at, l
		}
		return out.refused == "" && out.n == len(l.texts), l.with(in.text)
	case "total":
		return out.refused == "" && out.n == len(l.texts), l
	case "latest":
		return out.refused == "" && out.n == len(l.texts) &&
			slices.Equal(out.list, l.texts[max(0, len(l.texts)-in.to):]), l
	default: // read
		if in.to > len(l.texts) {
			return out.refused == "out_of_range", l
		}
		return out.refused == "" && slices.Equal(out.list, l.texts[in.from:in.to]), l
	}
})

// members are a server's, in the order of joining.
var members = model(func(l list, in input, out output) (bool, list) {
	is := l.has(in.user)
	switch in.do {
	case "join":
		if is {
			return out.refused == "", l
		}
		return out.refused == "", l.with(in.user)
	case "leave":
		return out.unknown || is == (out.refused == ""), l.without(in.user)
	case "who":
		return is == (out.refused == "") && (!is || slices.Equal(out.list, l.texts)), l
	default: // something that members alone may do
		return is == (out.refused == ""), l
	}
})

// joined is one server in one user's list, which follows the server's members.
var joined = model(func(l list, in input, out output) (bool, list) {
	switch in.do {
	case "join":
		return true, list{}.with(in.user)
	case "leave":
		return true, list{}
	default: // list
		return l.has(in.user) == (out.n == 1), l
	}
})

// firstPassword is everybody's, until it is changed.
const firstPassword = "pw"

// accounts are one user's password, the first of the texts, and valid keys.
var accounts = model(func(l list, in input, out output) (bool, list) {
	if len(l.texts) == 0 {
		l = l.with(firstPassword)
	}
	switch in.do {
	case "login":
		if in.text != l.texts[0] {
			return out.refused == "wrong_password", l
		}
		return out.refused == "", l.with(out.text)
	case "keylogin":
		if !slices.Contains(l.texts[1:], in.text) {
			return out.refused == "wrong_key", l
		}
		return out.refused == "", l
	case "logout":
		if slices.Contains(l.texts[1:], in.text) {
			return out.refused == "", l.without(in.text)
		}
		return out.refused == "", l
	default: // change
		switch {
		case in.text != l.texts[0]:
			return out.unknown || out.refused == "wrong_password", l
		case out.unknown:
			return true, list{}.with(in.changed)
		}
		return out.refused == "", list{}.with(in.changed).with(out.text)
	}
})

// judge holds a history against a model, and keeps a picture of one that is wrong.
func judge(t *testing.T, name string, m porcupine.Model, ops []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(m, ops, patience)
	switch result {
	case porcupine.Ok:
		return
	case porcupine.Unknown:
		t.Errorf("%s: %d operations could not be judged in %v: make the history shorter", name, len(ops), patience)
		return
	case porcupine.Illegal:
	}
	file, err := os.CreateTemp(os.TempDir(), "elemental-"+name+"-*.html") // for who looks into it: it stays
	if err != nil {
		t.Fatal(err)
	}
	if err := porcupine.Visualize(m, info, file); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	t.Errorf("%s: no order explains these %d operations, see %s", name, len(ops), file.Name())
}

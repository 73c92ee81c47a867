package transport

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"elemental/actors"
	"elemental/protocol"
)

// decode makes a request of its wire form.
func decode(t *testing.T, text string) *protocol.Request {
	t.Helper()
	codec, err := protocol.FindCodec("ascii")
	if err != nil {
		t.Fatal(err)
	}
	d := protocol.NewDecoder(strings.NewReader(text), protocol.DecoderConfig{
		Codec: codec, Depth: 32, Limit: func(bool) int { return 1 << 20 },
	})
	r, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTranslate(t *testing.T) {
	refused := func(code actors.Code) any { return actors.Refused{Code: code} }
	bad := refused(actors.IncorrectValues)
	wrong := func(command any, code actors.Code) any { return actors.Wrong{Command: command, Code: code} }
	long := strings.Repeat("x", 65)
	for text, want := range map[string]any{
		`{"call":"register","usernm":"e\u0301va","passwd":"p"}`:                  actors.Register{User: "éva", Password: "p"},
		`{"call":"register","usernm":" a","passwd":"p"}`:                         wrong(actors.Register{Password: "p"}, actors.InvalidUser),
		`{"call":"register","usernm":"a","passwd":""}`:                           wrong(actors.Register{User: "a"}, actors.InvalidPassword),
		`{"call":"register","usernm":"","passwd":7}`:                             bad,
		`{"call":"login","usernm":"a","passwd":""}`:                              actors.Login{User: "a"},
		`{"call":"login","usernm":"a\u0000","passwd":"p"}`:                       actors.Login{Password: "p"},
		`{"call":"login","usernm":"a","key":"k"}`:                                actors.LoginByKey{User: "a", Key: "k"},
		`{"call":"login","usernm":"a","key":"k","passwd":"p"}`:                   actors.Login{User: "a", Password: "p"},
		`{"call":"login","usernm":"a"}`:                                          bad,
		`{"call":"login","passwd":"p"}`:                                          bad,
		`{"call":"logout"}`:                                                      actors.Logout{},
		`{"call":"changepasswd","passwd":"a","newpasswd":"b"}`:                   actors.ChangePassword{Password: "a", New: "b"},
		`{"call":"changepasswd","passwd":"a","newpasswd":""}`:                    wrong(actors.ChangePassword{Password: "a"}, actors.InvalidPassword),
		`{"call":"createserver","servername":"s","serverpasswd":"p"}`:            actors.CreateServer{Server: "s", Password: "p"},
		`{"call":"createserver","servername":"` + long + `","serverpasswd":"p"}`: wrong(actors.CreateServer{Password: "p"}, actors.InvalidServer),
		`{"call":"joinserver","servername":"` + long + `","serverpasswd":"p"}`:   actors.JoinServer{Password: "p"},
		`{"call":"leaveserver","servername":"s"}`:                                actors.LeaveServer{Server: "s"},
		`{"call":"deleteserver","servername":"s","serverpasswd":"p"}`:            actors.DeleteServer{Server: "s", Password: "p"},
		`{"call":"createchannel","servername":"s","name":"c"}`:                   actors.CreateChannel{Server: "s", Channel: "c"},
		`{"call":"createchannel","servername":"s","name":"\u200b"}`:              wrong(actors.CreateChannel{Server: "s"}, actors.InvalidChannel),
		`{"call":"createchannel","servername":"s","channel":"c"}`:                bad,
		`{"call":"deletechannel","servername":"s","name":"c"}`:                   actors.DeleteChannel{Server: "s", Channel: "c"},
		`{"call":"message","servername":"s","channel":"c","msg":""}`:             &actors.Post{Server: "s", Channel: "c"},
		`{"call":"message","servername":"s","channel":"c","msg":"m","nonce":"n"}`: &actors.Post{
			Server: "s", Channel: "c", Text: "m", Nonce: "n"},
		`{"call":"message","servername":"s","channel":"c","msg":"m","nonce":1}`:              bad,
		`{"call":"message","servername":"s","channel":"c","msg":"m","nonce":"` + long + `"}`: bad,
		`{"call":"message","servername":"s","channel":"c"}`:                                  bad,
		`{"call":"getmessages","servername":"s","channel":"c","begin":0,"end":1e1}`: actors.GetMessages{
			Server: "s", Channel: "c", BeginIsInt: true},
		`{"call":"getmessages","servername":"s","channel":"c","begin":-1,"end":99999999999999999999}`: actors.GetMessages{
			Server: "s", Channel: "c", Begin: -1, End: 1<<63 - 1, BeginIsInt: true, EndIsInt: true},
		`{"call":"getmessages","servername":"s","channel":"c","begin":"0","end":true}`: actors.GetMessages{
			Server: "s", Channel: "c"},
		`{"call":"getmessages","servername":"s","channel":"c","begin":0}`:       bad,
		`{"call":"getlatestmessages","servername":"s","channel":"c","count":5}`: actors.LatestMessages{Server: "s", Channel: "c", Count: 5, Before: -1},
		`{"call":"getlatestmessages","servername":"s","channel":"c","count":5,"before":3}`: actors.LatestMessages{
			Server: "s", Channel: "c", Count: 5, Before: 3},
		`{"call":"getlatestmessages","servername":"s","channel":"c","count":-5}`:  wrong(actors.LatestMessages{Server: "s", Channel: "c", Count: -5, Before: -1}, actors.OutOfRange),
		`{"call":"getlatestmessages","servername":"s","channel":"c","count":5.0}`: bad,
		`{"call":"gettotalmessages","servername":"s","channel":"c"}`:              actors.CountMessages{Server: "s", Channel: "c"},
		`{"call":"subscribe","servername":"s"}`:                                   actors.Subscribe{Server: "s"},
		`{"call":"subscribe","servername":"s","channel":"c"}`:                     actors.Subscribe{Server: "s", Channel: "c", HasChannel: true},
		`{"call":"subscribe","servername":"s","channel":null}`:                    bad,
		`{"call":"unsubscribe","servername":"s","channel":"c"}`:                   actors.Unsubscribe{Server: "s", Channel: "c", HasChannel: true},
		`{"call":"getjoinedservers"}`:                                             actors.JoinedServers{},
		`{"call":"getserverchannels","servername":"s"}`:                           actors.ServerChannels{Server: "s"},
		`{"call":"getservermembers","servername":"s"}`:                            actors.ServerMembers{Server: "s"},
		`{"call":"getserverimage","servername":"s"}`:                              actors.GetServerImage{Server: "s"},
		`{"call":"setserverimage","servername":"s","img":"aGk="}`:                 actors.SetServerImage{Server: "s", Image: "aGk="},
		`{"call":"setserverimage","servername":"s","img":"hi"}`:                   wrong(actors.SetServerImage{Server: "s", Image: "hi"}, actors.InvalidImage),
		`{"call":"getprovidername"}`:                                              actors.ProviderName{},
		`{"call":"ping","usernm":4}`:                                              bad,
		`{"call":"ping","Usernm":"a"}`:                                            bad,
		`{"call":"ping","id":[]}`:                                                 bad,
		`{"call":"dance"}`:                                                        refused(actors.UnknownCall),
		`{"call":"PING"}`:                                                         refused(actors.UnknownCall),
		`{"call":5}`:                                                              bad,
		`{}`:                                                                      bad,
	} {
		v := values{imageBytes: 1 << 10}
		if got := v.translate(decode(t, text)).Command; !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %#v\nwant %#v", text, got, want)
		}
	}
}

func TestClaimedUser(t *testing.T) {
	for text, want := range map[string]string{
		`{"call":"ping"}`:                               "",
		`{"call":"ping","usernm":"e\u0301va"}`:          "éva",
		`{"call":"ping","usernm":""}`:                   nobody,
		`{"call":"ping","usernm":"a\n"}`:                nobody,
		`{"call":"login","usernm":"a","passwd":"p"}`:    "",
		`{"call":"register","usernm":"a","passwd":"p"}`: "",
	} {
		if got := new(values).translate(decode(t, text)).Claimed; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestReplies(t *testing.T) {
	list := []actors.Message{{Text: "h\"i", Author: "a", Timestamp: 1500000}, {Text: "é", Author: "b", Timestamp: 2000001}}
	for _, tt := range []struct {
		reply any
		want  string
	}{
		{actors.Done{}, `{"resp":true,"id":5}`},
		{actors.LoggedIn{User: "a", Key: "k"}, `{"resp":true,"key":"k","id":5}`},
		{&actors.Posted{Index: 3, Timestamp: 1586562444000009}, `{"resp":true,"index":3,"timestamp":1586562444.000009,"id":5}`},
		{actors.Messages{}, `{"resp":true,"messages":[],"id":5}`},
		{actors.Messages{List: list}, `{"resp":true,"messages":[{"message":"h\"i","timestamp":1.500000,"author":"a"},` +
			`{"message":"é","timestamp":2.000001,"author":"b"}],"id":5}`},
		{actors.Messages{List: list[:1], First: 9, WithIndex: true, Amount: 10}, `{"resp":true,"messages":[` +
			`{"message":"h\"i","timestamp":1.500000,"author":"a","index":9}],"amount":10,"id":5}`},
		{actors.Amount{Amount: 4}, `{"resp":true,"amount":4,"id":5}`},
		{actors.Servers{Names: []string{"a", "b"}}, `{"resp":true,"servers":["a","b"],"id":5}`},
		{actors.Channels{}, `{"resp":true,"channels":[],"id":5}`},
		{actors.Members{Owner: "a", Members: []actors.Member{{User: "a", Online: true}, {User: "b"}}},
			`{"resp":true,"members":[{"usernm":"a","online":true},{"usernm":"b","online":false}],"owner":"a","id":5}`},
		{actors.Subscribed{}, `{"resp":true,"id":5}`},
		{actors.Subscribed{HasChannel: true}, `{"resp":true,"amount":0,"id":5}`},
		{actors.ProviderInfo{Name: "n", Welcome: "w", Icon: "i"}, `{"resp":true,"name":"n","welcome":"w","icon":"i","id":5}`},
		{actors.Image{Image: "i"}, `{"resp":true,"img":"i","id":5}`},
		{actors.Refused{Code: actors.TooOften, Seconds: 0.75},
			`{"resp":false,"reason":"requesting too many times, only request every 0.75 seconds","code":"too_often","id":5}`},
		{nil, `{"resp":false,"reason":"no answer in time, it may have been done","code":"outcome_unknown","id":5}`},
	} {
		got := string(appendReply(nil, &actors.Request{ID: []byte("5")}, tt.reply))
		if got != tt.want+"\n" {
			t.Errorf("%#v\ngot  %swant %s", tt.reply, got, tt.want)
		}
	}
}

func TestEncoder(t *testing.T) {
	e, err := NewEncoder("ascii")
	if err != nil {
		t.Fatal(err)
	}
	got := string(e.EncodeNewMessage(&actors.NewMessage{
		Server: "s", Channel: "c", Index: 8, Message: actors.Message{Text: "😀", Author: "a", Timestamp: 1},
	}).Bytes)
	want := `{"call":"newmessage","message":"\ud83d\ude00","timestamp":0.000001,"author":"a","servername":"s","channel":"c","index":8}`
	if got != want+"\n" {
		t.Error(got)
	}
	got = string(e.EncodeUnsubscribed(&actors.Unsubscribed{Server: "s", Reason: actors.ServerGone}).Bytes)
	if got != `{"call":"unsubscribed","servername":"s","reason":"server was deleted","code":"server_gone"}`+"\n" {
		t.Error(got)
	}
	if _, err := NewEncoder("klingon"); err == nil {
		t.Error("an unknown encoding was taken")
	}
}

// TestEveryCodeHasAReason reads the codes from the source that declares them.
func TestEveryCodeHasAReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../actors/refused.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			code, err := strconv.Unquote(text.Value)
			if err != nil || protocol.Reason(code, 0) == code {
				t.Errorf("no reason for %s in protocol/reason.go", text.Value)
			}
			found++
		}
		return true
	})
	if found < 40 {
		t.Errorf("only %d codes found", found)
	}
}

// TestEveryCallHasItsNameOnce: decoding a request makes no new string of the name of its call.
func TestEveryCallHasItsNameOnce(t *testing.T) {
	for name := range calls {
		text := `{"call":"` + name + `"}`
		one, other := decode(t, text).Call.Value, decode(t, text).Call.Value
		if unsafe.StringData(one) != unsafe.StringData(other) {
			t.Errorf("%s is missing in the calls of protocol/request.go", name)
		}
	}
}

// TestTheExamplesOfTheManual holds docs/protocol.md to the code: every example
// is a request that is understood or something that a client can read, and every
// call has an example.
func TestTheExamplesOfTheManual(t *testing.T) {
	raw, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	manual, shown := string(raw), map[string]bool{}
	codec, err := protocol.FindCodec("utf-8")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(manual) {
		if text, ok := strings.CutPrefix(line, "→ "); ok {
			v := values{imageBytes: 1 << 10}
			req := v.translate(decode(t, text))
			if _, refused := req.Command.(actors.Refused); refused {
				t.Errorf("%s is refused: %v", line, req.Command)
			}
			shown[req.Call] = true
		}
		if text, ok := strings.CutPrefix(line, "← "); ok {
			if _, err := protocol.NewIncomingReader(strings.NewReader(text), codec).Next(); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	for call := range calls {
		if !shown[call] {
			t.Errorf("docs/protocol.md has no example of %s", call)
		}
	}
}

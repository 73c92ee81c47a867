package screen

import (
	"context"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
	"elemental/cmd/etttc/commands"
)

func TestRegisteringGoesOnToLogin(t *testing.T) {
	u := start(t, Config{}, 80, 24).sees("(r)egister or (l)ogin: l", "username:", "password:", "LOCALPROVIDER")
	u.types("r").presses("enter").types("alice").presses("enter").types("pass word")
	u.sees("(r)egister or (l)ogin: r", "alice", "*********").seesNot("pass word")
	u.presses("enter").sees("registering…")
	u.gets(loggedInMsg{user: "alice", registered: true}).sees("registration completed, now login", "logged in as alice").seesNot("password:")
	if u.m.login.secret != "" {
		t.Error("the password is kept after the login")
	}
}

// Whichever answer comes first, the welcome is shown before the notices about the login.
func TestWelcomeComesBeforeTheLogin(t *testing.T) {
	welcome := providerMsg{provider: client.Provider{Name: "LOCALPROVIDER", Welcome: "welcome to your LOCALPROVIDER"}}
	for _, answers := range [][]tea.Msg{{welcome, loggedInMsg{user: "alice", registered: true}}, {loggedInMsg{user: "alice", registered: true}, welcome}} {
		u := &user{t, newModel(Config{Address: "localhost:5005", User: "alice", Password: "secret"})}
		u.gets(tea.WindowSizeMsg{Width: 60, Height: 24}).gets(answers...)
		u.sees("welcome to your LOCALPROVIDER\n 00:00 · registration completed, now login\n 00:00 · login completed, logged in as alice\n")
	}
	u := &user{t, newModel(Config{Address: "localhost:5005", User: "alice", Password: "secret"})}
	u.gets(tea.WindowSizeMsg{Width: 60, Height: 24}, loggedInMsg{user: "alice"}, providerMsg{err: client.ErrNotOffered})
	u.sees("login completed") // also if the provider tells nothing about itself
}

func TestRefusedLoginIsToldAndAskedAgain(t *testing.T) {
	u := start(t, Config{User: "alice"}, 80, 24).presses("enter", "enter").types("wrong").presses("enter").sees("logging in…")
	u.gets(loggedInMsg{user: "alice", err: &client.Refusal{Code: client.NoSuchUser, Reason: "username does not exist"}})
	u.sees("login failed, username does not exist", "alice").types("r").presses("enter", "enter").types("new").presses("enter")
	u.sees("registering…").gets(loggedInMsg{user: "alice", err: &client.Refusal{Code: client.UserExists, Reason: "user already exists"}})
	u.sees("registration failed, user already exists")
}

func TestLoginWaitsForTheProvider(t *testing.T) {
	u := start(t, Config{}, 80, 24)
	u.gets(statusMsg{client.Status{State: client.Offline, Pause: 3 * time.Second, Err: context.DeadlineExceeded}})
	u.presses("enter").types("alice").presses("enter").types("secret").presses("enter")
	u.sees("waiting for the provider", "○ offline, again in 3 s")
	u.gets(tickMsg{now: noon.Add(2 * time.Second)}).sees("again in 1 s")
	if u.m.login.asking {
		t.Fatal("it logs in without a connection")
	}
	u.gets(statusMsg{client.Status{State: client.Online}})
	if !u.m.login.asking {
		t.Fatal("it does not log in when the provider is there")
	}
	u.gets(loggedInMsg{user: "alice"}).sees("logged in as alice")
}

func TestGivenPasswordNeedsNoDialog(t *testing.T) {
	u := start(t, Config{User: "alice", Password: "secret"}, 80, 24).seesNot("username:")
	u.gets(loggedInMsg{user: "alice", err: &client.Refusal{Code: client.WrongPassword, Reason: "password is incorrect"}})
	u.sees("password is incorrect", "username:", "alice").seesNot("secret")
}

func TestLostLoginIsAskedForAgain(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.gets(statusMsg{client.Status{State: client.Online, Err: &client.Refusal{Code: client.WrongPassword, Reason: "password is incorrect"}}})
	u.sees("logged out, password is incorrect", "username:", "alice")
}

// The end of a server that the user has deleted raises no alarm, whether the command's answer or
// the end of the subscription comes first.
func TestOwnServersEndIsNoAlarm(t *testing.T) {
	ended := func(u *user, server string) {
		u.gets(unsubscribedMsg{server, &client.Refusal{Code: client.ServerGone, Reason: "server was deleted"}})
	}
	did := ranMsg{at: general, outcome: commands.Outcome{Lines: []string{"server successfully deleted"}, Gone: "gophers", Goto: &commands.Place{}, Changed: true}}
	for _, answerFirst := range []bool{true, false} {
		u := alice(t, 80, 24).page(0).types("/deleteserver gophers x").presses("enter")
		if answerFirst {
			u.gets(did)
			ended(u, "gophers")
		} else {
			ended(u, "gophers")
			u.gets(did)
		}
		u.sees("rustaceans/#general", "server successfully deleted").seesNot("gophers", "was deleted")
		u.gets(listedMsg{servers: []server{{"rustaceans", []string{"general"}}}}, listedMsg{servers: []server{{"gophers", []string{"general"}}, {"rustaceans", []string{"general"}}}})
		ended(u, "gophers") // another server of that name, made by somebody else
		u.sees("gophers: server was deleted")
	}
	u := alice(t, 80, 24).page(0).gets(did)
	ended(u, "rustaceans")
	u.sees("rustaceans: server was deleted")
}

// Another server of the same name begins empty, also if the answer to a post or events of the one
// that is gone come late.
func TestServerMadeAnewBeginsEmpty(t *testing.T) {
	rest := []server{{"rustaceans", []string{"general"}}}
	gone := unsubscribedMsg{"gophers", &client.Refusal{Code: client.ServerGone, Reason: "server was deleted"}}
	late := said(7, "alice", "the last")
	event := eventsMsg{"gophers", []client.Event{{Kind: client.Posted, Message: late}}}
	for what, msgs := range map[string][]tea.Msg{
		"the answer": {gone, listedMsg{servers: rest}, postedMsg{message: late}},
		"an event":   {listedMsg{servers: rest}, event, gone},
	} {
		u := alice(t, 80, 24).page(7, numbered(0, 7)...).types("the last").presses("enter")
		for _, msg := range msgs {
			if posted, yes := msg.(postedMsg); yes {
				posted.id = u.m.outbox.posts[0].id
				msg = posted
			}
			u.gets(msg)
		}
		anew := listedMsg{servers: append(rest, server{"gophers", []string{"general"}})}
		u.gets(anew, anew) // the first one may be out of date
		u.presses("ctrl+n").page(1, said(0, "bob", "the first of the new one"))
		if r := u.m.here(); r.place != general || r.history.total != 1 || len(r.history.messages) != 1 || r.history.messages[0].Text != "the first of the new one" {
			t.Errorf("%s: %v has %d messages, held are %+v", what, r.place, r.history.total, r.history.messages)
		}
	}
}

// A user who is logged out has not lost any server.
func TestLostLoginDoesNotBlameServers(t *testing.T) {
	denied := &client.Refusal{Code: client.WrongPassword, Reason: "password is incorrect"}
	msgs := []tea.Msg{statusMsg{client.Status{State: client.Online, Err: denied}}, unsubscribedMsg{"gophers", denied}}
	for _, first := range []int{0, 1} {
		u := alice(t, 80, 24).page(0).types("draft").gets(msgs[first], msgs[1-first])
		u.sees("logged out, password is incorrect").seesNot("gophers: ", "you are not in")
		u.gets(loggedInMsg{user: "alice"}, listedMsg{}, listedMsg{servers: []server{{"gophers", []string{"general"}}}})
		if !u.m.side.heard["gophers"] {
			t.Error("the server is not heard again after the login")
		}
	}
}

// A server that the same user has joined with another client shows up after a while.
func TestServersAreListedNowAndThen(t *testing.T) {
	u := alice(t, 80, 24).page(0).gets(tickMsg{now: noon.Add(29 * time.Second)})
	if u.m.side.asking {
		t.Fatal("asked too soon")
	}
	u.gets(tickMsg{now: noon.Add(31 * time.Second)})
	if !u.m.side.asking {
		t.Fatal("not asked")
	}
	u.gets(listedMsg{servers: []server{{"gophers", []string{"general"}}, {"elsewhere", []string{"general"}}}}).sees("elsewhere")
	u.gets(statusMsg{client.Status{State: client.Offline}}, tickMsg{now: noon.Add(time.Hour)})
	if u.m.side.asking {
		t.Error("asked without a connection")
	}
}

// What the user types while the dialog opens by itself is not an answer to it.
func TestLostLoginDoesNotTakeWhatIsBeingTyped(t *testing.T) {
	loggedOut := statusMsg{client.Status{State: client.Online, Err: &client.Refusal{Code: client.WrongPassword, Reason: "password is incorrect"}}}
	u := alice(t, 80, 24).page(0).types("dra").gets(loggedOut)
	u.types("ft two").presses("enter", "up").gets(tea.PasteMsg{Content: "pasted"}, tickMsg{now: noon.Add(time.Second)}).types("r")
	u.gets(tickMsg{now: noon.Add(2 * time.Second)}).types("r").gets(tickMsg{now: noon.Add(3 * time.Second)}).types("r")
	u.sees("(r)egister or (l)ogin: l", "username:              alice", "› password:").seesNot("password:              *")
	if u.m.login.wanted {
		t.Fatal("it logs in with what was typed")
	}
	u.gets(tickMsg{now: noon.Add(5 * time.Second)}).types("secret").sees("› password:              ******").presses("enter").sees("logging in…")
	if u.m.login.user != "alice" || u.m.login.secret != "secret" || u.m.login.register {
		t.Errorf("it logs in as %q", u.m.login.user)
	}
	u.gets(loggedInMsg{user: "alice"}).sees("› dra")
}

func TestPlaceFromTheConfigIsEntered(t *testing.T) {
	servers := listedMsg{servers: []server{{"a", []string{"general"}}, {"b", []string{"general", "news"}}}}
	for _, c := range []struct{ at, want commands.Place }{
		{commands.Place{}, commands.Place{Server: "a", Channel: "general"}},
		{commands.Place{Server: "b"}, commands.Place{Server: "b", Channel: "general"}},
		{commands.Place{Server: "b", Channel: "news"}, commands.Place{Server: "b", Channel: "news"}},
		{commands.Place{Server: "b", Channel: "gone"}, commands.Place{Server: "b", Channel: "general"}},
		{commands.Place{Server: "gone"}, commands.Place{Server: "a", Channel: "general"}},
	} {
		u := start(t, Config{User: "alice", Password: "secret", At: c.at}, 80, 24).gets(loggedInMsg{user: "alice"}, servers)
		if u.m.at != c.want {
			t.Errorf("from %v to %v, want %v", c.at, u.m.at, c.want)
		}
	}
}

func TestServerThatEndsLeavesTheSideBar(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.gets(unsubscribedMsg{"gophers", &client.Refusal{Code: client.ServerGone, Reason: "server was deleted"}})
	u.sees("gophers: server was deleted", "rustaceans/#general").seesNot("#news")
	u.gets(unsubscribedMsg{"rustaceans", &client.Refusal{Code: client.MembershipEnded, Reason: "membership has ended"}})
	u.sees("rustaceans: membership has ended", "no servers yet", "│ alice │ no channel").seesNot("not connected")
	for at := range u.m.rooms {
		if at != (commands.Place{}) {
			t.Errorf("the room %v is kept", at)
		}
	}
}

func TestDeletedChannelIsLeft(t *testing.T) {
	u := alice(t, 80, 24).page(1, said(0, "bob", "an old message"))
	u.gets(eventsMsg{"gophers", []client.Event{{Kind: client.Deleted, Message: client.Message{Server: "gophers", Channel: "general"}}}})
	u.sees("#general was deleted", "gophers/#news").seesNot("an old message")
	u.posted(said(0, "bob", "a new channel")) // in a new channel of the same name
	u.presses("ctrl+n", "ctrl+n", "ctrl+n")
	if r := u.m.room(general); r.unread != 1 || len(r.history.messages) != 1 {
		t.Errorf("%d unread of %d messages", r.unread, len(r.history.messages))
	}
}

func TestListingAgainKeepsWhatIsUnread(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.posted(client.Message{Server: "gophers", Channel: "news", Author: "bob", Text: "x"}).sees("#news      1")
	u.gets(statusMsg{client.Status{State: client.Offline}}, statusMsg{client.Status{State: client.Online}})
	u.gets(listedMsg{servers: []server{{"gophers", []string{"general", "news", "new"}}, {"another", []string{"general"}}}})
	u.sees("#news      1", "another", "#new ").seesNot("rustaceans")
	if !u.m.side.heard["another"] {
		t.Error("the new server is not subscribed")
	}
}

func TestServerJoinedAgainIsHeardAgain(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.gets(unsubscribedMsg{"rustaceans", &client.Refusal{Code: client.MembershipEnded}})
	if u.m.side.heard["rustaceans"] {
		t.Fatal("still taken for heard")
	}
	u.gets(listedMsg{}, listedMsg{servers: []server{{"gophers", []string{"general"}}, {"rustaceans", []string{"general"}}}})
	if !u.m.side.heard["rustaceans"] {
		t.Error("not subscribed again")
	}
}

func TestListFromBeforeAChangeIsAskedForAgain(t *testing.T) {
	u := alice(t, 80, 24).page(0)
	u.m.relist()
	to := commands.Place{Server: "new", Channel: "general"}
	u.gets(ranMsg{at: general, outcome: commands.Outcome{Goto: &to, Changed: true}})
	u.gets(listedMsg{servers: []server{{"gophers", []string{"general"}}}}).sees("new/#general", "rustaceans")
	u.gets(listedMsg{servers: []server{{"new", []string{"general"}}}}).sees("new/#general").seesNot("rustaceans")
}

package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"elemental/client"
)

func TestTable(t *testing.T) {
	want := strings.Fields("createserver deleteserver listservers listchannels joinserver gotoserver gotochannel createchannel " +
		"deletechannel setserverimg getserverimg leaveserver members passwd reconnect help quit")
	var names []string
	for _, c := range All() {
		names = append(names, c.Name)
		if c.Help == "" || c.run == nil {
			t.Errorf("/%s has no help or does nothing", c.Name)
		}
		for i, arg := range c.Args {
			if arg.Ask == "" || arg.Name == "" || arg.Optional && i < len(c.Args)-1 {
				t.Errorf("/%s: argument %d is not complete", c.Name, i)
			}
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("the commands are %v, want %v", names, want)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line string
		name string
		args []string
	}{
		{"/quit", "quit", nil},
		{"  /QUIT  ", "quit", nil},
		{"/joinserver", "joinserver", nil},
		{"/joinserver demo", "joinserver", []string{"demo"}},
		{"/joinserver demo  s3cret ", "joinserver", []string{"demo", "s3cret"}},
		{`/joinserver "my server" ''`, "joinserver", []string{"my server", ""}},
		{`/joinserver 'say "hi"' "a ""b"" c"`, "joinserver", []string{`say "hi"`, `a "b" c`}},
		{`/joinserver it's o"k`, "joinserver", []string{"it's", `o"k`}},
		{`/joinserver back\slash \"`, "joinserver", []string{`back\slash`, `\"`}},
		{"/joinserver\tdemo\u3000x", "joinserver", []string{"demo", "x"}},
		{"/gotoserver  my own server ", "gotoserver", []string{"my own server"}},
		{`/gotoserver "my own server"`, "gotoserver", []string{"my own server"}},
		{`/gotoserver "my" "own"`, "gotoserver", []string{`"my" "own"`}},
		{`/gotoserver "half`, "gotoserver", []string{`"half`}},
		{"/passwd a b c", "passwd", []string{"a", "b", "c"}},
	} {
		found, args, err := Parse(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if found.Name != c.name || !slices.Equal(args, c.args) {
			t.Errorf("%s is /%s %q", c.line, found.Name, args)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"hello":                          "commands begin with /, try /help",
		"//hello":                        "commands begin with /, try /help",
		"/":                              "unknown command /, try /help",
		"/foo":                           "unknown command /foo, try /help",
		"/foo s3cret":                    "unknown command /foo, try /help",
		"/jionserver demo s3cret":        "unknown command /jionserver, did you mean /joinserver?",
		"/Setserver":                     "unknown command /Setserver, did you mean /setserverimg?",
		"/x\x1b[2J":                      "unknown command /x␛[2J, try /help",
		"/" + strings.Repeat("y", 1<<20): "unknown command /" + strings.Repeat("y", 32) + "…, try /help",
		"/quit now":                      "/quit takes no arguments",
		"/joinserver my server s3cret":   `too many words for /joinserver <server> <password>, quotes hold words together: "my server"`,
		`/joinserver "demo s3cret`:       `a " is not closed`,
		`/joinserver "demo"s3cret`:       `a space is missing after the closing "`,
	} {
		_, _, err := Parse(line)
		var mistake *UsageError
		if !errors.As(err, &mistake) || err.Error() != want {
			t.Errorf("%.60q: %v, want %s", line, err, want)
		}
	}
}

func TestMasked(t *testing.T) {
	for line, want := range map[string]string{
		"hello s3cret":                        "hello s3cret",
		"//joinserver demo s3cret":            "//joinserver demo s3cret",
		"/joinserver":                         "/joinserver",
		"/joinserver ":                        "/joinserver ",
		"/joinserver demo":                    "/joinserver demo",
		"/joinserver demo s":                  "/joinserver demo ***",
		" /JOINSERVER  demo   s3cret  ":       " /JOINSERVER  demo   ***",
		`/joinserver "my server" "s3 cret"`:   `/joinserver "my server" ***`,
		`/joinserver "my server" "s3 cre`:     `/joinserver "my server" ***`,
		`/joinserver "my server s3cret`:       `/joinserver ***`,
		`/joinserver "my server"s3cret`:       `/joinserver ***`,
		"/joinserver my server s3cret":        "/joinserver my ***",
		"/createserver demo\ts3cret":          "/createserver demo\t***",
		"/deleteserver demo s3cret":           "/deleteserver demo ***",
		"/passwd s3cret":                      "/passwd ***",
		"/passwd s3cret s3cret2 s3cret2":      "/passwd ***",
		"/joinservr demo s3cret":              "/joinservr ***",
		"/ joinserver demo s3cret":            "/ ***",
		"/gotoserver my server":               "/gotoserver my server",
		"/setserverimg \"half":                "/setserverimg \"half",
		"/joinserver demo \u202es3cret\u202c": "/joinserver demo ***",
	} {
		if got := Masked(line); got != want {
			t.Errorf("Masked(%q) is %q, want %q", line, got, want)
		}
		kept := line
		if want != line {
			kept = strings.TrimRight(want, "* \t")
		}
		if got := WithoutSecrets(line); got != kept {
			t.Errorf("WithoutSecrets(%q) is %q, want %q", line, got, kept)
		}
	}
}

// A secret may look like the stars that hide it.
func TestStarsAsASecret(t *testing.T) {
	if got := WithoutSecrets("/joinserver demo ***"); got != "/joinserver demo" {
		t.Errorf("%q is kept", got)
	}
}

func FuzzMasked(f *testing.F) {
	f.Add("/joinserver demo ", " more")
	f.Add(`/passwd "`, `"`)
	f.Add("/nothing ", "")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "s3cret"
		line := before + secret + after
		c, args, err := Parse(line)
		if err != nil {
			if strings.Contains(err.Error(), secret) && !strings.Contains(strings.Fields(line)[0], secret) {
				t.Fatalf("the error of %q tells it: %v", line, err)
			}
			return
		}
		for i, arg := range args {
			isSecret := c.Args[i].Kind == Secret && strings.Contains(arg, secret)
			if isSecret && strings.Count(line, secret) == 1 && strings.Contains(Masked(line), secret) {
				t.Fatalf("Masked(%q) is %q", line, Masked(line))
			}
		}
	})
}

func TestMissing(t *testing.T) {
	in := Place{Server: "demo", Channel: "general"}
	for _, c := range []struct {
		line string
		at   Place
		want string
	}{
		{"/joinserver", in, "[server name (server) server password (secret)]"},
		{"/joinserver demo", in, "[server password (secret)]"},
		{"/joinserver demo x", in, "[]"},
		{"/gotoserver", in, "[target server (server)]"},
		{"/leaveserver", in, "[]"},
		{"/leaveserver", Place{}, "[server to leave (server)]"},
		{"/help", in, "[]"},
		{"/quit", in, "[]"},
	} {
		command, args, err := Parse(c.line)
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, arg := range command.Missing(args, c.at) {
			if arg.Kind == Secret {
				asked = append(asked, arg.Ask+" (secret)")
			} else {
				asked = append(asked, arg.Ask+" (server)")
			}
		}
		if got := fmt.Sprint(asked); got != c.want {
			t.Errorf("%s in %q asks %s, want %s", c.line, c.at.Server, got, c.want)
		}
	}
}

func TestMessage(t *testing.T) {
	for line, want := range map[string]string{"hello": "hello", "//x": "/x", "///x": "//x", "  //x": "  /x", "a //b": "a //b", "": ""} {
		if got := Message(line); got != want || IsCommand(line) {
			t.Errorf("%q posts %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{"/x", "  /x", "/", "\t/x y"} {
		if !IsCommand(line) {
			t.Errorf("%q is no command", line)
		}
	}
}

func TestHelp(t *testing.T) {
	out := mustRun(t, "/help")
	text := strings.Join(out.Lines, "\n")
	for _, c := range All() {
		if !strings.Contains(text, c.Usage()) || !strings.Contains(text, c.Help) {
			t.Errorf("/help does not explain /%s:\n%s", c.Name, text)
		}
	}
	if got := mustRun(t, "/help /joinserver").Lines; !slices.Equal(got, []string{"/joinserver <server> <password>  become a member of a server and go there"}) {
		t.Errorf("/help /joinserver says %q", got)
	}
	if !mustRun(t, "/quit").Quit {
		t.Error("/quit does not quit")
	}
}

// mustRun runs a command that needs no provider, and fails if that fails.
func mustRun(t *testing.T, line string) Outcome {
	t.Helper()
	c, args, err := Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Run(context.Background(), nil, Place{}, args)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Commands that cannot be done are refused without asking the provider.
func TestCannotBeDone(t *testing.T) {
	in := Place{Server: "demo"}
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	const nowhere = "you are in no server, try /gotoserver or /joinserver"
	for _, c := range []struct {
		line string
		at   Place
		want string
	}{
		{"/listchannels", Place{}, "couldn't list channels, " + nowhere},
		{"/gotochannel x", Place{}, "couldn't go to channel, " + nowhere},
		{"/createchannel x", Place{}, "couldn't create channel, " + nowhere},
		{"/deletechannel x", Place{}, "couldn't delete channel, " + nowhere},
		{"/setserverimg aGk=", Place{}, "couldn't set image, " + nowhere},
		{"/getserverimg", Place{}, "couldn't get image, " + nowhere},
		{"/members", Place{}, "couldn't list members, " + nowhere},
		{"/leaveserver", Place{}, "server is missing: /leaveserver [server]"},
		{"/joinserver demo", Place{}, "password is missing: /joinserver <server> <password>"},
		{"/passwd s3cret one two", Place{}, "password not changed, the new passwords are not the same"},
		{"/setserverimg no such file", in, "couldn't set image, that is neither a file nor base64"},
		{"/setserverimg logo", in, "couldn't set image, that is neither a file nor base64 of an image"},
		{"/setserverimg aGVsbG8gd29ybGQ=", in, "neither a file nor base64 of an image"},
		{"/setserverimg " + text, in, "notes.txt is no image (text/plain"},
		{"/setserverimg " + t.TempDir(), in, "is not a regular file"},
		{"/help foo", in, "unknown command /foo, try /help"},
	} {
		command, args, err := Parse(c.line)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := command.Run(context.Background(), nil, c.at, args); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		}
	}
}

// An image may be given by its path in the user's home folder.
func TestImageInTheHomeFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	if err := os.WriteFile(filepath.Join(home, "logo.gif"), []byte("GIF89a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if image, err := readImage("~/logo.gif"); err != nil || string(image) != "GIF89a" {
		t.Errorf("%q, %v", image, err)
	}
}

// If a command may have been done, the lists may have changed.
func TestFailedMayHaveChanged(t *testing.T) {
	for _, c := range []struct {
		err     error
		changed bool
	}{
		{fmt.Errorf("%w", client.ErrUncertain), true},
		{&client.Refusal{Code: client.OutcomeUnknown}, true},
		{&client.Refusal{Code: client.ServerExists}, false},
		{client.ErrLost, false},
	} {
		if out, err := failed("server not created", c.err); out.Changed != c.changed || !errors.Is(err, c.err) {
			t.Errorf("%v: changed %v, %v", c.err, out.Changed, err)
		}
	}
}

// The name of a server that the user has left or deleted is given as the provider writes it.
func TestGoneIsNamed(t *testing.T) {
	for written, want := range map[string]string{"demo": "demo", "cafe\u0301": "caf\u00e9"} {
		if out := gone("left", Place{Server: "elsewhere"}, written); out.Gone != want || out.Goto != nil || !out.Changed {
			t.Errorf("%q: %+v", written, out)
		}
	}
}

func TestLoggedOut(t *testing.T) {
	for code, want := range map[client.Code]bool{client.WrongPassword: true, client.NoSuchUser: true, client.NotLoggedIn: true, client.ServerGone: false, client.MembershipEnded: false, "": false} {
		if got := LoggedOut(&client.Refusal{Code: code}); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

func TestUnanswered(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{errors.New("no answer from a provider: EOF"), true},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{fmt.Errorf("%w", &net.DNSError{Name: "nowhere"}), false},
		{context.DeadlineExceeded, false},
		{&client.Refusal{Code: client.TooOften}, false},
		{nil, false},
	} {
		if got := Unanswered(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestExplain(t *testing.T) {
	refusal := &client.Refusal{Call: "joinserver", Code: client.NoSuchServer, Reason: "server does not exist\x1b[2J"}
	_, told := failed("unable to join server", refusal)
	for _, c := range []struct {
		err  error
		want string
	}{
		{refusal, "server does not exist␛[2J"},
		{fmt.Errorf("doing: %w", told), "unable to join server, server does not exist␛[2J"},
		{fmt.Errorf("%w (%w)", client.ErrUncertain, context.DeadlineExceeded), "no answer came, it may have been done"},
		{client.ErrLost, "the connection was lost, nothing was done"},
		{client.ErrNotOffered, "this provider does not offer that"},
		{client.ErrClosed, "the client was closed"},
		{context.DeadlineExceeded, "the provider could not be reached in time, nothing was done"},
		{context.Canceled, "it was given up"},
		{errors.New("odd\n"), "odd"},
	} {
		if got := Explain(c.err); got != c.want {
			t.Errorf("%v is explained as %q, want %q", c.err, got, c.want)
		}
	}
}

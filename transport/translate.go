package transport

import (
	"elemental/actors"
	"elemental/protocol"
)

// This file turns a request of the wire into a command of the actors. A request that is refused
// here becomes a command too (actors.Refused), so that its answer keeps its place among the
// others.

// calls is the table of all calls.
var calls = map[string]func(*values) any{
	"register": func(v *values) any {
		return actors.Register{User: v.newName(v.Usernm, actors.InvalidUser), Password: v.newPassword(v.Passwd)}
	},
	"login":  login,
	"logout": func(*values) any { return actors.Logout{} },
	"changepasswd": func(v *values) any {
		return actors.ChangePassword{Password: v.text(v.Passwd), New: v.newPassword(v.NewPasswd)}
	},
	"createserver": func(v *values) any {
		return actors.CreateServer{
			Server:   v.newName(v.ServerName, actors.InvalidServer),
			Password: v.newServerPassword(v.ServerPasswd),
		}
	},
	"joinserver": func(v *values) any {
		return actors.JoinServer{Server: v.name(v.ServerName), Password: v.text(v.ServerPasswd)}
	},
	"leaveserver": func(v *values) any { return actors.LeaveServer{Server: v.name(v.ServerName)} },
	"deleteserver": func(v *values) any {
		return actors.DeleteServer{Server: v.name(v.ServerName), Password: v.text(v.ServerPasswd)}
	},
	"createchannel": func(v *values) any {
		return actors.CreateChannel{Server: v.name(v.ServerName), Channel: v.newName(v.Name, actors.InvalidChannel)}
	},
	"deletechannel": func(v *values) any {
		return actors.DeleteChannel{Server: v.name(v.ServerName), Channel: v.name(v.Name)}
	},
	"setserverimage": func(v *values) any {
		return actors.SetServerImage{Server: v.name(v.ServerName), Image: v.image(v.Img)}
	},
	"getserverimage":    func(v *values) any { return actors.GetServerImage{Server: v.name(v.ServerName)} },
	"message":           message,
	"getmessages":       getMessages,
	"getlatestmessages": latestMessages,
	"gettotalmessages": func(v *values) any {
		return actors.CountMessages{Server: v.name(v.ServerName), Channel: v.name(v.Channel)}
	},
	"subscribe": func(v *values) any {
		channel, has := v.optionalName(v.Channel)
		return actors.Subscribe{Server: v.name(v.ServerName), Channel: channel, HasChannel: has}
	},
	"unsubscribe": func(v *values) any {
		channel, has := v.optionalName(v.Channel)
		return actors.Unsubscribe{Server: v.name(v.ServerName), Channel: channel, HasChannel: has}
	},
	"getjoinedservers":  func(*values) any { return actors.JoinedServers{} },
	"getserverchannels": func(v *values) any { return actors.ServerChannels{Server: v.name(v.ServerName)} },
	"getservermembers":  func(v *values) any { return actors.ServerMembers{Server: v.name(v.ServerName)} },
	"getprovidername":   func(*values) any { return actors.ProviderName{} },
	"ping":              func(*values) any { return actors.Ping{} },
}

// nobody is a user name that nobody can have. It stands for a claimed name that is not allowed,
// since "" means that no name was claimed.
const nobody = " "

// translate turns a decoded request into one of the actors.
func (v *values) translate(r *protocol.Request) *actors.Request {
	v.Request, v.call, v.refusal, v.wrong = r, noCall, "", ""
	v.out = nil
	command := v.command()
	out := v.out
	if out == nil {
		out = new(actors.Request)
	}
	out.ID, out.Call, out.Bytes, out.Command = r.ID, v.call, r.Bytes, command
	if r.Usernm.Is == protocol.Given && out.Call != "register" && out.Call != "login" {
		out.Claimed = nobody
		if name, ok := protocol.CleanName(r.Usernm.Value); ok {
			out.Claimed = name
		}
	}
	switch {
	case v.refusal != "":
		out.Command = actors.Refused{Code: v.refusal}
	case v.wrong != "":
		out.Command = actors.Wrong{Command: command, Code: v.wrong}
	}
	v.Request, v.out = nil, nil
	return out
}

func (v *values) command() any {
	call, known := calls[v.Call.Value]
	if known {
		v.call = v.Call.Value
	}
	if v.Spoiled || v.Call.Is != protocol.Given || v.Usernm.Is == protocol.Mistyped {
		v.incorrect()
		return nil
	}
	if !known {
		v.refusal = actors.UnknownCall
		return nil
	}
	return call(v)
}

// noCall stands for the name of an unknown call. The name itself is whatever the client has
// sent, so no trace and no page may show it.
const noCall = "unknown"

func login(v *values) any {
	if v.Key.Is != protocol.Absent && v.Passwd.Is == protocol.Absent {
		return actors.LoginByKey{User: v.name(v.Usernm), Key: v.text(v.Key)}
	}
	return actors.Login{User: v.name(v.Usernm), Password: v.text(v.Passwd)}
}

// posting is a request to post and its command, in one allocation. Most requests are such.
type posting struct {
	request actors.Request
	post    actors.Post
}

func message(v *values) any {
	p := &posting{post: actors.Post{Server: v.name(v.ServerName), Channel: v.name(v.Channel), Text: v.text(v.Msg)}}
	post := &p.post
	v.out = &p.request
	if v.Nonce.Is != protocol.Absent {
		post.Nonce = v.text(v.Nonce)
		if !protocol.ValidNonce(post.Nonce) {
			v.incorrect()
		}
	}
	return post
}

// getMessages needs begin and end, but leaves checking their type to the channel, since a missing
// server or channel is told first.
func getMessages(v *values) any {
	if v.Begin.Is == protocol.Absent || v.End.Is == protocol.Absent {
		v.incorrect()
	}
	return actors.GetMessages{
		Server: v.name(v.ServerName), Channel: v.name(v.Channel),
		Begin: v.Begin.Value, BeginIsInt: v.Begin.Is == protocol.Given,
		End: v.End.Value, EndIsInt: v.End.Is == protocol.Given,
	}
}

func latestMessages(v *values) any {
	get := actors.LatestMessages{
		Server: v.name(v.ServerName), Channel: v.name(v.Channel),
		Count: v.natural(v.Count), Before: -1,
	}
	if v.Before.Is != protocol.Absent {
		get.Before = v.natural(v.Before)
	}
	return get
}

// isHashed tells whether a password of the command has to be hashed.
func isHashed(command any) bool {
	switch command.(type) {
	case actors.Register, actors.Login, actors.ChangePassword, actors.CreateServer, actors.JoinServer, actors.DeleteServer:
		return true
	}
	return false
}

// values reads the values of a request and remembers what is wrong with them.
type values struct {
	*protocol.Request
	call       string          // the name of the call, or noCall
	refusal    actors.Code     // why the request is refused here, before anything else
	wrong      actors.Code     // the first value that is not allowed; the actors refuse it, after other reasons
	out        *actors.Request // memory for the request, if its command has brought it along
	imageBytes int
}

// incorrect notes that a value is missing or has a wrong type, which goes before everything else.
func (v *values) incorrect() { v.refusal = actors.IncorrectValues }

// note notes that a value is not allowed, if it is the first.
func (v *values) note(code actors.Code) {
	if v.wrong == "" {
		v.wrong = code
	}
}

func (v *values) text(t protocol.Text) string {
	if t.Is != protocol.Given {
		v.incorrect()
	}
	return t.Value
}

// name is the name of something that is looked up; "" if nothing can have that name.
func (v *values) name(t protocol.Text) string {
	name, _ := protocol.CleanName(v.text(t))
	return name
}

func (v *values) optionalName(t protocol.Text) (name string, given bool) {
	if t.Is == protocol.Absent {
		return "", false
	}
	return v.name(t), true
}

// newName is the name of something that is created.
func (v *values) newName(t protocol.Text, otherwise actors.Code) string {
	name, ok := protocol.CleanName(v.text(t))
	if !ok {
		v.note(otherwise)
	}
	return name
}

func (v *values) newPassword(t protocol.Text) string {
	password := v.text(t)
	if !protocol.ValidPassword(password) {
		v.note(actors.InvalidPassword)
	}
	return password
}

// newServerPassword may be empty, as in the original. Such a server is open to all.
func (v *values) newServerPassword(t protocol.Text) string {
	if t.Is == protocol.Given && t.Value == "" {
		return ""
	}
	return v.newPassword(t)
}

func (v *values) image(t protocol.Text) string {
	image := v.text(t)
	if !protocol.ValidImage(image, v.imageBytes) {
		v.note(actors.InvalidImage)
	}
	return image
}

// natural is an integer that is not negative.
func (v *values) natural(n protocol.Number) int64 {
	if n.Is != protocol.Given {
		v.incorrect()
	} else if n.Value < 0 {
		v.note(actors.OutOfRange)
	}
	return n.Value
}

package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors/telemetry"
)

// This file is what a server does with its password. Creating, joining and deleting
// it go through the hash workers. If the server has another password when the hash is
// there, because it was deleted or made again meanwhile, the command begins again. A
// server without a password needs none of that. That this is faster is no secret:
// anybody can find out by joining it.

func (s *server) hash(ctx actor.Context, command any, work hashWork) {
	work.Ref, work.ReplyTo, work.From = s.node.ref(), ctx.Self(), command.(asked).from().From
	s.hashing[work.Ref] = serverHashing{command, work.Compare}
	ctx.Send(s.node.passwords, &work)
}

// compare has a password compared with the server's. Wrong passwords are counted.
func (s *server) compare(ctx actor.Context, command any, who Caller, password string) {
	s.hash(ctx, command, hashWork{
		Password: password, Compare: s.guild.Password, Attempt: attempt{KindServer, s.name, who.From.String()},
	})
}

// serverHashing is a command that waits for the hash workers.
type serverHashing struct {
	command any
	compare string // the hash that the password is compared with; the server may have another by then
}

func (s *server) onHashDone(ctx actor.Context, m *hashDone) {
	h, ours := s.hashing[m.Ref]
	if !ours {
		return // asked before a restart
	}
	delete(s.hashing, m.Ref)
	s.inHand = telemetry.Aside(ctx, h.command)
	switch {
	case m.Refused != "":
		s.refuse(ctx, h.command.(asked).from(), m.Refused)
	case h.compare != "" && h.compare != s.guild.Password:
		s.command(ctx, h.command) // begin again with the present password, or find no server
	default:
		s.hashed(ctx, h.command, m)
	}
	s.inHand = nil
	s.leaveIfGone(ctx)
}

func (s *server) hashed(ctx actor.Context, command any, m *hashDone) {
	switch c := command.(type) {
	case *createServer:
		s.finishCreate(ctx, c, m.Hash)
	case *joinServer:
		s.finishJoin(ctx, c, m.Match)
	case *deleteServer:
		s.finishDelete(ctx, c, m.Match)
	}
}

func (s *server) finishCreate(ctx actor.Context, m *createServer, hash string) {
	if s.guild.Exists {
		s.refuse(ctx, m.Caller, ServerExists)
		return
	}
	if !s.may(ctx, m.Caller, "") {
		return
	}
	s.commit(ctx, "serverCreated", serverCreated{
		Incarnation: s.next(), Owner: m.User, Password: hash, Channel: firstChannel,
	})
	s.welcome(ctx, m.Caller, m.User)
}

// firstChannel is made with each server.
const firstChannel = "general"

// finishJoin goes on when the password was compared. The server is the one that was asked, see onHashDone.
func (s *server) finishJoin(ctx actor.Context, m *joinServer, match bool) {
	switch {
	case !match:
		s.refuse(ctx, m.Caller, WrongServerPasswd)
	case s.guild.isMember(m.User): // nothing changes, but the user's list may lag behind
		s.tellThenReply(ctx, m.Caller, debt{s.guild.of(m.User), true})
	case s.may(ctx, m.Caller, ""):
		s.commit(ctx, "memberJoined", memberJoined{User: m.User})
		s.welcome(ctx, m.Caller, m.User)
	}
}

// finishDelete is like finishJoin: onDelete has compared the owner, who never changes.
func (s *server) finishDelete(ctx actor.Context, m *deleteServer, match bool) {
	switch {
	case !match:
		s.refuse(ctx, m.Caller, WrongServerPasswd)
	case s.may(ctx, m.Caller, ""):
		s.remove(ctx, m.Caller)
	}
}

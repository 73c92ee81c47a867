package actors

import "github.com/asynkron/protoactor-go/actor"

// This file is what a server does with its password. Creating, joining and deleting it go through
// the hash workers, unless it has none. That this is faster is no secret: anybody can find out by
// joining it.

func (s *server) onHashDone(ctx actor.Context, m *hashDone) {
	if s.takeHash(ctx, m, s.guild.Password, s.hashed) {
		s.leaveIfGone(ctx)
	}
}

func (s *server) hashed(ctx actor.Context, h hashing, m *hashDone) {
	switch c := h.command.(type) {
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

package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is how the users' lists of joined servers follow the members of a
// server. A change of membership is a debt: the server owes the user a word
// (membershipChanged) until the user has it on disk (membershipNoted). Whoever
// asked for the change is answered then.

// tellThenReply tells the user of a change of membership, and replies to the caller when
// the user's list has it on disk too.
func (s *server) tellThenReply(ctx actor.Context, caller Caller, d debt) {
	s.askers[d] = append(s.askers[d], asker{caller, s.seq, s.tell(ctx, d)})
}

// asker is a caller who waits until the debt is paid that the event seq has made. The answer
// to the word with this number pays it, or the answer to a later one.
type asker struct {
	Caller
	seq, word uint64
}

func (s *server) tell(ctx actor.Context, d debt) (word uint64) {
	word = s.number(d)
	s.sayWord(ctx, d, word)
	return word
}

// number numbers the next word to a user.
func (s *server) number(d debt) (word uint64) {
	word = s.node.ref()
	s.lastWord[d.membership] = word
	return word
}

func (s *server) sayWord(ctx actor.Context, d debt, word uint64) {
	s.say(ctx, nil, &membershipChanged{User: d.User, Server: s.name, Incarnation: d.Incarnation, Member: d.Member, Word: word})
}

// laterWord is a word that has its number and is said when others are answered.
type laterWord struct {
	debt
	word uint64
}

// mostTold is to how many users the server talks at a time when it has a word for many. Each of
// them may have to be read from disk, and others want to use the disk too.
const mostTold = 64

// tellInTurn is tell for one of many. It is followed by tellSome.
func (s *server) tellInTurn(d debt) (word uint64) {
	word = s.number(d)
	s.untold = append(s.untold, laterWord{d, word})
	return word
}

// tellSome says words that wait, as long as few of those that were said are unanswered.
func (s *server) tellSome(ctx actor.Context) {
	for len(s.untold) > 0 && len(s.lastWord)-len(s.untold) < mostTold {
		w := s.untold[0]
		s.untold = s.untold[1:]
		if s.lastWord[w.membership] != w.word {
			continue // a newer one was said meanwhile
		}
		s.sayWord(ctx, w.debt, w.word)
		if w.Member {
			s.say(ctx, s.node.router, &memberWelcome{Topic: s.topic(), User: w.User})
		}
	}
}

// onNoted pays a debt, but only if it answers the last word to that user: somebody who joins,
// leaves and joins again is told the same thing twice, and the second word may be lost.
func (s *server) onNoted(ctx actor.Context, m *membershipNoted) {
	d := m.debt()
	if member, owed := s.guild.owed[d.membership]; owed && member == d.Member && m.Word >= s.lastWord[d.membership] {
		delete(s.guild.owed, d.membership)
	}
	s.answered(ctx, m, func(a asker) { s.confirm(ctx, a.Caller) })
	s.bury(ctx)
}

func (m *membershipNoted) debt() debt { return debt{membership{m.User, m.Incarnation}, m.Member} }

// answered calls each for those who waited for the word that a user has answered, and forgets
// them. It forgets the word too if none was said since. Whoever asked later waits for a later one.
func (s *server) answered(ctx actor.Context, m *membershipNoted, each func(asker)) {
	d := m.debt()
	if m.Word >= s.lastWord[d.membership] {
		delete(s.lastWord, d.membership)
	}
	later := func(a asker) bool { return a.word > m.Word }
	for _, a := range s.askers[d] {
		if !later(a) {
			each(a)
		}
	}
	s.keepAskers(d, later)
	s.tellSome(ctx)
}

// keepAskers keeps the askers of a debt for whom wait is true and forgets the others.
func (s *server) keepAskers(d debt, wait func(asker) bool) {
	s.askers[d] = slices.DeleteFunc(s.askers[d], func(a asker) bool { return !wait(a) })
	if len(s.askers[d]) == 0 {
		delete(s.askers, d)
	}
}

// onRefused answers those who wait for a user's list that cannot be changed now. The server has
// the change on disk; the list will follow later.
func (s *server) onRefused(ctx actor.Context, m *membershipRefused) {
	s.answered(ctx, &m.membershipNoted, func(a asker) {
		delete(s.closing, a.Caller)
		s.refuse(ctx, a.Caller, OutcomeUnknown)
	})
}

// payDebts tells the users again whose list does not follow yet. A word that is not answered keeps its
// number: with another one each time, no answer that takes longer than a sweep would pay.
func (s *server) payDebts(ctx actor.Context) {
	s.untold = nil
	for who, member := range s.guild.owed {
		d := debt{who, member}
		if word, said := s.lastWord[who]; said {
			s.untold = append(s.untold, laterWord{d, word})
		} else {
			s.tellInTurn(d)
		}
	}
	s.tellSome(ctx)
	for d := range s.askers {
		if _, owed := s.guild.owed[d.membership]; !owed {
			s.remind(ctx, d)
		}
	}
}

// remind helps those who wait though there is no debt any more. Either a word was lost for
// somebody who has joined again, or the user's list has gone on to something newer.
func (s *server) remind(ctx actor.Context, d debt) {
	member := d.Incarnation == s.guild.Incarnation && s.guild.isMember(d.User)
	if member == d.Member {
		s.tell(ctx, d)
		return
	}
	s.onNoted(ctx, &membershipNoted{User: d.User, Incarnation: d.Incarnation, Member: d.Member, Word: s.node.ref()})
}

// refuseAskers refuses those who wait for events from seq on.
func (s *server) refuseAskers(ctx actor.Context, seq uint64, code Code) {
	refused := map[Caller]bool{}
	for d, list := range s.askers {
		for _, a := range list {
			if a.seq >= seq && !refused[a.Caller] {
				refused[a.Caller] = true
				delete(s.closing, a.Caller)
				a.refuse(ctx, code)
			}
		}
		s.keepAskers(d, func(a asker) bool { return a.seq < seq })
	}
}

// welcome tells a new member's list first and then the member's sessions. So a session that
// begins in between finds the server in the list.
func (s *server) welcome(ctx actor.Context, caller Caller, name string) {
	s.tellThenReply(ctx, caller, debt{s.guild.of(name), true})
	s.say(ctx, s.node.router, &memberWelcome{Topic: s.topic(), User: name})
}

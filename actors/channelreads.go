package actors

import (
	"errors"
	"math"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/persistence"
)

// This file is how a channel answers those who read: from memory, and from pages on disk.

// reading is an answer whose older part is being read from pages.
type reading struct {
	caller Caller
	reply  Messages // List is the newer part
	seq    uint64   // of the last event decided when it was asked: List may contain it
}

func (c *channel) onGetMessages(ctx actor.Context, m *getMessages) {
	switch {
	case m.End > c.history.total: // and Begin ≤ End
		c.refuse(ctx, m.Caller, OutOfRange)
	case m.End-m.Begin > int64(c.node.cfg.AnswerMessages):
		c.refuse(ctx, m.Caller, TooManyMessages)
	default:
		c.answerRun(ctx, m.Caller, m.End, Messages{First: m.Begin})
	}
}

func (c *channel) onLatestMessages(ctx actor.Context, m *latestMessages) {
	end := c.history.total
	if m.Before >= 0 {
		end = min(end, m.Before)
	}
	count := min(max(m.Count, 0), end)
	if count > int64(c.node.cfg.AnswerMessages) {
		c.refuse(ctx, m.Caller, TooManyMessages)
		return
	}
	c.answerRun(ctx, m.Caller, end, Messages{First: end - count, WithIndex: true, Amount: c.history.total})
}

// answerRun completes a reply with the messages reply.First … end-1. They come from memory,
// and the older ones from pages.
func (c *channel) answerRun(ctx actor.Context, caller Caller, end int64, reply Messages) {
	begin := reply.First
	reply.List = c.history.run(begin, end)
	if begin >= c.history.base || begin == end {
		c.replyMessages(ctx, caller, reply)
		return
	}
	ref := c.node.ref()
	c.reads[ref] = reading{caller: caller, reply: reply, seq: c.seq}
	ctx.Send(c.node.disk, &persistence.ReadItems{
		Stream: c.stream, From: index(begin), To: index(min(end, c.history.base)),
		MaxBytes: c.itemBytes(end - begin), Ref: ref, ReplyTo: ctx.Self(),
	})
}

func (c *channel) onItemsRead(ctx actor.Context, m *persistence.ItemsRead) {
	r, ours := c.reads[m.Ref]
	if !ours {
		return // asked before a restart
	}
	delete(c.reads, m.Ref)
	older, err := readItems(m)
	switch {
	case err == nil:
	case c.ends: // the files may be gone already
		c.refuse(ctx, r.caller, Busy)
		return
	case errors.Is(err, persistence.ErrTooMuch):
		c.refuse(ctx, r.caller, TooManyMessages)
		return
	default:
		c.unreadable(ctx, &c.told, "cannot read old messages", err)
		c.refuse(ctx, r.caller, StorageDown)
		return
	}
	r.reply.List = append(older, r.reply.List...)
	c.replyMessages(ctx, r.caller, r.reply)
}

// itemBytes limits how many bytes of JSON an answer of n messages may read from pages; 0 is no
// limit. Text that JSON makes up to six times as long (control characters) can exceed it: the
// client has to ask for fewer messages then. A single message can always be read.
func (c *channel) itemBytes(n int64) int {
	if n == 1 || c.node.cfg.AnswerBytes > math.MaxInt/4 { // twice that is no number
		return 0
	}
	return 2*c.node.cfg.AnswerBytes + 512*int(n)
}

func readItems(m *persistence.ItemsRead) ([]Message, error) {
	if m.Err != nil {
		return nil, m.Err
	}
	list := make([]Message, 0, len(m.Items))
	all, author := oneText(m.Items), ""
	for _, item := range m.Items {
		e, err := decodePosted(item, all[:len(item)], author)
		if err != nil {
			return nil, err
		}
		all, author = all[len(item):], e.Author
		list = append(list, Message{Text: e.Text, Author: e.Author, Timestamp: e.Timestamp})
	}
	return list, nil
}

// oneText copies all items into one string, which costs one allocation instead of many.
func oneText(items [][]byte) string {
	size := 0
	for _, item := range items {
		size += len(item)
	}
	var all strings.Builder
	all.Grow(size)
	for _, item := range items {
		all.Write(item)
	}
	return all.String()
}

// replyMessages answers, unless there is too much text. A single message is never too much: it
// may be longer than an answer may be now, if it was posted before the limits were lowered.
func (c *channel) replyMessages(ctx actor.Context, caller Caller, reply Messages) {
	bytes := 0
	for _, m := range reply.List {
		bytes += len(m.Text)
	}
	if bytes > c.node.cfg.AnswerBytes && len(reply.List) > 1 {
		c.refuse(ctx, caller, TooManyMessages)
		return
	}
	c.reply(ctx, caller, reply)
}

// index converts an index, which was checked before, to persistence's unsigned type.
func index(i int64) uint64 {
	if i < 0 {
		panic("negative index")
	}
	return uint64(i)
}

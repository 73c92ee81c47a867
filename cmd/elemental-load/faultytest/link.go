package faultytest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"sync"
)

// link is one client's connection and the one to the provider that belongs to it.
type link struct {
	p                *Proxy
	client, provider net.Conn

	mu      sync.Mutex
	waiting []request // for their answers

	// Of the goroutine that carries answers.
	last map[place][]byte // the text of the last push
	held *held            // a push that waits for the next one
}

// request is what an answer has to be known about its request.
type request struct {
	Call    string          `json:"call"`
	Server  string          `json:"servername"`
	Channel string          `json:"channel"`
	Text    json.RawMessage `json:"msg"`
	Begin   *int64          `json:"begin"`
	End     *int64          `json:"end"`
	Count   *int64          `json:"count"`
	Before  *int64          `json:"before"`

	lie *lie // that it was changed for
}

func (r request) place() place { return place{r.Server, r.Channel} }

// run carries both directions until one of them ends.
func (l *link) run() {
	var requests sync.WaitGroup
	requests.Go(l.carryRequests)
	l.carryAnswers()
	l.p.drop(l.client, l.provider)
	requests.Wait()
}

// carryRequests passes each request on, byte for byte (but for white space between
// them) unless it asks for a history that is a lie.
func (l *link) carryRequests() {
	decoder := json.NewDecoder(l.client)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			break
		}
		var r request
		_ = json.Unmarshal(raw, &r) // a value of another type is the provider's to refuse
		l.p.mu.Lock()
		r.lie = l.p.lies[r.place()]
		l.p.mu.Unlock()
		raw = r.asked(raw)
		l.mu.Lock()
		l.waiting = append(l.waiting, r)
		l.mu.Unlock()
		if _, err := l.provider.Write(raw); err != nil {
			return
		}
	}
	// The client has ended its side, or sends no JSON: for the provider to answer.
	if _, err := io.Copy(l.provider, io.MultiReader(decoder.Buffered(), l.client)); err != nil {
		return
	}
	if half, ok := l.provider.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}

// carryAnswers passes on what the provider says, tampered with, until it ends.
func (l *link) carryAnswers() {
	frames := bufio.NewReader(l.provider)
	for {
		frame, err := frames.ReadBytes('\n')
		goesOn := err == nil
		if goesOn {
			frame, goesOn = l.tamper(frame)
		} else {
			frame = append(l.release(), frame...)
		}
		if _, err = l.client.Write(frame); err != nil || !goesOn {
			return
		}
	}
}

// answered is the request that an answer belongs to: answers come in the order
// of the requests. What is not asked for, such as the refusal of a connection,
// belongs to none.
func (l *link) answered() request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return request{}
	}
	r := l.waiting[0]
	l.waiting = l.waiting[1:]
	return r
}

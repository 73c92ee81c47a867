package faultytest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"sync"
)

// link is a client's connection together with the proxy's connection to the provider for
// it.
type link struct {
	p                *Proxy
	client, provider net.Conn

	mu      sync.Mutex
	waiting []request // requests that are not answered yet

	// Used only by the goroutine that carries answers.
	last map[place][]byte // the text of the last push, by channel
	held *held            // a push that is kept until the next one of its channel
}

// request is what must be known of a request to change its answer.
type request struct {
	Call    string          `json:"call"`
	Server  string          `json:"servername"`
	Channel string          `json:"channel"`
	Text    json.RawMessage `json:"msg"`
	Begin   *int64          `json:"begin"`
	End     *int64          `json:"end"`
	Count   *int64          `json:"count"`
	Before  *int64          `json:"before"`

	lie *lie // the lie for which the request was changed, or nil
}

func (r request) place() place { return place{r.Server, r.Channel} }

// run passes everything on in both directions, until one of them ends.
func (l *link) run() {
	var requests sync.WaitGroup
	requests.Go(l.carryRequests)
	l.carryAnswers()
	l.p.drop(l.client, l.provider)
	requests.Wait()
}

// carryRequests passes on each request byte for byte, without the white space between
// them. Only requests for a history with a lie are changed.
func (l *link) carryRequests() {
	decoder := json.NewDecoder(l.client)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			break
		}
		var r request
		_ = json.Unmarshal(raw, &r) // if a value has the wrong type, the provider refuses the request
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
	// The client has closed its side, or sends something that is not JSON: let the
	// provider handle it.
	if _, err := io.Copy(l.provider, io.MultiReader(decoder.Buffered(), l.client)); err != nil {
		return
	}
	if half, ok := l.provider.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}

// carryAnswers passes on what the provider sends, with the fault in it, until the
// connection ends.
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

// answered takes the request that an answer belongs to: answers come in the order of the
// requests. An answer that nobody asked for, such as the refusal of a connection, gets an
// empty request.
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

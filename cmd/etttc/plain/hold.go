package plain

import (
	"io"
	"sync"
)

// mostHeld bounds the text that is held back, in bytes.
const mostHeld = 64 << 10

// hold keeps what would be printed into the line of a question back until the
// question is answered.
type hold struct {
	terminal io.Writer // where questions are asked

	mu       sync.Mutex
	question string // that waits for its answer, or ""
	held     []piece
	size     int
}

// piece is a text that is to be printed.
type piece struct {
	to   *output
	text string
}

// ask asks a question; from now on all else is held back.
func (h *hold) ask(question string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.question = question
	_, err := io.WriteString(h.terminal, question)
	return err
}

// answered prints what was held back.
func (h *hold) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.question = ""
	h.print()
}

// end prints what was held back for a question that nobody answers any more.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.question != "" && len(h.held) > 0 {
		h.held[0].to.print("\n") // ends the question's line
	}
	h.question = ""
	h.print()
}

func (h *hold) print() {
	for _, p := range h.held {
		p.to.print(p.text)
	}
	h.held, h.size = nil, 0
}

// write prints a text now or later. What is too much to be held is printed at
// once, and the question is asked again below it.
func (h *hold) write(to *output, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.question == "" {
		to.print(text)
		return
	}
	h.held = append(h.held, piece{to, text})
	if h.size += len(text); h.size > mostHeld {
		h.held[0].to.print("\n")
		h.print()
		_, _ = io.WriteString(h.terminal, h.question) // the answer is read all the same
	}
}

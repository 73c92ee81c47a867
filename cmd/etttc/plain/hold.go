package plain

import (
	"io"
	"sync"
)

// mostHeld is how many bytes of text are held back at most.
const mostHeld = 64 << 10

// hold keeps output out of the line of a question: it is held back until the question is
// answered.
type hold struct {
	terminal io.Writer // where questions are asked

	mu       sync.Mutex
	question string // the question that waits for its answer, or ""
	held     []piece
	size     int
}

// piece is a text that is held back, and where it will be printed.
type piece struct {
	to   *output
	text string
}

// ask prints a question. From now on all other output is held back.
func (h *hold) ask(question string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.question = question
	_, err := io.WriteString(h.terminal, question)
	return err
}

// answered is called when a question is answered. It prints what was held back.
func (h *hold) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.question = ""
	h.print()
}

// end is called at the end of the run. If a question still waits, it prints what was held back,
// below the question.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.question != "" && len(h.held) > 0 {
		h.held[0].to.print("\n") // ends the line of the question
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

// write prints a text, now or after the answer to a question. If too much text is held back, all
// of it is printed at once and the question is asked again below it.
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
		_, _ = io.WriteString(h.terminal, h.question) // if this fails, the answer is still read
	}
}

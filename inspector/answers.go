package inspector

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// This file is what all answers have in common: their headers, their limits, JSON.

// headers are those of every answer: the page needs nothing of anybody else, and
// nobody else may show it.
func (s *Server) headers(next http.Handler) http.Handler {
	const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// limit bounds what a request may send and how long its answer may take, and counts
// what both cost. The connection ends with the answer, unless the door says otherwise.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counting := &countingWriter{ResponseWriter: w, cost: &s.cost}
		extend(counting, requestTime)
		w.Header().Set("Connection", "close")
		if r.ContentLength != 0 { // after the answer net/http reads the rest, for as long as it may
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
			r.Body = http.MaxBytesReader(w, r.Body, bodyBytes)
		}
		next.ServeHTTP(counting, r)
	})
}

// extend gives an answer so much time from now on.
func extend(w http.ResponseWriter, most time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(most)) // a socket has deadlines
}

// unhurried is for answers that take longer than others may, and longer than a request may
// take to come: those times would end them. They have times of their own.
func unhurried(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
}

// reply writes an answer.
func reply(w http.ResponseWriter, answer any) {
	begun := time.Now()
	data, err := json.Marshal(answer)
	if c, counts := w.(*countingWriter); counts {
		c.cost.working(begun)
	}
	encoded(w, data, err)
}

// encoded writes an answer that is JSON already, or was to be.
func encoded(w http.ResponseWriter, data []byte, err error) {
	if err != nil {
		fail(w, http.StatusInternalServerError, "the answer cannot be written")
		return
	}
	write(w, http.StatusOK, data)
}

// fail writes a refusal.
func fail(w http.ResponseWriter, status int, reason string) {
	data, err := json.Marshal(map[string]string{"error": reason})
	if err != nil {
		data = []byte(`{}`)
	}
	write(w, status, data)
}

// write writes an answer. To read it a client has all of its time, whatever it has waited for.
func write(w http.ResponseWriter, status int, data []byte) {
	extend(w, requestTime)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that has gone needs no answer
}

// body reads a request's JSON, and answers when it is none, or does not come.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	let(r, false) // while it comes, which may be slow on purpose
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	text, err := io.ReadAll(r.Body)
	let(r, true)
	if err == nil {
		err = strictly(text, into)
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, "too much")
	case errors.Is(err, os.ErrDeadlineExceeded):
		fail(w, http.StatusRequestTimeout, "the body came too slowly")
	default:
		fail(w, http.StatusBadRequest, "the body is not the JSON that is wanted")
	}
	return false
}

// strictly reads JSON that is one value with known members, and nothing else.
func strictly(text []byte, into any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// number reads a whole number of a query, from 0 to most.
func number(r *http.Request, name string, usual, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return usual
	}
	return min(max(n, 0), most)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

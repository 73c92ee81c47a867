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

// This file has what all answers have in common: headers, limits and JSON.

// headers sets the headers of every answer: the page may load nothing from elsewhere, and
// no other site may show it in a frame.
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

// limit bounds the size of a request and the time of its answer, and counts the bytes
// sent. The connection ends after the answer; letIn changes that for clients who may come
// in.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counting := &countingWriter{ResponseWriter: w, cost: &s.cost}
		extend(counting, requestTime)
		w.Header().Set("Connection", "close")
		if r.ContentLength != 0 { // after the answer net/http reads the rest of the body, for as long as this deadline allows
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
			r.Body = http.MaxBytesReader(w, r.Body, bodyBytes)
		}
		next.ServeHTTP(counting, r)
	})
}

// extend gives an answer that much time from now on.
func extend(w http.ResponseWriter, most time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(most)) // cannot fail, since the writer has a socket below it
}

// unhurried removes the usual time limits, for answers that take longer. Such answers set
// limits of their own.
func unhurried(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
}

// reply writes an answer as JSON. The time for encoding it counts as the inspector's
// cost.
func reply(w http.ResponseWriter, answer any) {
	begun := time.Now()
	data, err := json.Marshal(answer)
	if c, counts := w.(*countingWriter); counts {
		c.cost.working(begun)
	}
	encoded(w, data, err)
}

// encoded writes an answer that is JSON already. If err is set, encoding has failed.
func encoded(w http.ResponseWriter, data []byte, err error) {
	if err != nil {
		fail(w, http.StatusInternalServerError, "the answer cannot be written")
		return
	}
	write(w, http.StatusOK, data)
}

// fail writes a refusal: a status and the reason as JSON.
func fail(w http.ResponseWriter, status int, reason string) {
	data, err := json.Marshal(map[string]string{"error": reason})
	if err != nil {
		data = []byte(`{}`)
	}
	write(w, status, data)
}

// write writes an answer. The client gets the full time to read it, however long the
// request has waited before.
func write(w http.ResponseWriter, status int, data []byte) {
	extend(w, requestTime)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(data) // if the client has gone, nobody needs the answer
}

// body reads the JSON of a request into into. If it is invalid, too large or does not
// come in time, it answers so and returns false.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	let(r, false) // the body may come slowly on purpose, so meanwhile the connection does not count as let in
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	text, err := io.ReadAll(r.Body)
	let(r, true)
	if err == nil {
		err = strictly(text, into)
	}
	switch {
	case err == nil:
		return true
	case errors.As(err, new(*http.MaxBytesError)):
		fail(w, http.StatusRequestEntityTooLarge, "too much")
	case errors.Is(err, os.ErrDeadlineExceeded):
		fail(w, http.StatusRequestTimeout, "the body came too slowly")
	default:
		fail(w, http.StatusBadRequest, "the body is not the JSON that is wanted")
	}
	return false
}

// strictly reads a text that is a single JSON value, without unknown members.
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

// number reads a whole number from the query, limited to 0 up to most. If it is missing
// or no number, it is usual.
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

package inspector_test

import (
	"net/url"
	"testing"

	"elemental/inspector/chromiumtest"
)

// The page does not show as present what no longer comes: first a type of message of
// which none came, and then an actor that has ended.
func TestPageOfAnActorThatEnds(t *testing.T) {
	s := withLab(t)
	alice := s.Founder()
	sessions := named(s.object("/api/tree?kind=session"))
	id := sessions[len(sessions)-1]
	v := s.visit(browser(t), "actor?id="+url.QueryEscape(id), looks{})
	v.Await(`document.querySelector(".tile .about").textContent === "nothing waits"`)
	alice.Yes(`{"call":"ping"}`)
	const asked = `[...document.querySelectorAll(".actor-columns tbody tr")].find((row) => row.cells[0].textContent === "Request")`
	v.Await(asked + `?.classList.contains("idle") && ` + asked + `.cells[1].textContent === "0"`)

	alice.Close()
	v.Await(`document.querySelector("h1").textContent === "Not alive"`)
	const figures = `[...document.querySelectorAll(".tile")].map((tile) => tile.querySelector(".figure").textContent + tile.querySelector(".about").textContent).join()`
	if got := chromiumtest.Evaluate[string](v, figures); got != "–,–,–,–" {
		t.Errorf("the figures of an actor that has ended: %q", got)
	}
	if hint := chromiumtest.Evaluate[string](v, `document.querySelector(".state-json").previousElementSibling.textContent`); hint != "" {
		t.Errorf("beside the state that is not there: %q", hint)
	}
}

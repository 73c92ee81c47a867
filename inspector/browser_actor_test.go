package inspector_test

import (
	"fmt"
	"net/url"
	"testing"

	"elemental/inspector/chromiumtest"
	"elemental/transport/housetest"
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

// After the provider was started anew, the page tells of the actor that there is now: how
// long it lives, and its state. So it does if the state could not be asked for meanwhile.
func TestPageOfAnActorOfAnotherRun(t *testing.T) {
	s := open(t, housetest.Settings{}, nil)
	const title = `[...document.querySelectorAll(".tile")].at(-1).title`
	ctx := browser(t)
	v, failed := s.visit(ctx, "actor?id=provider/router", looks{}), s.visit(ctx, "tree", looks{})
	v.Await(title + ` !== "" && document.querySelector(".state-json .json-line") !== null`)
	first := chromiumtest.Evaluate[string](v, title)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	failed.Run(`location.hash = "#actor?id=provider/router"`)
	failed.Await(`document.querySelector(".state-json")?.textContent.startsWith("Its state cannot be had")`)

	other := housetest.New(t, housetest.Settings{Inspect: true})
	s.replaced().Serve(other.Provider, other.Listener, other.Store)
	for _, v := range []*tab{v, failed} {
		v.Await(title + `.startsWith("Since ")`)
		v.Await(fmt.Sprintf(title+` !== %q && document.querySelector(".state-json .json-line") !== null`, first))
	}
}

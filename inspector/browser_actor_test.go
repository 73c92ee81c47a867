package inspector_test

import (
	"fmt"
	"net/url"
	"strings"
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

// An actor's page shows where the actor is, what it does meanwhile, and its state.
func TestPageShowsAnActor(t *testing.T) {
	s := withLab(t)
	alice, _ := s.channel()
	id := s.channelID()
	v := s.visit(browser(t), "actor?id="+url.QueryEscape(id), looks{})
	v.Await(`document.querySelector("h1")?.textContent === "general"`)
	v.Await(`[...document.querySelectorAll(".crumbs a")].map((a) => a.textContent).join() === "provider,servers,s"`)
	v.Await(`document.querySelector(".state-json .json-line") !== null`)
	alice.Yes(post, "seen")
	v.Await(`[...document.querySelectorAll(".actor-columns tbody th")].some((h) => h.textContent === "post")`)
	place := chromiumtest.Evaluate[string](v, `document.querySelector(".actor-columns .place")?.textContent ?? ""`)
	if !strings.HasPrefix(place, "actors/") {
		t.Errorf("the handler is said to be at %q", place)
	}
	v.Fine()
}

// If too many watch an actor already, its page says so, and not that the actor is gone.
// It shows the actor when there is room.
func TestPageOfAnActorThatTooManyWatch(t *testing.T) {
	s := withLab(t)
	const id = "provider/router"
	leaves := s.crowdAround(id)
	v := s.visit(browser(t), "actor?id="+id, looks{})
	v.Await(`document.querySelector(".crowded")?.textContent.startsWith("Too many watch this actor; try again")`)
	v.Await(`document.querySelector("h1")?.textContent === "router" && document.querySelector(".state-json .json-line") !== null`)
	if chromiumtest.Evaluate[bool](v, `document.querySelector(".tiles").checkVisibility()`) {
		t.Error("figures are shown that nobody has")
	}
	leaves()
	v.Await(`document.querySelector(".crowded").textContent === "" && document.querySelector(".tile .about").textContent === "nothing waits"`)
	if !chromiumtest.Evaluate[bool](v, `document.querySelector(".tiles").checkVisibility()`) {
		t.Error("the figures are not shown")
	}
	v.Fine()
}

// The page of an actor that does not exist shows it as soon as it does.
func TestPageOfAnActorThatComes(t *testing.T) {
	s := withLab(t)
	v := s.visit(browser(t), "actor?id=provider/users/alice", looks{})
	v.Await(`document.querySelector("h1")?.textContent === "Not alive"`)
	s.Founder()
	v.Await(`document.querySelector("h1")?.textContent === "alice" && document.querySelector(".state-json .json-line") !== null`)
}

// channelID is the ID of the actor of the channel general. It waits until there is one.
func (s *site) channelID() string {
	s.t.Helper()
	var id string
	eventually(s.t, "a channel lives", func() bool {
		for _, a := range s.object("/api/tree?kind=channel")["actors"].([]any) {
			id = a.(object)["id"].(string)
		}
		return id != ""
	})
	return id
}

package inspector_test

import (
	"fmt"
	"testing"

	"elemental/inspector/chromiumtest"
)

// A search tells how many actors it has found, and shows all of them, in the chosen order
// and of the chosen kind.
func TestPageShowsAllThatItFinds(t *testing.T) {
	s := withLab(t)
	s.crowd(450)
	v := s.visit(browser(t), "tree?q=user", looks{})
	finds := func(query string, least int) {
		t.Helper()
		eventually(t, "all is shown that is found with "+query, func() bool {
			n := int(s.object("/api/search?" + query)["total"].(float64)) // an actor may leave memory meanwhile
			rows := chromiumtest.Evaluate[string](v, `document.querySelector("[role=treegrid]").getAttribute("aria-rowcount")`)
			told := chromiumtest.Evaluate[string](v, `document.querySelector(".count").textContent`)
			return n > least && told == fmt.Sprintf("%d found", n) && rows == fmt.Sprint(n)
		})
	}
	finds("q=user", 400)
	far := named(s.object("/api/search?q=user&offset=400&limit=1"))[0]
	v.Run(`document.querySelector(".rows").scrollTop = 28 * 400`)
	v.Await(fmt.Sprintf(`document.querySelector('.rows .row[data-id="%s"]') !== null`, far))
	v.Run(`[...document.querySelectorAll(".kind-button")].find((k) => k.querySelector(".name").textContent === "user").click()`)
	v.Await(`document.querySelector(".search").value === ""`)
	finds("q=&kind=user", 400)
	v.Run(`const search = document.querySelector(".search"); search.value = "user-4"; search.dispatchEvent(new Event("input"))`)
	finds("q=user-4&kind=user", 40)

	crashed := named(s.object("/api/search?q=user-4&kind=user&offset=7&limit=1"))[0]
	s.fault(`{"what":"crash","id":%q}`, crashed)
	v.Run(`const order = document.querySelector("select[aria-label=Order]"); order.value = "restarts"; order.dispatchEvent(new Event("change"))`)
	v.Await(fmt.Sprintf(`document.querySelector(".rows .row[aria-rowindex='1']")?.dataset.id === %q`, crashed))
	v.Await(`document.querySelector(".rows .row[aria-rowindex='1'] .restarts").textContent === "1"`)
	v.Fine()
}

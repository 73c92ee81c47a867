package inspector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"elemental/inspector/chromiumtest"
)

// A person who follows a link on another site comes in: with the token in the link, and
// later, once the browser has shown the token, also to a view that somebody else looks
// at.
func TestLinksOfOtherSitesLeadIn(t *testing.T) {
	s := withToken(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<link rel="icon" href="data:,"><a id="door" href="%s/?token=%s">in</a><a id="view" href="%s/#flow">look</a>`, s.url, token, s.url)
	}))
	t.Cleanup(elsewhere.Close)
	wiki := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // is another site for a browser
	v := chromiumtest.Open(t, browser(t), func(url string) bool {
		return strings.HasPrefix(url, s.url+"/") || strings.HasPrefix(url, wiki) || strings.HasPrefix(url, "data:")
	})
	for _, link := range []struct{ id, leadsTo string }{{"door", "tree"}, {"view", "flow"}} {
		v.Do(chromedp.Navigate(wiki))
		v.Leave(fmt.Sprintf(`document.getElementById(%q).click()`, link.id))
		v.Await(fmt.Sprintf(`%s && document.querySelector("main").dataset.view === %q`, live, link.leadsTo))
	}
	v.Fine()
}

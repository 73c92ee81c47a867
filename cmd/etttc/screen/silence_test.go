package screen

import (
	"context"
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"elemental/client"
)

// A provider that owes an answer and sends nothing at all is not shown simply as online.
func TestSilenceIsShown(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	heard := func(seconds int, sent bool) tea.Msg {
		return trafficMsg{traffic: []client.Traffic{{Sent: sent, Time: at(seconds), JSON: []byte("{}")}}}
	}
	u := alice(t, 80, 24).page(0)
	u.gets(tickMsg{now: at(60)}).sees("● online").seesNot("no answer") // no question waits
	u.gets(tickMsg{now: at(62), open: at(60)}).sees("● online")
	u.gets(heard(61, true), tickMsg{now: at(63), open: at(60)}).sees("◍ no answer for 3 s").seesNot("online", " ms")
	u.gets(heard(63, false)).sees("● online") // it is only slow with this answer
	u.gets(tickMsg{now: at(75), open: at(60)}).sees("no answer for 12 s")
	u.gets(statusMsg{client.Status{State: client.Offline}}).sees("○ offline").seesNot("no answer")
	u.gets(statusMsg{client.Status{State: client.Online}}, tickMsg{now: at(76), open: at(60)}).sees("● online")
	u.gets(tickMsg{now: at(78), open: at(60)}).sees("no answer for 3 s")
	u.gets(tickMsg{now: at(79)}).sees("● online")
}

func TestOldestQuestion(t *testing.T) {
	var o open
	first, second := o.begin(noon), o.begin(noon.Add(time.Second))
	if got := o.oldest(); !got.Equal(noon) {
		t.Errorf("the oldest is of %v", got)
	}
	first()
	if got := o.oldest(); !got.Equal(noon.Add(time.Second)) {
		t.Errorf("then it is of %v", got)
	}
	second()
	if got := o.oldest(); !got.IsZero() {
		t.Errorf("at the end it is of %v", got)
	}
}

// Every question counts from when it is asked until its answer.
func TestQuestionsAreNoted(t *testing.T) {
	n := &net{ctx: t.Context()}
	during := time.Time{}
	n.asking(func(context.Context) tea.Msg {
		during = n.open.oldest()
		return nil
	})()
	if during.IsZero() || !n.open.oldest().IsZero() {
		t.Errorf("during it %v, after it %v", during, n.open.oldest())
	}
}

func TestWaitingForAProviderThatDoesNotAnswer(t *testing.T) {
	u := start(t, Config{}, 100, 24)
	u.m.link.since = time.Time{} // the provider was never reached
	silent := client.Status{State: client.Offline, Err: errors.New("no answer from a provider: EOF")}
	u.gets(statusMsg{silent}).sees("no provider answers there", "it may need --tls")
	u.m.encrypted = true
	u.gets(statusMsg{silent}).sees("no answer from a provider").seesNot("--tls")
}

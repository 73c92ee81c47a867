package screen

import (
	"fmt"
	"testing"

	"elemental/client"
)

// crowd opens alice's screen with that many members and channels, while she completes the last
// name.
func crowd(t testing.TB, count int) *user {
	u := alice(t, 120, 40)
	var members []client.Member
	channels := []string{"general"}
	for i := range count {
		members = append(members, client.Member{User: fmt.Sprintf("user%04d", i), Online: i%2 == 1})
		channels = append(channels, fmt.Sprintf("channel%04d", i))
	}
	u.gets(listedMsg{servers: []server{{"gophers", channels}}})
	u.gets(membersMsg{server: "gophers", channels: channels, members: client.Members{Owner: "user0001", Members: members}})
	return u.types("@user").presses("tab", "shift+tab")
}

func TestCrowdIsShownAsFarAsThereIsRoom(t *testing.T) {
	u := crowd(t, 100).fits(120, 40)
	u.sees("members 50/100", "● user0001, owner", "● user0069", "… 65 more", "#channel0033", "@user0098 [@user0099]").seesNot("○", "user0071")
	u.presses("tab").sees("[@user0000] @user0001").presses("ctrl+u", "ctrl+p").sees("▸ #channel0099").seesNot("#channel0010")
	crowd(t, 36).sees("○ user0034").seesNot("more").fits(120, 40)
	crowd(t, 37).sees("○ user0032", "… 2 more").fits(120, 40)
}

// The cost of drawing depends on what is on the screen, not on what there is. It is measured by
// allocations, since styling and joining allocate.
func TestDrawingACrowdCostsAScreenful(t *testing.T) {
	work := func(count int) float64 {
		u := crowd(t, count)
		return testing.AllocsPerRun(3, func() { u.m.draw() })
	}
	if few, many := work(100), work(2000); many > few*1.2 {
		t.Errorf("%.0f allocations for 2000 members and channels, %.0f for 100", many, few)
	}
}

func BenchmarkCrowd(b *testing.B) {
	u := crowd(b, 4000)
	for b.Loop() {
		u.m.View()
	}
}

// Of thousands of candidates only those are measured that the line has room for.
func TestCandidatesAreMeasuredAsFarAsTheLineGoes(t *testing.T) {
	u := crowd(t, 2000)
	c := u.m.input.completion
	for _, c.chosen = range []int{0, 1, 1000, 1998, 1999} {
		measured := 0
		from, to := c.around(80, func(s string) int { measured++; return len(s) })
		if c.chosen < from || c.chosen >= to || measured > 2+80/len("@user0000 ") {
			t.Errorf("%d: %d to %d, %d measured", c.chosen, from, to, measured)
		}
	}
}

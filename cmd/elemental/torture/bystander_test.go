package torture

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// bystanders are two who only want to chat while others misbehave: one posts
// at a steady rate, the other is subscribed. They live in a process of their
// own, so that the load's side of the work does not count as the provider's.
type bystanders struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

// stretch is what the bystanders saw in a time of chatting.
type stretch struct {
	Posts, Answered, Heard int
	Refused                map[string]int
	Answer, Push           latency
}

// latency counts from the moment that a post is given to the socket.
type latency struct{ P50, P99, Max time.Duration }

func (s stretch) String() string {
	return fmt.Sprintf("%d posts: answers p50 %v p99 %v max %v, pushes p50 %v p99 %v max %v%s", s.Posts,
		round(s.Answer.P50), round(s.Answer.P99), round(s.Answer.Max), round(s.Push.P50), round(s.Push.P99), round(s.Push.Max), s.refusals())
}

func (s stretch) refusals() string {
	if len(s.Refused) == 0 {
		return ""
	}
	return fmt.Sprintf(", refused %v", s.Refused)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

const bystanderEnv = "TORTURE_BYSTANDERS"

// startBystanders needs the users chatter and listener in the server home.
func startBystanders(t *testing.T, addr string) *bystanders {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	in, out := startPart(t, cmd, bystanderEnv+"="+addr)
	b := &bystanders{in, out, cmd}
	t.Cleanup(b.leave)
	b.chat(t, 1) // they are there
	return b
}

func (b *bystanders) leave() {
	_ = b.in.Close()
	_ = b.cmd.Wait() // it tells its troubles on its standard error
}

// chat has them chat for so many posts, and wants every answer and every push.
func (b *bystanders) chat(t *testing.T, posts int) stretch {
	t.Helper()
	var s stretch
	_, err := fmt.Fprintln(b.in, posts)
	line := ""
	if err == nil {
		line, err = b.out.ReadString('\n')
	}
	if err == nil {
		err = json.Unmarshal([]byte(line), &s)
	}
	if err != nil {
		t.Fatalf("the bystanders are lost: %v", err)
	}
	if s.Posts != posts || s.Answered != posts || s.Heard != posts {
		t.Errorf("of %d posts %d succeeded and %d were heard%s", posts, s.Answered, s.Heard, s.refusals())
	}
	return s
}

// chatRate is how many posts a second they make.
const chatRate = 100

// bystand is the bystanders' process: it reads numbers of posts, and answers
// each with a stretch.
func bystand(addr string) int {
	if long() {
		haste()
	}
	poster, err := login(addr, "chatter")
	if err != nil {
		fmt.Fprintln(os.Stderr, "chatter:", err)
		return 1
	}
	listener, err := login(addr, "listener")
	if err == nil {
		_, err = listener.call(ask("subscribe", "servername", "home", "channel", "general"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "listener:", err)
		return 1
	}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		posts, err := strconv.Atoi(orders.Text())
		if err != nil {
			return 1
		}
		text, _ := json.Marshal(chatting(poster, listener, posts)) //nolint:errchkjson // plain numbers
		fmt.Println(string(text))
	}
	return 0
}

// chatting makes posts at the rate, and waits for their answers and pushes.
func chatting(poster, listener *line, posts int) stretch {
	sent := make([]time.Time, posts)
	s := stretch{Posts: posts, Refused: map[string]int{}}
	var mu sync.Mutex // guards sent
	since := func(i int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Since(sent[i])
	}
	var both sync.WaitGroup
	refused := make(chan int, 1)
	both.Go(func() {
		s.Answer, s.Answered = s.answers(poster, posts, since)
		refused <- posts - s.Answered
	})
	both.Go(func() { s.Push, s.Heard = pushes(listener, posts, refused, since) })
	start := time.Now()
	for i := range sent {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / chatRate)))
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		_ = poster.send(ask("message", "servername", "home", "channel", "general", "msg", strconv.Itoa(i))) // the reader notices
	}
	both.Wait()
	return s
}

func (s *stretch) answers(poster *line, posts int, since func(int) time.Duration) (latency, int) {
	var all []time.Duration
	good := 0
	for i := range posts {
		a, err := poster.hear()
		if err != nil {
			s.Refused[err.Error()]++
			break
		}
		all = append(all, since(i))
		if a.Resp {
			good++
		} else {
			s.Refused[a.Reason]++
		}
	}
	return quantiles(all), good
}

// pushes hears until every post is accounted for: heard, or refused.
func pushes(listener *line, posts int, refused <-chan int, since func(int) time.Duration) (latency, int) {
	var all []time.Duration
	missing := -1
	for missing < 0 || len(all)+missing < posts {
		if missing < 0 && len(all) >= posts-1 {
			missing = <-refused // the last push may be none
			continue
		}
		a, err := listener.hearWithin(patience / 2)
		if err != nil {
			break
		}
		i, err := strconv.Atoi(a.Message)
		if err != nil || i >= posts {
			break
		}
		all = append(all, since(i))
	}
	return quantiles(all), len(all)
}

func quantiles(all []time.Duration) latency {
	if len(all) == 0 {
		return latency{}
	}
	slices.Sort(all)
	return latency{all[len(all)/2], all[len(all)*99/100], all[len(all)-1]}
}

// harm is how much worse the 99th percentiles got, against the mean of before and after.
func harm(before, during, after stretch) (answer, push float64) {
	ratio := func(a, b, c time.Duration) float64 { return float64(b) / (float64(a+c) / 2) }
	return ratio(before.Answer.P99, during.Answer.P99, after.Answer.P99), ratio(before.Push.P99, during.Push.P99, after.Push.P99)
}

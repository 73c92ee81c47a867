package transport_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"elemental/actors"
	"elemental/persistence"
	"elemental/transport"
	"elemental/transport/housetest"
)

// heap is a log that many write to.
type heap struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heap) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heap) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.text.Bytes())
}

// TestPanicsTellNoSecret crashes each actor kind while it handles requests that
// carry secrets, again and again, and reads all logs, answers and files.
func TestPanicsTellNoSecret(t *testing.T) {
	password, newPassword, server := housetest.Secret("user"), housetest.Secret("new"), housetest.Secret("server")
	for _, kind := range []actors.Kind{actors.KindSession, actors.KindDirectory, actors.KindUser, actors.KindServer,
		actors.KindPasswords, actors.KindPersistence, actors.KindRouter, actors.KindProvider, actors.KindChannel} {
		t.Run(string(kind), func(t *testing.T) {
			var log heap
			dir := t.TempDir()
			handler := slog.NewMultiHandler(
				slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}),
				slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
			h := housetest.New(t, housetest.Settings{Dir: dir, Log: slog.New(handler),
				Store: func(c *persistence.Config) { c.Indent = 2 },
				Actor: func(c *actors.Config) { c.Deadline = 100 * time.Millisecond }, // what a crash swallowed is not waited for
				Wire:  func(c *transport.Config) { c.RequestLog = &log }})
			strikes := 0
			var mu sync.Mutex
			h.Strike(func(k actors.Kind, msg any) { // every second message of the kind
				switch msg.(type) {
				case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if k == kind {
					strikes++
				}
				if k == kind && strikes%2 == 0 {
					var missing map[string]*actors.Request
					missing["x"].Bytes++ // a fault of the runtime's own
				}
			})
			var answers bytes.Buffer
			for range 4 {
				l := h.Dial()
				for _, request := range secretRequests(password, newPassword, server) {
					fmt.Fprintln(&answers, l.Ask("%s", request))
				}
				l.Close()
			}
			h.Strike(nil)
			if err := h.Stop(); err != nil {
				t.Log(err)
			}
			if !bytes.Contains(log.bytes(), []byte("panicked")) && kind != actors.KindProvider {
				t.Error("nothing panicked")
			}
			secrets := []string{password, newPassword, server}
			for what, text := range map[string][]byte{"the log": log.bytes(), "an answer": answers.Bytes()} {
				if found := housetest.Leaks(text, secrets...); found != nil {
					t.Errorf("%s has %v", what, found)
				}
			}
			leaksOfFolder(t, dir, secrets...)
		})
	}
}

// secretRequests is every call that takes a secret.
func secretRequests(password, newPassword, server string) []string {
	return []string{
		fmt.Sprintf(`{"call":"register","usernm":"alice","passwd":%q}`, password),
		fmt.Sprintf(`{"call":"login","usernm":"alice","passwd":%q}`, password+"x"),
		fmt.Sprintf(`{"call":"login","usernm":"alice","passwd":%q}`, password),
		fmt.Sprintf(`{"call":"login","usernm":"alice","key":%q}`, password),
		fmt.Sprintf(`{"call":"createserver","servername":"s","serverpasswd":%q,"passwd":%q}`, server, password),
		fmt.Sprintf(`{"call":"joinserver","servername":"s","serverpasswd":%q}`, server),
		fmt.Sprintf(`{"call":"message","servername":"s","channel":"general","msg":"hi","passwd":%q}`, password),
		fmt.Sprintf(`{"call":"changepasswd","passwd":%q,"newpasswd":%q}`, password, newPassword),
		fmt.Sprintf(`{"call":"changepasswd","passwd":%q,"newpasswd":%q}`, newPassword, password),
		fmt.Sprintf(`{"call":"deleteserver","servername":"s","serverpasswd":%q}`, server),
	}
}

func leaksOfFolder(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if found := housetest.Leaks(text, secrets...); found != nil {
			t.Errorf("%s has %v", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

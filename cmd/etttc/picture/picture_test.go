package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi/sixel"
	"github.com/containerd/console"
	xterm "golang.org/x/term"

	"elemental/cmd/etttc/terminaltest"
)

const patienceOfTests = 60 * time.Second

// The answers of a terminal to the questions.
const (
	kittyTerminal = "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c"
	sixelTerminal = "\x1b[6;20;10t\x1b[?62;4;22c"
	bareTerminal  = "\x1b[?1;2c"
	noKitty       = "\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\\x1b[?64;1;14;40c" // neither 14 nor 40 stands for sixel
)

// terminal is a terminal of 40 × 12 characters, played through a pseudo-terminal.
type terminal struct {
	screen *os.File      // the side that the program uses
	shown  chan []byte   // all that was written to the terminal, once it is closed
	asked  chan struct{} // closed when the terminal was asked
	keys   console.Console
}

func startTerminal(t *testing.T, answer string) *terminal {
	t.Helper()
	return startTerminalOver(t, 0, answer)
}

// startTerminalOver starts a terminal that is reached over a line on which an answer takes that long.
func startTerminalOver(t *testing.T, line time.Duration, answer string) *terminal {
	t.Helper()
	keys, screen, err := terminaltest.Open(40, 12)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{screen: screen, shown: make(chan []byte, 1), asked: make(chan struct{}), keys: keys}
	t.Cleanup(func() { _, _ = screen.Close(), keys.Close() })
	go term.play(line, answer)
	return term
}

// play answers when the terminal is asked, and collects what is shown until the other side is
// closed.
func (term *terminal) play(line time.Duration, answer string) {
	var all []byte
	for b := make([]byte, 4096); ; {
		n, err := term.keys.Read(b)
		all = append(all, b[:n]...)
		if answer != "" && bytes.HasSuffix(all, []byte("\x1b[c")) {
			<-time.After(line)
			_, _ = io.WriteString(term.keys, answer)
			answer = ""
		}
		if err != nil {
			term.shown <- bytes.ReplaceAll(all, []byte(questions), nil)
			return
		}
	}
}

// end closes the terminal and returns what was shown on it.
func (term *terminal) end(t *testing.T) string {
	t.Helper()
	_ = term.screen.Close()
	select {
	case all := <-term.shown:
		return string(all)
	case <-time.After(patienceOfTests):
		t.Fatal("the terminal has not ended")
		return ""
	}
}

// drawing returns an image whose left half is red and whose right half is blue.
func drawing(width, height int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			m.Set(x, y, color.RGBA{B: 255, A: 255})
			if x < width/2 {
				m.Set(x, y, color.RGBA{R: 255, A: 255})
			}
		}
	}
	return m
}

func pngOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var kittyPart = regexp.MustCompile(`\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\`)

// kittyImage returns the image that was shown by Kitty's graphics.
func kittyImage(t *testing.T, shown string) image.Image {
	t.Helper()
	parts := kittyPart.FindAllStringSubmatch(shown, -1)
	if len(parts) == 0 || !strings.Contains(parts[0][1], "a=T") || !strings.Contains(parts[0][1], "f=100") {
		t.Fatalf("no image is shown: %.200q", shown)
	}
	var data string
	for i, part := range parts {
		data += part[2]
		if more := strings.Contains(part[1], "m=1"); more != (i < len(parts)-1) || !strings.Contains(part[1], "q=2") {
			t.Fatalf("part %d of %d is %q", i, len(parts), part[1])
		}
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var sixelPart = regexp.MustCompile(`(?s)\x1bP0;1q(.*)\x1b\\`)

func sixelImage(t *testing.T, shown string) image.Image {
	t.Helper()
	part := sixelPart.FindStringSubmatch(shown)
	if part == nil {
		t.Fatalf("no image is shown: %.200q", shown)
	}
	m, err := new(sixel.Decoder).Decode(strings.NewReader(part[1]))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkDrawing checks the size and the halves of a drawing that was shown or saved.
func checkDrawing(t *testing.T, m image.Image, width, height int) {
	t.Helper()
	b := m.Bounds()
	if b.Dx() != width || b.Dy() != height {
		t.Fatalf("the image is shown %d × %d, want %d × %d", b.Dx(), b.Dy(), width, height)
	}
	left, _, _, _ := m.At(b.Min.X+width/4, b.Min.Y+height/2).RGBA()
	_, _, right, _ := m.At(b.Min.X+width*3/4, b.Min.Y+height/2).RGBA()
	if left < 0xf000 || right < 0xf000 {
		t.Errorf("the halves have %x of red and %x of blue", left, right)
	}
}

func TestShowWithKitty(t *testing.T) {
	for _, c := range []struct{ width, height, shownWidth, shownHeight int }{
		{64, 64, 64, 64},
		{1000, 400, 400, 160}, // 40 columns of 10 pixels
		{100, 1000, 20, 200},  // 10 of 12 rows of 20 pixels
	} {
		dir, term := t.TempDir(), startTerminal(t, kittyTerminal)
		line, shown, err := Show(term.screen, term.screen, pngOf(t, drawing(c.width, c.height)), dir, "de\x1bmo")
		if err != nil || !shown || line != "image of de␛mo" {
			t.Fatalf("%q, %v", line, err)
		}
		checkDrawing(t, kittyImage(t, term.end(t)), c.shownWidth, c.shownHeight)
		checkNoFile(t, dir)
	}
}

func TestShowWithSixel(t *testing.T) {
	dir, term := t.TempDir(), startTerminal(t, sixelTerminal)
	line, shown, err := Show(term.screen, term.screen, pngOf(t, drawing(800, 400)), dir, "demo")
	if err != nil || !shown || line != "image of demo" {
		t.Fatalf("%q, %v", line, err)
	}
	checkDrawing(t, sixelImage(t, term.end(t)), 400, 200)
	checkNoFile(t, dir)
}

func TestShowOtherFormats(t *testing.T) {
	var jpg, gifs bytes.Buffer
	if err := jpeg.Encode(&jpg, drawing(64, 64), nil); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&gifs, drawing(64, 64), nil); err != nil {
		t.Fatal(err)
	}
	for _, file := range [][]byte{jpg.Bytes(), gifs.Bytes()} {
		term := startTerminal(t, kittyTerminal)
		if line, _, err := Show(term.screen, term.screen, file, t.TempDir(), "demo"); err != nil || line != "image of demo" {
			t.Fatalf("%q, %v", line, err)
		}
		checkDrawing(t, kittyImage(t, term.end(t)), 64, 64)
	}
}

func TestShowOverASlowLine(t *testing.T) {
	term := startTerminalOver(t, time.Second, kittyTerminal)
	if line, shown, err := Show(term.screen, term.screen, pngOf(t, drawing(64, 64)), t.TempDir(), "demo"); err != nil || !shown {
		t.Fatalf("%q, %v", line, err)
	}
}

// A terminal that says that its characters have no size is taken for a usual one.
func TestShowInCharactersWithoutSize(t *testing.T) {
	for _, size := range []string{"0;10", "20;0", "0;0"} {
		term := startTerminal(t, strings.Replace(kittyTerminal, "20;10", size, 1))
		if line, shown, err := Show(term.screen, term.screen, pngOf(t, drawing(64, 64)), t.TempDir(), "demo"); err != nil || !shown {
			t.Fatalf("%s: %q, %v", size, line, err)
		}
		checkDrawing(t, kittyImage(t, term.end(t)), 64, 64)
	}
}

// Terminals that cannot show images: one says so, one does not answer.
func TestShowSaves(t *testing.T) {
	image := pngOf(t, drawing(8, 8))
	for _, answer := range []string{bareTerminal, noKitty, ""} {
		dir, term := t.TempDir(), startTerminal(t, answer)
		line, isShown, err := Show(term.screen, term.screen, image, dir, "demo")
		if err != nil || isShown {
			t.Fatal(err)
		}
		path, found := strings.CutPrefix(line, "this terminal shows no images; saved to ")
		if !found || filepath.Dir(path) != dir || filepath.Ext(path) != ".png" {
			t.Errorf("answer %q: %s", answer, line)
		}
		checkFile(t, path, image)
		if shown := term.end(t); shown != "" {
			t.Errorf("answer %q: the terminal got %q", answer, shown)
		}
	}
}

func TestShowSavesWhatIsNoImage(t *testing.T) {
	for name, file := range map[string][]byte{"text": []byte("hello"), "bomb": hugePNG(4097), "cut": pngOf(t, drawing(64, 64))[:50], "empty": nil} {
		dir, term := t.TempDir(), startTerminal(t, kittyTerminal)
		line, isShown, err := Show(term.screen, term.screen, file, dir, name)
		if err != nil || isShown {
			t.Fatal(err)
		}
		path, found := strings.CutPrefix(line, "this image cannot be shown; saved to ")
		if !found || filepath.Dir(path) != dir || !strings.HasPrefix(filepath.Base(path), "server-"+name) {
			t.Errorf("%s: %s", name, line)
		}
		checkFile(t, path, file)
		if shown := term.end(t); shown != "" {
			t.Errorf("%s: the terminal got %q", name, shown)
		}
	}
}

// hugePNG returns a small file with a black square of side × side pixels.
func hugePNG(side int) []byte {
	file := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		body := append([]byte(kind), data...)
		file = binary.BigEndian.AppendUint32(file, uint32(len(data)))
		file = append(file, body...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(body))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(side)), uint32(side))
	chunk("IHDR", append(header, 8, 0, 0, 0, 0)) // eight bits per pixel, grey
	var pixels bytes.Buffer
	z := zlib.NewWriter(&pixels)
	_, _ = z.Write(make([]byte, side*(side+1))) // writing to a buffer never fails
	_ = z.Close()
	chunk("IDAT", pixels.Bytes())
	chunk("IEND", nil)
	return file
}

func TestShowWithoutTerminal(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	line, _, err := Show(out, out, pngOf(t, drawing(8, 8)), t.TempDir(), "demo")
	if err != nil || !strings.Contains(line, "saved to") {
		t.Errorf("%q, %v", line, err)
	}
}

// Keys typed after the terminal's answers are left for whoever reads next, and the terminal is in
// the same state as before.
func TestShowLeavesTyping(t *testing.T) {
	term := startTerminal(t, bareTerminal+"hello\r")
	before, err := xterm.GetState(int(term.screen.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Show(term.screen, term.screen, pngOf(t, drawing(8, 8)), t.TempDir(), "demo"); err != nil {
		t.Fatal(err)
	}
	typed := make(chan string, 1)
	go func() {
		b := make([]byte, 64)
		n, _ := term.screen.Read(b)
		typed <- string(b[:n])
	}()
	select {
	case got := <-typed:
		if !strings.HasPrefix(got, "hello") {
			t.Errorf("the next reader gets %q", got)
		}
	case <-time.After(patienceOfTests):
		t.Error("what was typed is gone")
	}
	if after, err := xterm.GetState(int(term.screen.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is left as %v, was %v, %v", after, before, err)
	}
}

func checkNoFile(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("files were saved: %v, %v", files, err)
	}
}

func checkFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, want %d: %v", path, len(got), len(want), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", path, info.Mode(), err)
	}
}

// Package picture shows an image in the terminal if it can show images (Kitty's graphics or
// Sixel), and saves it to a file otherwise.
package picture

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"
	"golang.org/x/term"

	"elemental/client/visible"
)

// mostPixels is how many pixels an image may have to be decoded: a small file can claim to be
// huge.
const mostPixels = 16 << 20

// Show shows an image on the terminal that in and out are, or saves it in dir under a name made
// from name. line tells the user what was done, and shown whether the image is on the terminal.
//
// It asks the terminal what it can do, so nobody else may read from it meanwhile. Keys that are
// pressed during that time, patience at most, are lost.
func Show(in, out *os.File, image []byte, dir, name string) (line string, shown bool, err error) {
	decoded, err := decode(image)
	if err != nil {
		line, err = saved(image, dir, name, "this image cannot be shown")
		return line, false, err
	}
	able, err := ask(in, out)
	if err != nil {
		return "", false, err
	}
	fitted := fit(decoded, able.room(out))
	switch {
	case able.kitty:
		err = showKitty(out, fitted)
	case able.sixel:
		err = showSixel(out, fitted)
	default:
		line, err = saved(image, dir, name, "this terminal shows no images")
		return line, false, err
	}
	return "image of " + visible.Line(name), true, err
}

func saved(image []byte, dir, name, why string) (string, error) {
	path, err := Save(image, dir, name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; saved to %s", why, visible.Line(path)), nil
}

// decode decodes a PNG, JPEG or GIF image of at most mostPixels.
func decode(file []byte) (image.Image, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	if config.Width <= 0 || config.Height <= 0 || config.Height > mostPixels/config.Width {
		return nil, fmt.Errorf("%d × %d pixels are too many", config.Width, config.Height)
	}
	decoded, _, err := image.Decode(bytes.NewReader(file))
	return decoded, err
}

// size is a size in pixels.
type size struct{ width, height int }

// room returns how large an image may be on the terminal, so that a line stays free.
func (a abilities) room(out *os.File) size {
	const (
		mostWidth, mostHeight = 800, 600 // larger ones take long to encode as Sixel
		usualWidth            = 80
		usualHeight           = 24
	)
	columns, rows, err := term.GetSize(int(out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		columns, rows = usualWidth, usualHeight
	}
	return size{
		width:  min(columns*a.cell.width, mostWidth),
		height: min(max(rows-2, 1)*a.cell.height, mostHeight),
	}
}

func showKitty(out io.Writer, m image.Image) error {
	var b bytes.Buffer
	options := &kitty.Options{
		Action: kitty.TransmitAndPut, Transmission: kitty.Direct, Format: kitty.PNG,
		Quiet: 2, Chunk: true, // Quiet, since an answer would be taken for keys that the user pressed
	}
	if err := kitty.EncodeGraphics(&b, m, options); err != nil {
		return err
	}
	b.WriteString("\r\n")
	_, err := out.Write(b.Bytes())
	return err
}

func showSixel(out io.Writer, m image.Image) error {
	var b bytes.Buffer
	if err := new(sixel.Encoder).Encode(&b, m); err != nil {
		return err
	}
	const keepBackground = 1
	_, err := io.WriteString(out, ansi.SixelGraphics(0, keepBackground, 0, b.Bytes())+"\r\n")
	return err
}

package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"elemental/client"
)

// mostImage is the size in bytes that an image file may have; providers take less.
const mostImage = 8 << 20

func setServerImage(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't set image", errNowhere)
	}
	image, err := readImage(args[0])
	if err != nil {
		return Outcome{}, &failure{"couldn't set image", err}
	}
	if err := c.SetImage(ctx, at.Server, image); err != nil {
		what := "couldn't set image"
		if client.CodeOf(err) == client.InvalidImage { // it is an image, so only its size is left
			what += fmt.Sprintf(", its %d bytes may be too many", len(image))
		}
		return failed(what, err)
	}
	return told(fmt.Sprintf("server image has been set (%d bytes, %s)", len(image), http.DetectContentType(image))), nil
}

func getServerImage(ctx context.Context, c *client.Client, at Place, _ []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't get image", errNowhere)
	}
	image, err := c.Image(ctx, at.Server)
	if err != nil {
		return failed("couldn't get image", err)
	}
	return Outcome{Lines: []string{"got server image"}, Image: image, ImageOf: at.Server}, nil
}

// readImage returns the image in the file of that path, or the one that the text encodes in
// base64. Anything but an image is refused, since a mistyped file name may be valid base64 too.
func readImage(written string) ([]byte, error) {
	path := written
	if after, inHome := strings.CutPrefix(path, "~/"); inHome {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, after)
		}
	}
	if info, err := os.Stat(path); err == nil {
		return readFile(path, info)
	}
	image, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(written), ""))
	if err != nil || !isImage(image) {
		return nil, usage("that is neither a file nor base64 of an image")
	}
	return image, nil
}

func isImage(b []byte) bool { return strings.HasPrefix(http.DetectContentType(b), "image/") }

func readFile(path string, info os.FileInfo) (_ []byte, err error) {
	if !info.Mode().IsRegular() {
		return nil, usage("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	image, err := io.ReadAll(io.LimitReader(file, mostImage+1))
	if err == nil && len(image) > mostImage {
		err = usage("%s is larger than %d bytes", path, mostImage)
	}
	if err == nil && !isImage(image) {
		err = usage("%s is no image (%s)", path, http.DetectContentType(image))
	}
	return image, err
}

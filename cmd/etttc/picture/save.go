package picture

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Save saves an image in dir under a name made from name, and returns the file's path. It never
// overwrites another file; if the same image was saved before, it returns that file's path. Only
// the user can read the file.
func Save(image []byte, dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("saving the image: %w", err)
	}
	const mostAttempts = 1000
	for n := range mostAttempts {
		path := filepath.Join(dir, fileName(name, n)+extension(image))
		err := write(path, image)
		if err == nil || errors.Is(err, fs.ErrExist) && holds(path, image) {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("saving the image: %w", err)
		}
	}
	return "", fmt.Errorf("saving the image: %s has too many of that name", dir)
}

// holds reports whether the file of that path, which must not be a link, has exactly this
// content.
func holds(path string, image []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(image)) {
		return false
	}
	there, err := os.ReadFile(path)
	return err == nil && bytes.Equal(there, image)
}

func write(path string, image []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(image)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// fileName returns the name, without extension, of the n-th file for a server, counted from 0.
// The server's name may be anything. The result begins with "server-" and has only harmless
// characters, so the file is never hidden, a device, taken for an option or in another folder.
func fileName(server string, n int) string {
	const mostRunes = 40
	clean := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' {
			return r
		}
		return '_'
	}, server))
	file := "server-" + string(clean[:min(len(clean), mostRunes)])
	if n > 0 {
		file += fmt.Sprintf("-%d", n+1)
	}
	return file
}

// extension returns the ending that fits the content of the image, whatever it was said to be.
func extension(image []byte) string {
	switch http.DetectContentType(image) {
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/gif":
		return ".gif"
	case "image/webp":
		return ".webp"
	case "image/bmp":
		return ".bmp"
	case "image/x-icon":
		return ".ico"
	}
	return ".bin"
}

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Old clients read getprovidername's answer in one piece of 32768 bytes.
const (
	iconName      = "icon.png"
	iconSide      = 64
	iconBytesSeen = 24_000
	iconBytesMax  = 1 << 20
)

// readIcon gives the storage folder's icon as base64, "" without one. An icon
// that clients may not show is worth a warning, not a refusal.
func readIcon(folder string, log *slog.Logger) string {
	path := filepath.Join(folder, iconName)
	info, err := os.Stat(path) // first, since to open a pipe would be to wait
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > iconBytesMax) {
		log.Warn("the icon is no file of at most 1 MiB and is left out", "path", path)
		return ""
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		log.Warn("the icon cannot be read", "error", err)
		return ""
	}
	if err := checkIcon(content); err != nil {
		log.Warn("clients may not show the icon", "path", path, "error", err)
	}
	return base64.StdEncoding.EncodeToString(content)
}

func checkIcon(content []byte) error {
	picture, err := png.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil:
		return fmt.Errorf("it is no PNG picture: %w", err)
	case picture.Width != iconSide || picture.Height != iconSide:
		return fmt.Errorf("it is %d×%d, not %d×%d", picture.Width, picture.Height, iconSide, iconSide)
	case len(content) > iconBytesSeen:
		return fmt.Errorf("its %d bytes are more than old clients read", len(content))
	}
	return nil
}

package persistence

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

// What one stream has on disk. Each own name holds a dot, which no escaped
// part does: a stream's files never meet the folders of the streams below it.
const (
	stateFile    = "state.json"
	oldStateFile = "state.old.json"
	newStateFile = "state.new.json"
	pagesFolder  = "pages.d"
)

const (
	maxSegment = 255  // of most file systems
	keptPrefix = 160  // what stays readable of a longer name
	maxPath    = 1024 // a longer or deeper stream is named by its hash alone
	maxDepth   = 16
)

// streamDir is the folder of a stream. It is injective, and its names hold
// only a-z, 0-9, "-", "_" and "%", so they stay different on any disk.
func streamDir(s Stream) string {
	parts := s.Parts()
	if StreamOf(parts...) != s || len(parts) > maxDepth {
		return hashedDir(s)
	}
	for i, part := range parts {
		parts[i] = escapePart(part)
	}
	dir := path.Join(parts...)
	if len(dir) > maxPath {
		return hashedDir(s)
	}
	return dir
}

// hashedDir is for names nobody should need to read. No escaped part starts
// with "%h": after "%" come two hexadecimal digits, "%", or nothing.
func hashedDir(s Stream) string {
	sum := sha256.Sum256([]byte(s))
	return "%hash/" + hex.EncodeToString(sum[:])
}

// escapePart makes a path segment of any text. "%" alone stands for no text,
// "%%" for the cut of a text that is too long.
func escapePart(part string) string {
	if part == "" {
		return "%"
	}
	var b strings.Builder
	for i := range len(part) {
		if c := part[i]; isPlain(c) && (i > 0 || !isReserved(part)) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteString(hex.EncodeToString([]byte{c}))
		}
	}
	if b.Len() <= maxSegment {
		return b.String()
	}
	sum := sha256.Sum256([]byte(part))
	return b.String()[:keptPrefix] + "%%" + hex.EncodeToString(sum[:])
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// isReserved tells names that Windows keeps for devices, and our own folder.
func isReserved(part string) bool {
	switch part {
	case "con", "prn", "aux", "nul", journalFolder:
		return true
	}
	if len(part) != 4 || part[3] < '0' || part[3] > '9' {
		return false
	}
	return part[:3] == "com" || part[:3] == "lpt"
}

package housetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Secret makes a secret that is changed by every usual way of writing it, so
// that Leaks finds it in each. Whose says whose it is.
func Secret(whose string) string { return `zq7-` + whose + ` s3crét/+"\<&>` }

// Leaks tells in which forms secrets stand in a text: as they are, escaped for
// JSON, Go or a URL, as hexadecimal or base64 wherever they begin in it, or in
// part. A plain hash of a secret that a person chose is one, too.
func Leaks(text []byte, secrets ...string) []string {
	var found []string
	lower := bytes.ToLower(text)
	for _, secret := range secrets {
		for _, form := range formsOf(secret) {
			if bytes.Contains(lower, bytes.ToLower([]byte(form))) {
				found = append(found, fmt.Sprintf("%q as %q", secret, form))
			}
		}
	}
	return found
}

func formsOf(secret string) []string {
	sum := sha256.Sum256([]byte(secret))
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(strconv.QuoteToASCII(secret), `"`),
		hex.EncodeToString([]byte(secret)), strings.TrimSuffix(fmt.Sprintf("% x", secret), " "),
		strings.Trim(fmt.Sprint([]byte(secret)), "[]"), hex.EncodeToString(sum[:]),
	}
	if quoted, err := json.Marshal(secret); err == nil {
		forms = append(forms, strings.Trim(string(quoted), `"`))
	}
	if core, _, is := strings.Cut(secret, " "); is { // of one that Secret made
		forms = append(forms, core)
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 { // the letters that hold nothing else, whatever stands before
			encoded := encoding.EncodeToString(append(make([]byte, shift), secret...))
			first := []int{0, 2, 3}[shift]
			forms = append(forms, encoded[first:len(encoded)-1])
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

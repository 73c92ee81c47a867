package protocol

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// secretNames are the names of the values that no log may contain, in requests and answers. All of
// them are texts of a Request.
var secretNames = map[string]bool{"passwd": true, "key": true, "serverpasswd": true, "newpasswd": true}

// appendMasked appends a JSON object in which secrets are replaced by stars and long texts
// are cut, at any depth. The object was read before, so it is valid JSON.
func appendMasked(dst []byte, object []byte) []byte {
	loose := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	in := jsontext.NewDecoder(bytes.NewReader(object), loose...)
	var masked bytes.Buffer
	out := jsontext.NewEncoder(&masked, loose...)
	for {
		token, err := in.ReadToken()
		if err != nil {
			return append(dst, bytes.TrimSpace(masked.Bytes())...) // the end; there is no other error
		}
		kind, length := in.StackIndex(in.StackDepth())
		isName := kind == '{' && length%2 == 1
		secret := isName && secretNames[token.String()]
		if token.Kind() == '"' {
			token = jsontext.String(shorten(token.String()))
		}
		err = out.WriteToken(token)
		if secret && err == nil {
			err = errors.Join(in.SkipValue(), out.WriteToken(jsontext.String(Mask)))
		}
		if err != nil {
			return append(dst, `"unreadable"`...)
		}
	}
}

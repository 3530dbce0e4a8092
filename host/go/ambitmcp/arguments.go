package ambitmcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// arguments are the members of a call's arguments, each in its text, in their order.
type arguments struct {
	names []string
	texts map[string]json.RawMessage
}

// digits that a number may have: so many come back as they were from the binary number that the SDK makes of it.
const digits = 15

// read reads arguments that mean one thing to every reader: no member twice at any depth, of which the SDK takes the last,
// and no number that it would round.
func read(text json.RawMessage) (*arguments, error) {
	read := &arguments{texts: map[string]json.RawMessage{}}
	if len(text) == 0 {
		return read, nil
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the arguments are no UTF-8")
	}
	if err := unambiguous(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &read.texts); err != nil || read.texts == nil {
		return nil, errors.New("the arguments are no object")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	_, _ = decoder.Token()
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		read.names = append(read.names, name.(string))
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// named is the argument that names the resource. Half a surrogate pair would read as another character than it was sent as.
func (a *arguments) named(name string) (id string, err error) {
	if json.Unmarshal(a.texts[name], &id) != nil || id == "" || strings.ContainsRune(id, utf8.RuneError) {
		return "", errors.New("the argument `" + name + "` does not name the resource")
	}
	return id, nil
}

// without is the text of all members but one.
func (a *arguments) without(one string) []byte {
	var out bytes.Buffer
	for _, name := range a.names {
		if name != one {
			text, _ := json.Marshal(name)
			fmt.Fprintf(&out, ",%s:%s", text, a.texts[name])
		}
	}
	return append(append([]byte("{"), bytes.TrimPrefix(out.Bytes(), []byte(","))...), '}')
}

func unambiguous(decoder *json.Decoder) error {
	decoder.UseNumber()
	if err := value(decoder); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("there is something behind the arguments")
	}
	return nil
}

func value(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if number, is := token.(json.Number); is {
		return exact(string(number))
	}
	bracket, is := token.(json.Delim)
	if !is {
		return nil
	}
	names := map[string]bool{}
	for decoder.More() {
		if bracket == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			if text, _ := name.(string); names[text] {
				return errors.New("a member stands there twice")
			} else {
				names[text] = true
			}
		}
		if err := value(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

func exact(number string) error {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	significant := strings.Trim(strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1), "0")
	// Below this number, what is kept has fewer digits, or none.
	const smallest = 0x1p-1022
	binary, err := strconv.ParseFloat(number, 64)
	if err != nil || len(significant) > digits || significant != "" && math.Abs(binary) < smallest {
		return errors.New("a number has more digits than the SDK keeps")
	}
	return nil
}

// fills says whether a schema has a `default`, which the SDK fills in behind the check.
func fills(schema any) bool {
	switch schema := schema.(type) {
	case []any:
		for _, each := range schema {
			if fills(each) {
				return true
			}
		}
	case map[string]any:
		for name, inner := range schema {
			switch name {
			case "default":
				return true
			case "const", "enum", "examples":
			case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
				// The names in here are those of arguments.
				if named, is := inner.(map[string]any); is {
					for _, each := range named {
						if fills(each) {
							return true
						}
					}
				}
			default:
				if fills(inner) {
					return true
				}
			}
		}
	}
	return false
}

package contract

import (
	"fmt"
	"strconv"
	"strings"
)

// Violation is one constraint of the model that an input breaks.
type Violation struct {
	// Path is dotted; a list entry is its number from 1 and "member":
	// "toolConfig.tools.1.member.toolSpec.name".
	Path string
	// Value is the offending scalar, HasValue whether to show it: structures,
	// lists, maps and sensitive members are not shown.
	Value    string
	HasValue bool
	// Null is set for a required member that is missing.
	Null bool
	// Phrase is the constraint in AWS's words.
	Phrase string
}

// String returns the violation as it stands in a message.
func (v Violation) String() string {
	at := "Value"
	switch {
	case v.Null:
		at = "Value null"
	case v.HasValue:
		at = "Value '" + v.Value + "'"
	}
	return at + " at '" + v.Path + "' failed to satisfy constraint: " + v.Phrase
}

// maxFound bounds how many violations are counted, maxListed how many of them
// one message spells out, and maxShown how many bytes of a value, so that a
// hostile input is neither kept nor echoed at length. AWS's own limits are not
// known.
const (
	maxFound  = 1000
	maxListed = 100
	maxShown  = 1024
)

// Message joins violations into the text of a ValidationException.
func Message(violations []Violation) string {
	var b strings.Builder
	noun := "errors"
	if len(violations) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "%d validation %s detected: ", len(violations), noun)
	for i, v := range violations {
		if i == maxListed {
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(v.String())
	}
	return b.String()
}

// ValidationError makes the ValidationException for violations, which must
// not be empty.
func (s *Service) ValidationError(violations []Violation) *Error {
	return s.Error("ValidationException", Message(violations))
}

const notNull = "Member must not be null"

// lengthPhrase is the wording of a broken length bound.
func lengthPhrase(less bool, bound float64) string {
	return "Member must have length " + than(less, bound)
}

// valuePhrase is the wording of a broken numeric bound.
func valuePhrase(less bool, bound float64) string {
	return "Member must have value " + than(less, bound)
}

func than(less bool, bound float64) string {
	word := "greater"
	if less {
		word = "less"
	}
	return word + " than or equal to " + strconv.FormatFloat(bound, 'f', -1, 64)
}

func (s *Shape) patternPhrase() string {
	return "Member must satisfy regular expression pattern: " + s.Pattern()
}

func (s *Shape) enumPhrase() string {
	return "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
}

// allPhrases lists every constraint of s, as AWS does for the entries of lists
// and maps: greatest first, then least, pattern and enum.
func (s *Shape) allPhrases() string {
	phrase := lengthPhrase
	switch s.Kind {
	case Integer, Long, Float, Double:
		phrase = valuePhrase
	}
	var all []string
	if s.Max != nil {
		all = append(all, phrase(true, *s.Max))
	}
	if s.Min != nil {
		all = append(all, phrase(false, *s.Min))
	}
	if s.pattern != nil {
		all = append(all, s.patternPhrase())
	}
	if len(s.Enum) > 0 {
		all = append(all, s.enumPhrase())
	}
	if len(all) == 0 {
		all = append(all, notNull)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

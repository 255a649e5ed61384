package contract

import (
	"sync"

	"github.com/craton-ai/craton/internal/aws/contract/pattern"
)

// Service is one AWS service's contract. It is immutable and safe for
// concurrent use, as is everything reached from it.
type Service struct {
	Name        string // endpoint prefix, such as "bedrock-runtime"
	ID          string // serviceId of the SDKs, such as "Bedrock Runtime"
	APIVersion  string // such as "2023-09-30"
	SigningName string // service in a SigV4 scope: "bedrock" or "bedrock-agentcore"
	Bearer      bool   // API keys are accepted beside signatures
	Source      string // package and version of the model: "botocore 1.44.5"

	Operations []*Operation // sorted by name

	operations map[string]*Operation
	shapes     map[string]*Shape
}

// Operation returns the operation called name.
func (s *Service) Operation(name string) (*Operation, bool) {
	op, ok := s.operations[name]
	return op, ok
}

// Shape returns the shape called name.
func (s *Service) Shape(name string) (*Shape, bool) {
	sh, ok := s.shapes[name]
	return sh, ok
}

// Operation is one operation of a service.
type Operation struct {
	Service    *Service
	Name       string
	Method     string
	URI        string   // template, such as "/model/{modelId}/converse"
	Status     int      // of success
	Input      *Shape   // nil if there is none
	Output     *Shape   // nil if there is none
	Errors     []*Shape // modelled exceptions
	Idempotent bool
	ReadOnly   bool
}

// Kind is the type of a shape.
type Kind uint8

// The kinds of shapes.
const (
	Structure Kind = iota + 1
	List
	Map
	String
	Integer
	Long
	Float
	Double
	Boolean
	Blob
	Timestamp
)

// Shape is a type of the model with its constraints.
type Shape struct {
	Name    string
	Kind    Kind
	Members []*Member // structures, in the model's order
	Element *Shape    // lists
	Key     *Shape    // maps
	Value   *Shape    // maps
	// Min and Max, where not nil, bound the length of strings (characters),
	// blobs (bytes), lists and maps (entries), and the value of numbers.
	Min, Max *float64
	Enum     []string
	// Format is a timestamp's format: "iso8601", "unixTimestamp", "rfc822" or
	// "", which follows the location.
	Format string
	// Payload names the member that is the whole HTTP body, if any.
	Payload string
	// Status is an exception's HTTP status.
	Status int

	Union       bool // exactly one member is set
	Sensitive   bool // never shown in messages
	Document    bool // any JSON
	EventStream bool // a union of events
	Event       bool
	Streaming   bool // a blob of unknown length
	Exception   bool
	Retryable   bool

	text    string // of the pattern
	pattern func() *pattern.Pattern
	body    map[string]*Member // members in a JSON body by wire name
}

// Pattern returns the regular expression of a string as AWS prints it, or "".
func (s *Shape) Pattern() string {
	if s.pattern == nil {
		return ""
	}
	return s.pattern().String()
}

// Member returns the member called name (not its wire name).
func (s *Shape) Member(name string) (*Member, bool) {
	for _, m := range s.Members {
		if m.Name == name {
			return m, true
		}
	}
	return nil, false
}

// Location says where a member travels.
type Location uint8

// The locations of members.
const (
	Body Location = iota
	Label
	Query
	Header
	Headers // all headers with the wire name as prefix
	StatusCode
)

// Member is a member of a structure.
type Member struct {
	Name      string
	Wire      string // name on the wire
	Shape     *Shape
	Location  Location
	Required  bool
	Token     bool // filled in by clients with a UUID (idempotency)
	JSONValue bool // a string that holds JSON
}

// InputStream returns the event-stream union of the input, or nil.
func (op *Operation) InputStream() *Shape { return stream(op.Input) }

// OutputStream returns the event-stream union of the output, or nil.
func (op *Operation) OutputStream() *Shape { return stream(op.Output) }

func stream(s *Shape) *Shape {
	if p := s.payload(); p != nil && p.Shape.EventStream {
		return p.Shape
	}
	return nil
}

// payload returns the member that is the whole body, or nil. A stream is the
// body even where the model does not name it the payload.
func (s *Shape) payload() *Member {
	if s == nil {
		return nil
	}
	for _, m := range s.Members {
		if m.Name == s.Payload || m.Shape.EventStream {
			return m
		}
	}
	return nil
}

// ExceptionEvent returns the name under which the exception called code goes
// into op's output stream ("throttlingException" for "ThrottlingException").
// ok is false where the stream has no such member.
func (op *Operation) ExceptionEvent(code string) (name string, ok bool) {
	s := op.OutputStream()
	if s == nil {
		return "", false
	}
	for _, m := range s.Members {
		if m.Shape.Exception && m.Shape.Name == code {
			return m.Name, true
		}
	}
	return "", false
}

// compileOnce returns a function that compiles text on first use: most
// patterns of a service are never asked for.
func compileOnce(text string) func() *pattern.Pattern {
	return sync.OnceValue(func() *pattern.Pattern {
		p, err := pattern.Compile(text)
		if err != nil {
			panic("contract: the generator let an unknown pattern pass: " + err.Error())
		}
		return p
	})
}

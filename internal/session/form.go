package session

// Upcast turns a payload of one version into the next. It is pure: the same
// payload always comes out the same.
type Upcast func(payload []byte) ([]byte, error)

// Form describes how a type of event is written today, and how older ones are
// read.
type Form struct {
	// Type is the event's; Version is the one written today. The versions of
	// one kind of session are a single sequence: whichever type changes next
	// takes the next number, so that one number says what a node can read.
	Type    string
	Version int
	// Up leads from older versions: Up[v] is applied to payloads of version v
	// and of versions before v that an earlier step led to. Versions between
	// two keys read as they are.
	Up map[int]Upcast
}

// Forms are the events a program knows, for one kind of session. They are not
// changed after they were made and are safe for concurrent use.
type Forms struct {
	forms  map[string]Form
	newest int
}

// NewForms returns the forms, or [ErrInvalid] for two of one type, one without
// a type or version, or a step that does not lead to an older version's
// successor.
func NewForms(forms ...Form) (*Forms, error) {
	all := &Forms{forms: make(map[string]Form)}
	for _, form := range forms {
		if _, twice := all.forms[form.Type]; twice || form.Type == "" || form.Version < 1 {
			return nil, Fault(ErrInvalid, form.Type, "The form of %q is there twice, or lacks a type or version.", form.Type)
		}
		for from := range form.Up {
			if from < 1 || from >= form.Version {
				return nil, Fault(ErrInvalid, form.Type, "Nothing leads from version %d of %q to version %d.", from, form.Type, form.Version)
			}
		}
		all.forms[form.Type] = form
		all.newest = max(all.newest, form.Version)
	}
	return all, nil
}

// Newest is the greatest version of any form: what a [Node] says it reads.
func (f *Forms) Newest() int { return f.newest }

// Read returns the event in today's form. A type that is unknown, or a version
// later than the one known, is [ErrNewer]: a newer program wrote it. An erased
// event has no payload and is only renumbered.
func (f *Forms) Read(e Event) (Event, error) {
	form, known := f.forms[e.Type]
	if !known || e.Version > form.Version {
		return Event{}, Fault(ErrNewer, e.Session,
			"Event %d (%s, version %d) was written by a newer version of the server.", e.Seq, e.Type, e.Version)
	}
	for v := e.Version; v < form.Version && !e.Erased; v++ {
		step := form.Up[v]
		if step == nil {
			continue
		}
		payload, err := step(e.Payload)
		if err != nil {
			return Event{}, Fault(ErrCorrupt, e.Session, "Event %d (%s, version %d) cannot be read: %v", e.Seq, e.Type, v, err)
		}
		e.Payload = payload
	}
	e.Version = form.Version
	return e, nil
}

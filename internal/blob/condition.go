package blob

import (
	"context"
	"errors"
	"strings"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// PreconditionFailed is the code of the error for a [Condition] that does not
// hold.
const PreconditionFailed = "PreconditionFailed"

// Condition is what a write or a removal demands of the object that is there.
// It is judged together with the change: of several writers that demand the
// same, one succeeds. The zero Condition demands nothing.
type Condition struct {
	// Match demands an object of this ETag, quoted or not; "*" any object.
	Match string
	// Absent demands that there is no object.
	Absent bool
}

// judge answers whether the condition holds, given the document of the object
// that is there, or nil.
func (c Condition) judge(there *document.Document) error {
	switch {
	case there == nil && c.Match != "":
		return model.Errorf(model.NotFound, "key", "The specified key does not exist.")
	case there == nil, c == Condition{}:
		return nil
	}
	o, err := decodeObject(*there)
	if err != nil {
		return err
	}
	if c.Absent || c.Match != "" && c.Match != "*" && strings.Trim(c.Match, `"`) != o.ETag {
		return &model.Error{Kind: model.Conflict, Subject: "key", Code: PreconditionFailed,
			Message: "At least one of the pre-conditions you specified did not hold.", Hint: "Read the object's present ETag."}
	}
	return nil
}

// allows asks before anything is written, so that a body is not taken in vain.
func (s *Space) allows(ctx context.Context, tenant, object string, c Condition) error {
	if c == (Condition{}) {
		return nil
	}
	doc, err := s.cfg.Documents.Get(ctx, tenant, objectKind, object)
	switch {
	case errors.Is(err, document.ErrNotFound):
		return c.judge(nil)
	case err != nil:
		return err
	}
	return c.judge(&doc)
}

// refused reports whether a condition was what an object failed at: nothing was
// noted then.
func (c Condition) refused(err error) bool {
	var e *model.Error
	return c != Condition{} && errors.As(err, &e) && (e.Code == PreconditionFailed || e.Kind == model.NotFound && e.Subject == "key")
}

package tool

import "errors"

// errNotSent marks an error of a call that never reached its tool.
var errNotSent = errors.New("the call was not sent")

// NotSent marks err as that of a call which never reached its tool, so that
// the runtime need not count it as an unknown outcome.
func NotSent(err error) error {
	if err == nil {
		return nil
	}
	return &notSent{err}
}

// IsNotSent reports whether err was marked by [NotSent].
func IsNotSent(err error) bool { return errors.Is(err, errNotSent) }

type notSent struct{ err error }

func (n *notSent) Error() string   { return n.err.Error() }
func (n *notSent) Unwrap() []error { return []error{n.err, errNotSent} }

package provider

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// Refuse returns the error that refuses a request for its major losses before
// the upstream is called; nil when there are none.
func Refuse(op string, losses []model.Loss) error {
	var what []string
	subject := ""
	for _, l := range losses {
		if l.Severity != model.LossMajor {
			continue
		}
		if subject == "" {
			subject = l.Path
		}
		what = append(what, strings.TrimRight(l.What, "."))
	}
	if what == nil {
		return nil
	}
	return &model.Error{
		Kind: model.Unsupported, Op: op, Subject: subject,
		Message: "The model's upstream cannot be asked for this: " + strings.Join(what, "; ") + ".",
		Hint:    "Leave it out, or choose a model of another upstream.",
	}
}

// Answer returns a function that passes a Generate's result on, telling the
// losses its request suffered (model.LossesOf).
func Answer(losses []model.Loss) func(model.Stream, error) (model.Stream, error) {
	return func(s model.Stream, err error) (model.Stream, error) {
		if err != nil || len(losses) == 0 {
			return s, err
		}
		return &lossy{Stream: s, losses: losses}, nil
	}
}

// lossy is a stream whose request lost something, a model.Lossy.
type lossy struct {
	model.Stream
	losses []model.Loss
}

func (l *lossy) Losses() []model.Loss { return l.losses }

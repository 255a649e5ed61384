package agent

import "github.com/craton-ai/craton/internal/model"

// OutlineFold begins the names under which snapshots keep outlines.
const OutlineFold = Fold + "/outline"

// Outline is the session without what was said in it: all that folding on takes,
// and all that is listed of it, but not what models are told. What is not left
// out is shared with s.
func (s *State) Outline() *State {
	o := *s
	o.Threads = make([]*Thread, len(s.Threads))
	for i, t := range s.Threads {
		short := *t
		short.Context = outline(t.Context)
		o.Threads[i] = &short
	}
	return &o
}

// outline keeps how many messages there are, which summaries count, and the ids
// of calls, which are not given twice.
func outline(context []model.Message) []model.Message {
	short := make([]model.Message, len(context))
	for i := range context {
		short[i].Role = context[i].Role
		for _, part := range context[i].Parts {
			if call, ok := part.(*model.ToolCall); ok {
				short[i].Parts = append(short[i].Parts, &model.ToolCall{ID: call.ID})
			}
		}
	}
	return short
}

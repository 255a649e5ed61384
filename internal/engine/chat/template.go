package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// ChatML is the template used for models without one that works.
const ChatML = `{% for message in messages %}` +
	`{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}` +
	`{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// ErrConversation marks conversations that the model's template refuses, such
// as two user messages in a row; the caller can change the messages.
var ErrConversation = errors.New("the model's chat template refuses this conversation")

// Special spells the tokens templates refer to.
type Special struct {
	BOS, EOS string
}

// Template renders conversations for one model. It is immutable and safe for
// concurrent use.
type Template struct {
	compiled *exec.Template
	special  Special
	format   Format
	tools    bool // the template itself describes tools, in a known format
	system   bool // the template takes a system message
	fallback error
}

// NewTemplate compiles a Jinja chat template and finds out what it supports by
// rendering small conversations with it. A source that is empty or does not
// work is replaced by ChatML, and Fallback says why; the error is for the
// impossible case that ChatML does not work either.
func NewTemplate(source string, special Special) (*Template, error) {
	t, err := newTemplate(source, special)
	if err == nil {
		return t, nil
	}
	t, chatmlErr := newTemplate(ChatML, special)
	if chatmlErr != nil {
		return nil, chatmlErr
	}
	t.fallback = err
	return t, nil
}

// Fallback says why the model's own template is not used; nil if it is.
func (t *Template) Fallback() error { return t.fallback }

// Format is how this template's model writes tool calls.
func (t *Template) Format() Format { return t.format }

// NativeTools tells whether the template describes tools in its own words.
func (t *Template) NativeTools() bool { return t.tools }

func newTemplate(source string, special Special) (*Template, error) {
	if strings.TrimSpace(source) == "" {
		return nil, errors.New("the model file has no chat template")
	}
	t := &Template{special: special, format: Tagged}
	var err error
	if t.compiled, err = compile(source); err != nil {
		return nil, err
	}
	const word = "craton-probe"
	out, err := t.execute(Conversation{Messages: []Message{{Role: RoleUser, Content: word}}, Reply: true, Now: time.Unix(0, 0)})
	if err != nil {
		return nil, err
	}
	if !strings.Contains(out, word) {
		return nil, errors.New("the chat template does not show the messages")
	}
	out, err = t.execute(Conversation{Messages: []Message{{Role: RoleSystem, Content: word}, {Role: RoleUser, Content: "x"}}, Now: time.Unix(0, 0)})
	t.system = err == nil && strings.Contains(out, word)
	t.probeTools(source, word)
	return t, nil
}

// probeTools decides whether the template's own tool support is used: it must
// show the tool, and its calls must be in a format that is understood.
func (t *Template) probeTools(source, word string) {
	format, ok := detectFormat(source)
	if !ok {
		return
	}
	call := ToolCall{ID: "call00001", Name: word, Arguments: `{"probe_argument":1}`}
	tools := []Tool{{Name: word, Description: "Probe.", Parameters: []byte(`{"type":"object","properties":{}}`)}}
	shown, err := t.execute(Conversation{Messages: []Message{{Role: RoleUser, Content: "x"}}, Tools: tools, Reply: true, Now: time.Unix(0, 0)})
	if err != nil || !strings.Contains(shown, word) {
		return
	}
	history, err := t.execute(Conversation{Tools: tools, Now: time.Unix(0, 0), Messages: []Message{
		{Role: RoleUser, Content: "x"}, {Role: RoleAssistant, Calls: []ToolCall{call}},
		{Role: RoleTool, Content: "probe_result", CallID: call.ID, Name: word}}, Reply: true})
	if err != nil || !strings.Contains(history, "probe_argument") || !strings.Contains(history, "probe_result") {
		return
	}
	t.tools, t.format = true, format
}

// Render writes the conversation as the text the model continues. Errors wrap
// ErrConversation.
func (t *Template) Render(c Conversation) (string, error) {
	out, err := t.execute(t.adapt(c))
	if err != nil && t.tools && len(c.Tools) > 0 && t.format == Tagged {
		// Its tool support may choke on an unusual schema; ours does not.
		return t.execute(t.adaptSystem(withoutTools(c)))
	}
	return out, err
}

// compile parses a source. Trimming follows what the templates are
// written for: Jinja with trim_blocks and lstrip_blocks.
func compile(source string) (t *exec.Template, err error) {
	defer recoverInto(&err)
	settings := config.New()
	settings.TrimBlocks, settings.LeftStripBlocks = true, true
	loader, err := loaders.NewMemoryLoader(map[string]string{"/chat": rewriteLast(source)})
	if err != nil {
		return nil, err
	}
	t, err = exec.NewTemplate("/chat", settings, loader, environment())
	if err != nil {
		// The engine's message repeats the whole source first.
		text := err.Error()
		if i := strings.LastIndex(text, "': "); i >= 0 {
			text = text[i+3:]
		}
		return nil, fmt.Errorf("the chat template does not compile: %s", text)
	}
	return t, nil
}

func environment() *exec.Environment {
	filters := exec.NewFilterSet(map[string]exec.FilterFunction{}).Update(builtins.Filters)
	_ = filters.Replace("tojson", filterJSON)
	_ = filters.Replace("trim", filterTrim)
	return &exec.Environment{
		Context:           exec.EmptyContext().Update(builtins.GlobalFunctions).Update(builtins.GlobalVariables),
		Filters:           filters,
		Tests:             builtins.Tests,
		ControlStructures: builtins.ControlStructures,
		Methods:           methods(),
	}
}

func (t *Template) execute(c Conversation) (out string, err error) {
	defer recoverInto(&err)
	vars := newVariables(c, t.special)
	out, err = t.compiled.ExecuteToString(exec.NewContext(vars.values))
	if vars.raised != "" {
		return "", fmt.Errorf("%w: %s", ErrConversation, vars.raised)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConversation, err)
	}
	return out, nil
}

// filterTrim takes what is undefined as empty, like Jinja.
func filterTrim(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	if in.IsError() || in.IsNil() {
		return exec.AsValue("")
	}
	return exec.AsValue(strings.TrimSpace(in.String()))
}

// recoverInto turns a panic of the template engine, which templates of unusual
// shape provoke, into an error.
func recoverInto(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: the template engine failed: %v", ErrConversation, r)
	}
}

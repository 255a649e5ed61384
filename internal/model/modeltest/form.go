package modeltest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

func formChecks() []check {
	schema := []model.Capability{model.CanSchema}
	return []check{
		{name: "structured_output", needs: schema, run: checkSchema},
		{name: "json_object", needs: schema, run: checkJSONObject},
	}
}

func checkSchema(t testing.TB, s *subject) {
	for _, stream := range []bool{false, s.can(model.CanStream)} {
		req := s.say("Describe Ada, who is 36 years old.")
		req.Stream = stream
		req.Format = &model.Format{
			Kind: model.FormatSchema, Name: "person", Strict: ptr(true),
			Schema: []byte(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},"kind":{"enum":["person","robot"],"type":"string"}},"required":["name","age","kind"],"additionalProperties":false}`),
		}
		text := answerText(s.ask(t, req))
		var v struct {
			Name *string
			Age  *int
			Kind *string
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil || v.Name == nil || v.Age == nil || v.Kind == nil {
			t.Fatalf("stream %t: the answer %q does not obey the schema: %v", stream, text, err)
		}
		if *v.Kind != "person" && *v.Kind != "robot" || s.Scripted && *v.Age != 36 {
			t.Errorf("stream %t: the answer %q does not obey the schema or the prompt", stream, text)
		}
	}
}

func checkJSONObject(t testing.TB, s *subject) {
	req := s.say("Answer with a JSON object that names a colour.")
	req.Format = &model.Format{Kind: model.FormatJSON}
	r := s.ask(t, req)
	if !s.Scripted && r.Choices[0].Stop == model.StopMaxTokens {
		t.Skip("the model rambled until its bound")
	}
	text := answerText(r)
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("the answer %q is not a JSON object: %v", text, err)
	}
}

func mediaChecks() []check {
	return []check{
		{name: "images", run: checkImages},
		{name: "documents", needs: []model.Capability{model.CanReadDocuments}, run: checkDocuments},
		{name: "audio", needs: []model.Capability{model.CanHearAudio}, run: checkAudio},
	}
}

// Picture is a PNG of one red pixel.
func Picture() []byte {
	raw, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
	if err != nil {
		panic(err) // the constant above is wrong
	}
	return raw
}

// checkImages wants a picture to arrive whole or, where the card lists no
// sight, to be refused rather than ignored.
func checkImages(t testing.TB, s *subject) {
	req := s.say("What is in this picture?")
	req.Messages[0].Parts = append(req.Messages[0].Parts, &model.Image{
		Source: model.Source{MIME: "image/png", Data: Picture()},
	})
	if s.can(model.CanSeeImages) {
		s.wantText(t, s.ask(t, req), fmt.Sprintf("I received 1 image (image/png, %d bytes).", len(Picture())))
		return
	}
	_, e, before := s.fails(t, req)
	if !before || e.Kind != model.Unsupported && e.Kind != model.Invalid {
		t.Errorf("got %v (before the first event: %t), want the image refused as unsupported", e, before)
	}
}

func checkDocuments(t testing.TB, s *subject) {
	pdf := bytes.Repeat([]byte("%PDF-1.4\n"), 20)
	req := s.say("Summarise this document.")
	req.Messages[0].Parts = append(req.Messages[0].Parts, &model.Document{
		Name: "report", Source: model.Source{MIME: "application/pdf", Data: pdf},
	})
	text := answerText(s.ask(t, req))
	if want := fmt.Sprintf("(application/pdf, %d bytes)", len(pdf)); s.Scripted && !strings.Contains(text, want) {
		t.Errorf("the answer %q does not name a document %s", text, want)
	}
}

func checkAudio(t testing.TB, s *subject) {
	wav := append([]byte("RIFF\x24\x00\x00\x00WAVEfmt "), make([]byte, 28)...)
	req := s.say("What is said?")
	req.Messages[0].Parts = append(req.Messages[0].Parts, &model.Audio{Source: model.Source{MIME: "audio/wav", Data: wav}})
	text := answerText(s.ask(t, req))
	if want := fmt.Sprintf("(audio/wav, %d bytes)", len(wav)); s.Scripted && !strings.Contains(text, want) {
		t.Errorf("the answer %q does not name audio %s", text, want)
	}
}

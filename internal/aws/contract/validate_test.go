package contract

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// request is a Validate case: what the edge has received and the text of the
// error, "" for none.
type request struct {
	op, model string
	query     string
	header    http.Header
	body      string
	code      string // default ValidationException
	want      string
}

func (c request) run(t *testing.T, s *Service) {
	t.Helper()
	op := operation(t, s, c.op)
	q, err := url.ParseQuery(c.query)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Query: q, Header: c.header, Body: []byte(c.body)}
	if strings.Contains(op.URI, "{modelId}") {
		if c.model == "" {
			c.model = "amazon.nova-lite-v1:0"
		}
		in.Labels = []PathLabel{{"modelId", c.model}}
	}
	found, err := op.Validate(in)
	got, code := "", "ValidationException"
	var e *Error
	switch {
	case errors.As(err, &e):
		got, code = e.Message, e.Code
	case err != nil:
		t.Fatalf("Validate fails with %v", err)
	case len(found) > 0:
		ve := s.ValidationError(found)
		got, code = ve.Message, ve.Code
		if ve.Status != 400 {
			t.Errorf("status %d", ve.Status)
		}
	}
	if c.code == "" {
		c.code = "ValidationException"
	}
	if got != c.want || (got != "" && code != c.code) {
		t.Errorf("%s %s\n got %s: %s\nwant %s: %s", c.op, c.body, code, got, c.code, c.want)
	}
}

// tool wraps a tool name into a request.
func tool(name string) string {
	return `{"messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"` + name + `","inputSchema":{"json":{}}}}]}}`
}

func TestValidate(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	const one = "1 validation error detected: "
	long := strings.Repeat("x", 65)
	for name, c := range map[string]request{
		"good":          {op: "Converse", body: `{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":10,"temperature":0.5}}`},
		"empty body":    {op: "Converse"},
		"null members":  {op: "Converse", body: `{"messages":null,"system":null,"toolConfig":null,"additionalModelRequestFields":null}`},
		"extra members": {op: "Converse", body: `{"messages":[],"colour":{"a":[1,{"b":null}]}}`},
		"any document":  {op: "Converse", body: `{"messages":[],"additionalModelRequestFields":{"a":[1,null,"x",{"y":true}]}}`},
		"whole number":  {op: "Converse", body: `{"messages":[],"inferenceConfig":{"maxTokens":5.0}}`},
		"escaped":       {op: "Converse", body: `{"messages":[{"role":"\u0075ser","content":[{"text":"a\"b"}]}]}`},
		"ARN":           {op: "Converse", model: "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x-v1:0", body: `{}`},
		"prompt ARN":    {op: "Converse", model: "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:3", body: `{}`},
		"ARN, no match": {op: "Converse", model: "a b", body: `{}`, want: one + "Value 'a b' at 'modelId' failed to satisfy constraint: " + modelPattern(s)},

		"required": {op: "Converse", body: `{"messages":[{"content":[]}]}`,
			want: one + "Value null at 'messages.1.member.role' failed to satisfy constraint: Member must not be null"},
		"enum": {op: "Converse", body: `{"messages":[{"role":"robot","content":[]}]}`,
			want: one + "Value 'robot' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]"},
		"pattern": {op: "Converse", body: tool("a b"),
			want: one + "Value 'a b' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"},
		"length": {op: "Converse", body: tool(long),
			want: one + "Value '" + long + "' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must have length less than or equal to 64"},
		"pattern before length": {op: "Converse", body: tool(""),
			want: "2 validation errors detected: Value '' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+; " +
				"Value '' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"list length": {op: "Converse", body: `{"toolConfig":{"tools":[]}}`,
			want: one + "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"range": {op: "Converse", body: `{"inferenceConfig":{"maxTokens":0,"temperature":1.5,"topP":-1}}`,
			want: "3 validation errors detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1; " +
				"Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1; " +
				"Value '-1' at 'inferenceConfig.topP' failed to satisfy constraint: Member must have value greater than or equal to 0"},
		"list entry": {op: "Converse", body: `{"inferenceConfig":{"stopSequences":["a","",""]}}`,
			want: one + "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must satisfy constraint: [Member must have length greater than or equal to 1]"},
		"null entry": {op: "Converse", body: `{"inferenceConfig":{"stopSequences":[null]}}`,
			want: one + "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must satisfy constraint: [Member must have length greater than or equal to 1]"},
		"map key and value": {op: "Converse", body: `{"requestMetadata":{"a*":"b*"}}`,
			want: "2 validation errors detected: Value at 'requestMetadata' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}]; " +
				"Value at 'requestMetadata' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{0,256}]"},
		"union of none": {op: "Converse", body: `{"messages":[{"role":"user","content":[{}]}]}`,
			want: one + "Value at 'messages.1.member.content.1.member' failed to satisfy constraint: Member must have exactly one of its members set, not 0"},
		"union of two": {op: "Converse", body: `{"messages":[{"role":"user","content":[{"text":"a"},{"text":"a","cachePoint":{"type":"default"}}]}]}`,
			want: one + "Value at 'messages.1.member.content.2.member' failed to satisfy constraint: Member must have exactly one of its members set, not 2"},

		"not JSON":       {op: "Converse", body: `{"messages":`, code: "SerializationException", want: "The request body is not valid JSON at byte 12."},
		"not an object":  {op: "Converse", body: `[]`, code: "SerializationException", want: "Start of list found where not expected."},
		"trailing text":  {op: "Converse", body: `{} x`, code: "SerializationException", want: "The request body is not valid JSON at byte 3."},
		"two documents":  {op: "Converse", body: `{} {}`, code: "SerializationException", want: "The request body is not a complete JSON document."},
		"name twice":     {op: "Converse", body: `{"a":1,"a":2}`, code: "SerializationException", want: "The request body is not valid JSON at byte 7."},
		"bad UTF-8":      {op: "Converse", body: "{\"a\":\"\xff\"}", code: "SerializationException", want: "The request body is not valid JSON at byte 6."},
		"too deep":       {op: "Converse", body: `{"additionalModelRequestFields":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, code: "SerializationException", want: "The request body is not accepted: JSON nests deeper than 256 levels."},
		"number":         {op: "Converse", body: `{"messages":[{"role":5}]}`, code: "SerializationException", want: "NUMBER_VALUE can not be converted to a String at 'messages.1.member.role'."},
		"string":         {op: "Converse", body: `{"inferenceConfig":{"maxTokens":"5"}}`, code: "SerializationException", want: "STRING_VALUE can not be converted to an Integer at 'inferenceConfig.maxTokens'."},
		"boolean":        {op: "Converse", body: `{"inferenceConfig":{"maxTokens":true}}`, code: "SerializationException", want: "TRUE_VALUE can not be converted to an Integer at 'inferenceConfig.maxTokens'."},
		"fraction":       {op: "Converse", body: `{"inferenceConfig":{"maxTokens":5.5}}`, code: "SerializationException", want: "The value at 'inferenceConfig.maxTokens' can not be converted to an Integer."},
		"over 32 bits":   {op: "Converse", body: `{"inferenceConfig":{"maxTokens":4294967296}}`, code: "SerializationException", want: "The value at 'inferenceConfig.maxTokens' can not be converted to an Integer."},
		"object":         {op: "Converse", body: `{"messages":{}}`, code: "SerializationException", want: "Start of structure or map found where not expected at 'messages'."},
		"string in list": {op: "Converse", body: `{"messages":["hi"]}`, code: "SerializationException", want: "STRING_VALUE can not be converted to a Structure at 'messages.1.member'."},
		"no base64":      {op: "Converse", body: `{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"a"}}}]}]}`, code: "SerializationException", want: "The value at 'messages.1.member.content.1.member.image.source.bytes' can not be converted to a Blob."},
		"odd float":      {op: "Converse", body: `{"inferenceConfig":{"temperature":"warm"}}`, code: "SerializationException", want: "The value at 'inferenceConfig.temperature' can not be converted to a Float."},

		"any body":      {op: "InvokeModel", body: "\x00\xff not JSON"},
		"header enum":   {op: "InvokeModel", body: "x", header: http.Header{"X-Amzn-Bedrock-Trace": {"YES"}}, want: one + "Value 'YES' at 'trace' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_FULL]"},
		"query":         {op: "ListAsyncInvokes", query: "maxResults=5&statusEquals=Failed&submitTimeAfter=2026-01-02T03:04:05.123Z"},
		"query range":   {op: "ListAsyncInvokes", query: "maxResults=1001", want: one + "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		"query type":    {op: "ListAsyncInvokes", query: "maxResults=five", code: "SerializationException", want: "The value at 'maxResults' can not be converted to an Integer."},
		"query time":    {op: "ListAsyncInvokes", query: "submitTimeAfter=1767225600", code: "SerializationException", want: "The value at 'submitTimeAfter' can not be converted to a Timestamp."},
		"query enum":    {op: "ListAsyncInvokes", query: "sortOrder=Up", want: one + "Value 'Up' at 'sortOrder' failed to satisfy constraint: Member must satisfy enum value set: [Ascending, Descending]"},
		"body required": {op: "StartAsyncInvoke", body: `{"modelId":"amazon.nova-reel-v1:0"}`, want: "2 validation errors detected: Value null at 'modelInput' failed to satisfy constraint: Member must not be null; Value null at 'outputDataConfig' failed to satisfy constraint: Member must not be null"},
		"S3":            {op: "StartAsyncInvoke", body: `{"modelId":"m","modelInput":{},"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://bucket-1/prefix"}},"tags":[{"key":"k","value":"v"}]}`},
		"stream input":  {op: "InvokeModelWithBidirectionalStream", body: "anything"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t, s)
		})
	}
}

// modelPattern is the phrase for a model id; its text is long.
func modelPattern(s *Service) string {
	sh, _ := s.Shape("ConversationalModelId")
	return sh.patternPhrase()
}

// TestSensitiveValuesAreNotShown: members marked sensitive, and whatever lies
// in sensitive structures, stay out of messages.
func TestSensitiveValuesAreNotShown(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(`{"format":1,"source":"","name":"x","id":"","apiVersion":"","signingName":"","operations":[{"n":"A","m":"POST","u":"/a","i":"In"}],
		"shapes":[{"n":"In","t":"structure","m":[{"n":"pin","s":"Pin"},{"n":"box","s":"Box"},{"n":"head","s":"Pin","l":"header","w":"X-Pin"},{"n":"list","s":"Pins","l":"querystring","r":true}]},
		{"n":"Pin","t":"string","max":3,"f":"s"},{"n":"Box","t":"structure","m":[{"n":"code","s":"Code"}],"f":"s"},{"n":"Code","t":"string","max":3},{"n":"Pins","t":"list","of":"Pin","max":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	found, err := operation(t, s, "A").Validate(Input{Header: http.Header{"X-Pin": {"hidden"}}, Query: url.Values{"list": {"hidden", "hidden"}}, Body: []byte(`{"pin":"hidden","box":{"code":"hidden"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := "5 validation errors detected: Value at 'head' failed to satisfy constraint: Member must have length less than or equal to 3; " +
		"Value at 'list' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 3]; " +
		"Value at 'list' failed to satisfy constraint: Member must have length less than or equal to 1; " +
		"Value at 'pin' failed to satisfy constraint: Member must have length less than or equal to 3; " +
		"Value at 'box.code' failed to satisfy constraint: Member must have length less than or equal to 3"
	if got := Message(found); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if found, err = operation(t, s, "A").Validate(Input{}); err != nil || Message(found) != "1 validation error detected: Value null at 'list' failed to satisfy constraint: Member must not be null" {
		t.Errorf("%v, %v", found, err)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	body := `{"messages":[` + strings.Repeat(`{"role":"`+strings.Repeat("é", 3000)+`","content":[]},`, 5000)
	found, err := operation(t, s, "Converse").Validate(Input{Labels: []PathLabel{{"modelId", "m"}}, Body: []byte(body[:len(body)-1] + `]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if m := Message(found); len(m) > 200_000 || !strings.HasPrefix(m, "1000 validation errors detected: ") {
		t.Errorf("%d bytes: %.60s", len(m), m)
	}
}

func TestValidateEvent(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	op := operation(t, s, "InvokeModelWithBidirectionalStream")
	if found, err := op.ValidateEvent("chunk", []byte(`{"bytes":"aGk="}`)); err != nil || found != nil {
		t.Errorf("%v, %v", found, err)
	}
	for name, payload := range map[string]string{"chunk": `{"bytes":5}`, "other": `{}`} {
		if _, err := op.ValidateEvent(name, []byte(payload)); err == nil {
			t.Errorf("%s %s is accepted", name, payload)
		}
	}
}

// FuzzValidate: no body may crash or hang the walk, and a refusal is always a
// *Error.
func FuzzValidate(f *testing.F) {
	s := mustLoad(f, "bedrock-runtime")
	f.Add(`{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`)
	f.Add(tool("a b"))
	f.Add(`{"a":[[[[{}]]]],"requestMetadata":{"a":null}}`)
	f.Add("{\"a\":\"\xff\"}")
	op := operation(f, s, "Converse")
	f.Fuzz(func(t *testing.T, body string) {
		found, err := op.Validate(Input{Labels: []PathLabel{{"modelId", body}}, Body: []byte(body)})
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v", err)
		}
		if len(found) > 0 && !strings.Contains(Message(found), "detected: ") {
			t.Fatal("no message")
		}
		op.Check(200, http.Header{}, []byte(body))
	})
}

func BenchmarkValidate(b *testing.B) {
	s := mustLoad(b, "bedrock-runtime")
	op := operation(b, s, "Converse")
	in := Input{Labels: []PathLabel{{"modelId", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"}},
		Body: []byte(`{"messages":[{"role":"user","content":[{"text":"` + strings.Repeat("x", 1000) + `"}]}],"inferenceConfig":{"maxTokens":10,"temperature":0.5}}`)}
	b.SetBytes(int64(len(in.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if found, err := op.Validate(in); err != nil || found != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		mustLoad(b, "bedrock-runtime")
	}
}

package bedrock

import "github.com/go-json-experiment/json/jsontext"

// The shapes of the contract, as its service model gives them. Members that
// are absent in the contract's sense (JSON null included) are nil.

type requestShape struct {
	Messages         []messageShape    `json:"messages,omitzero"`
	System           []blockShape      `json:"system,omitzero"`
	InferenceConfig  *inferenceShape   `json:"inferenceConfig,omitzero"`
	ToolConfig       *toolConfigShape  `json:"toolConfig,omitzero"`
	GuardrailConfig  *guardrailShape   `json:"guardrailConfig,omitzero"`
	AdditionalFields jsontext.Value    `json:"additionalModelRequestFields,omitzero"`
	ResponsePaths    []string          `json:"additionalModelResponseFieldPaths,omitzero"`
	RequestMetadata  map[string]string `json:"requestMetadata,omitzero"`
	Performance      *performanceShape `json:"performanceConfig,omitzero"`
	ServiceTier      *tierShape        `json:"serviceTier,omitzero"`
	OutputConfig     *outputShape      `json:"outputConfig,omitzero"`
	Extra            jsontext.Value    `json:",embed"`
}

type inferenceShape struct {
	MaxTokens     *int     `json:"maxTokens,omitzero"`
	Temperature   *float64 `json:"temperature,omitzero"`
	TopP          *float64 `json:"topP,omitzero"`
	StopSequences []string `json:"stopSequences,omitzero"`
}

type guardrailShape struct {
	ID      string `json:"guardrailIdentifier,omitzero"`
	Version string `json:"guardrailVersion,omitzero"`
	Trace   string `json:"trace,omitzero"`
	Mode    string `json:"streamProcessingMode,omitzero"`
}

type performanceShape struct {
	Latency string `json:"latency,omitzero"`
}

type tierShape struct {
	Type string `json:"type,omitzero"`
}

type outputShape struct {
	TextFormat *textFormatShape `json:"textFormat,omitzero"`
	Effort     string           `json:"effort,omitzero"`
}

type textFormatShape struct {
	Type      string `json:"type,omitzero"`
	Structure struct {
		JSONSchema struct {
			Schema      string `json:"schema"`
			Name        string `json:"name,omitzero"`
			Description string `json:"description,omitzero"`
		} `json:"jsonSchema"`
	} `json:"structure"`
}

type toolConfigShape struct {
	Tools  []toolShape      `json:"tools,omitzero"`
	Choice *toolChoiceShape `json:"toolChoice,omitzero"`
}

type toolShape struct {
	Spec       *toolSpecShape   `json:"toolSpec,omitzero"`
	SystemTool *systemToolShape `json:"systemTool,omitzero"`
	CachePoint *cachePointShape `json:"cachePoint,omitzero"`
	Extra      jsontext.Value   `json:",embed"`
}

type toolSpecShape struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitzero"`
	InputSchema *toolInputShape `json:"inputSchema,omitzero"`
	Strict      *bool           `json:"strict,omitzero"`
	Extra       jsontext.Value  `json:",embed"`
}

type toolInputShape struct {
	JSON jsontext.Value `json:"json"`
}

type systemToolShape struct {
	Name  string         `json:"name"`
	Extra jsontext.Value `json:",embed"`
}

type toolChoiceShape struct {
	Auto *struct{}  `json:"auto,omitzero"`
	Any  *struct{}  `json:"any,omitzero"`
	Tool *nameShape `json:"tool,omitzero"`
}

type nameShape struct {
	Name string `json:"name"`
}

type messageShape struct {
	Role    string       `json:"role"`
	Content []blockShape `json:"content"`
}

// blockShape is the content block union of requests, answers, system prompts
// and tool results: each place admits some of the members.
type blockShape struct {
	Text         *string            `json:"text,omitzero"`
	Image        *mediaShape        `json:"image,omitzero"`
	Document     *documentShape     `json:"document,omitzero"`
	Video        *mediaShape        `json:"video,omitzero"`
	Audio        *mediaShape        `json:"audio,omitzero"`
	ToolUse      *toolUseShape      `json:"toolUse,omitzero"`
	ToolResult   *toolResultShape   `json:"toolResult,omitzero"`
	Guard        *guardShape        `json:"guardContent,omitzero"`
	CachePoint   *cachePointShape   `json:"cachePoint,omitzero"`
	Reasoning    *reasoningShape    `json:"reasoningContent,omitzero"`
	Citations    *citationsShape    `json:"citationsContent,omitzero"`
	SearchResult *searchResultShape `json:"searchResult,omitzero"`
	ToolAddition *toolChangeShape   `json:"toolAddition,omitzero"`
	ToolRemoval  *toolChangeShape   `json:"toolRemoval,omitzero"`
	// JSON stands in tool results only.
	JSON  jsontext.Value `json:"json,omitzero"`
	Extra jsontext.Value `json:",embed"`
}

type mediaShape struct {
	Format string       `json:"format,omitzero"`
	Source *sourceShape `json:"source,omitzero"`
	Error  *errorShape  `json:"error,omitzero"`
}

type errorShape struct {
	Message string `json:"message,omitzero"`
}

type sourceShape struct {
	Bytes   []byte          `json:"bytes,omitzero"`
	S3      *s3Shape        `json:"s3Location,omitzero"`
	Text    *string         `json:"text,omitzero"`
	Content []textItemShape `json:"content,omitzero"`
}

type s3Shape struct {
	URI         string `json:"uri"`
	BucketOwner string `json:"bucketOwner,omitzero"`
}

type textItemShape struct {
	Text string `json:"text"`
}

type documentShape struct {
	Format    string        `json:"format,omitzero"`
	Name      string        `json:"name,omitzero"`
	Source    *sourceShape  `json:"source,omitzero"`
	Context   string        `json:"context,omitzero"`
	Citations *enabledShape `json:"citations,omitzero"`
}

type enabledShape struct {
	Enabled bool `json:"enabled"`
}

type toolUseShape struct {
	ID    string         `json:"toolUseId"`
	Name  string         `json:"name"`
	Input jsontext.Value `json:"input,omitzero"`
	Type  string         `json:"type,omitzero"`
}

type toolResultShape struct {
	ID      string       `json:"toolUseId"`
	Content []blockShape `json:"content"`
	Status  string       `json:"status,omitzero"`
	Type    string       `json:"type,omitzero"`
}

type guardShape struct {
	Text *struct {
		Text       string   `json:"text"`
		Qualifiers []string `json:"qualifiers,omitzero"`
	} `json:"text,omitzero"`
	Image *mediaShape `json:"image,omitzero"`
}

type cachePointShape struct {
	Type string `json:"type"`
	TTL  string `json:"ttl,omitzero"`
}

type reasoningShape struct {
	Text *struct {
		Text      string `json:"text"`
		Signature string `json:"signature,omitzero"`
	} `json:"reasoningText,omitzero"`
	Redacted []byte `json:"redactedContent,omitzero"`
}

type citationsShape struct {
	Content   []textItemShape  `json:"content,omitzero"`
	Citations []jsontext.Value `json:"citations,omitzero"`
}

type searchResultShape struct {
	Source    string          `json:"source"`
	Title     string          `json:"title"`
	Content   []textItemShape `json:"content"`
	Citations *enabledShape   `json:"citations,omitzero"`
}

type toolChangeShape struct {
	Tool toolReferenceShape `json:"tool"`
}

type toolReferenceShape struct {
	Name       string `json:"name,omitzero"`
	ServerName string `json:"serverName,omitzero"`
	Type       string `json:"type,omitzero"`
}

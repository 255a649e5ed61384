package main

// The parts of a service-2.json. Unknown members are errors, so a new trait
// is looked at before it is left out; members of type any are known to be
// unneeded.

type model struct {
	Version       string               `json:"version"`
	Metadata      metadata             `json:"metadata"`
	Operations    map[string]operation `json:"operations"`
	Shapes        map[string]shape     `json:"shapes"`
	Documentation any                  `json:"documentation"`
}

type metadata struct {
	APIVersion          string   `json:"apiVersion"`
	EndpointPrefix      string   `json:"endpointPrefix"`
	Protocol            string   `json:"protocol"`
	ServiceID           string   `json:"serviceId"`
	SigningName         string   `json:"signingName"`
	Auth                []string `json:"auth"`
	Protocols           any      `json:"protocols"`
	ProtocolSettings    any      `json:"protocolSettings"`
	ServiceFullName     any      `json:"serviceFullName"`
	ServiceAbbreviation any      `json:"serviceAbbreviation"`
	SignatureVersion    string   `json:"signatureVersion"`
	JSONVersion         any      `json:"jsonVersion"`
	UID                 any      `json:"uid"`
}

type operation struct {
	Name          string `json:"name"`
	HTTP          http   `json:"http"`
	Input         ref    `json:"input"`
	Output        ref    `json:"output"`
	Errors        []ref  `json:"errors"`
	Idempotent    bool   `json:"idempotent"`
	ReadOnly      bool   `json:"readonly"`
	Auth          any    `json:"auth"`
	Documentation any    `json:"documentation"`

	Deprecated        any `json:"deprecated"`
	DeprecatedMessage any `json:"deprecatedMessage"`
	DeprecatedSince   any `json:"deprecatedSince"`
}

type http struct {
	Method       string `json:"method"`
	RequestURI   string `json:"requestUri"`
	ResponseCode int    `json:"responseCode"`
}

// ref is a use of a shape: of an input, an element or a member.
type ref struct {
	Shape            string `json:"shape"`
	Location         string `json:"location"`
	LocationName     string `json:"locationName"`
	IdempotencyToken bool   `json:"idempotencyToken"`
	JSONValue        bool   `json:"jsonvalue"`
	Documentation    any    `json:"documentation"`
	Box              any    `json:"box"`

	Deprecated        any `json:"deprecated"`
	DeprecatedMessage any `json:"deprecatedMessage"`
	DeprecatedSince   any `json:"deprecatedSince"`
}

type shape struct {
	Type            string   `json:"type"`
	Members         members  `json:"members"`
	Required        []string `json:"required"`
	Member          ref      `json:"member"`
	Key             ref      `json:"key"`
	Value           ref      `json:"value"`
	Min             *float64 `json:"min"`
	Max             *float64 `json:"max"`
	Pattern         string   `json:"pattern"`
	Enum            []string `json:"enum"`
	TimestampFormat string   `json:"timestampFormat"`
	Payload         string   `json:"payload"`
	Error           struct {
		HTTPStatusCode int `json:"httpStatusCode"`
		SenderFault    any `json:"senderFault"`
	} `json:"error"`
	Retryable   any  `json:"retryable"`
	Union       bool `json:"union"`
	Sensitive   bool `json:"sensitive"`
	Document    bool `json:"document"`
	EventStream bool `json:"eventstream"`
	Event       bool `json:"event"`
	Streaming   bool `json:"streaming"`
	Exception   bool `json:"exception"`

	Fault         any `json:"fault"`
	Box           any `json:"box"`
	Documentation any `json:"documentation"`

	Deprecated        any `json:"deprecated"`
	DeprecatedMessage any `json:"deprecatedMessage"`
	DeprecatedSince   any `json:"deprecatedSince"`
}

package openai

// File is an uploaded file as the Files API shows it.
type File struct {
	ID        string `json:"id"`
	Object    string `json:"object"` // always [ObjectFile]
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	// ExpiresAt is left out of a file that does not expire.
	ExpiresAt int64  `json:"expires_at,omitzero"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	// Status is deprecated in the contract and still required: "processed".
	Status        string  `json:"status"`
	StatusDetails *string `json:"status_details"`
}

// FileDeleted is the answer to a deletion.
type FileDeleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// ObjectFile names a file in the member "object".
const ObjectFile = "file"

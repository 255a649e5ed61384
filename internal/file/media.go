package file

import (
	"mime"
	"path"
	"strings"
)

// unknownType is the media type of what nobody named.
const unknownType = "application/octet-stream"

// mediaTypes are by file name extension. The system's own table is not asked:
// it differs between machines.
var mediaTypes = map[string]string{
	".txt": "text/plain", ".text": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown",
	".json": "application/json", ".jsonl": "application/jsonl", ".ndjson": "application/jsonl", ".html": "text/html", ".htm": "text/html",
	".csv": "text/csv", ".tsv": "text/tab-separated-values", ".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml",
	".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".c": "text/x-c", ".h": "text/x-c", ".cpp": "text/x-c++", ".cs": "text/x-csharp", ".css": "text/css", ".go": "text/x-golang",
	".java": "text/x-java", ".js": "text/javascript", ".ts": "text/typescript", ".php": "text/x-php", ".py": "text/x-python",
	".rb": "text/x-ruby", ".rs": "text/x-rust", ".sh": "text/x-sh", ".sql": "text/x-sql", ".tex": "text/x-tex", ".toml": "application/toml",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".odt":  "application/vnd.oasis.opendocument.text",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odp":  "application/vnd.oasis.opendocument.presentation",
	".zip":  "application/zip", ".tar": "application/x-tar", ".gz": "application/gzip",
	".mp3": "audio/mpeg", ".wav": "audio/wav", ".mp4": "video/mp4", ".webm": "video/webm",
}

// mediaType is what the client said, where that says anything, else what the
// name's extension does.
func mediaType(given, name string) string {
	if kind, _, err := mime.ParseMediaType(given); err == nil && kind != unknownType && strings.Contains(kind, "/") {
		return kind
	}
	if kind, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return kind
	}
	return unknownType
}

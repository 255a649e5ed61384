package agents

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/model"
)

// Bounds of lists and metadata.
const (
	// DefaultLimit is the length of a page nobody bounded.
	DefaultLimit = 20
	// MaxLimit is the greatest length of a page.
	MaxLimit = 100
	// MaxMetadata is the number of metadata pairs of a resource or a filter.
	MaxMetadata = 16
	// MaxMetadataKey and MaxMetadataValue count characters.
	MaxMetadataKey   = 64
	MaxMetadataValue = 512
)

// Query is the page a list operation is asked for.
type Query struct {
	// Limit is the greatest number of resources to answer, 1 to [MaxLimit].
	Limit int
	// Ascending lists the oldest first; otherwise the newest come first.
	Ascending bool
	// After is the id of the last resource of the page before; empty for the
	// first page.
	After string
	// Metadata holds pairs that all have to match exactly; nil for none.
	Metadata map[string]string
	// Statuses are what a resource's status may be; nil for any.
	Statuses []string
}

// DecodeQuery reads the query of a list operation: limit, order, after,
// metadata[key] and status or status[]. Other parameters are the caller's. An
// error is about the parameter it names.
func DecodeQuery(values url.Values) (Query, error) {
	q := Query{Limit: DefaultLimit, After: values.Get("after")}
	if values.Has("limit") {
		n, err := strconv.Atoi(values.Get("limit"))
		if err != nil || n < 1 || n > MaxLimit {
			return q, model.Errorf(model.Invalid, "limit", "limit must be a whole number from 1 to %d.", MaxLimit)
		}
		q.Limit = n
	}
	switch order := values.Get("order"); order {
	case "", "desc":
	case "asc":
		q.Ascending = true
	default:
		return q, model.Errorf(model.Invalid, "order", "order must be \"asc\" or \"desc\".")
	}
	var err error
	if q.Metadata, err = metadataFilter(values); err != nil {
		return q, err
	}
	q.Statuses, err = statusFilter(values)
	return q, err
}

// metadataFilter collects metadata[key]=value.
func metadataFilter(values url.Values) (map[string]string, error) {
	var filter map[string]string
	for name, all := range values {
		key, ok := strings.CutPrefix(name, "metadata[")
		if !ok || !strings.HasSuffix(key, "]") {
			continue
		}
		if len(all) > 1 {
			return nil, model.Errorf(model.Invalid, name, "%s is given more than once.", name)
		}
		if filter == nil {
			filter = map[string]string{}
		}
		filter[strings.TrimSuffix(key, "]")] = all[0]
	}
	return filter, CheckMetadata(filter)
}

func statusFilter(values url.Values) ([]string, error) {
	statuses := slices.Concat(values["status"], values["status[]"])
	for _, s := range statuses {
		if s != "active" && s != "archived" {
			return nil, model.Errorf(model.Invalid, "status", "status must be \"active\" or \"archived\".")
		}
	}
	return statuses, nil
}

// Matches reports whether metadata holds every pair of the filter.
func (q Query) Matches(metadata map[string]string) bool {
	for k, v := range q.Metadata {
		if have, ok := metadata[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// CheckMetadata says what is wrong with metadata, or nil.
func CheckMetadata(metadata map[string]string) error {
	if len(metadata) > MaxMetadata {
		return model.Errorf(model.Invalid, "metadata", "metadata has %d pairs; at most %d are allowed.", len(metadata), MaxMetadata)
	}
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		if n := utf8.RuneCountInString(k); n < 1 || n > MaxMetadataKey {
			return model.Errorf(model.Invalid, "metadata", "A metadata key has %d characters; it must have 1 to %d.", n, MaxMetadataKey)
		}
		if n := utf8.RuneCountInString(metadata[k]); n > MaxMetadataValue {
			return model.Errorf(model.Invalid, "metadata."+k, "The metadata value has %d characters; at most %d are allowed.", n, MaxMetadataValue)
		}
	}
	return nil
}

// Page is a list as the contract shows it.
type Page[T any] struct {
	Object  string  `json:"object"`
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// EncodePage writes a page; more tells whether another one follows. The id of
// its last element is the cursor of the next page.
func EncodePage[T any](data []T, more bool, id func(T) string) ([]byte, error) {
	page := Page[T]{Object: "list", Data: data, HasMore: more}
	if len(data) == 0 {
		page.Data = []T{}
	} else {
		first, last := id(data[0]), id(data[len(data)-1])
		page.FirstID, page.LastID = &first, &last
	}
	return json.Marshal(page, json.Deterministic(true))
}

// Deleted is the answer to a deletion; object is the resource's own name for
// it, such as "vault.deleted".
type Deleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

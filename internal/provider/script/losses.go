package script

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// lossesOf lists the members of a request that the hub does not know, and
// therefore no rule: an upstream that knew them might have answered otherwise.
func lossesOf(req *model.Request) []model.Loss {
	if req.Extra == nil {
		return nil
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(req.Extra.Raw, &members); err != nil {
		return []model.Loss{{Path: "extra", What: "members that cannot be read", Severity: model.LossMinor}}
	}
	var losses []model.Loss
	for _, name := range slices.Sorted(maps.Keys(members)) {
		losses = append(losses, model.Loss{Path: name, What: fmt.Sprintf("the member %q, which the script model does not know", name), Severity: model.LossMinor})
	}
	return losses
}

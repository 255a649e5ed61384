package server

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// budget is the memory that models may still take.
type budget struct {
	left    int64
	limit   int64
	checked bool // false when neither a limit nor the system's figure is known
}

func newBudget(limit int64) *budget {
	if limit <= 0 {
		limit = availableMemory()
	}
	return &budget{left: limit, limit: limit, checked: limit > 0}
}

// overhead is what a model takes beside its weights and attention state:
// compute buffers and the vocabulary, roughly.
const overhead = 64 << 20

// reserve settles the sizes of spec from the model's metadata and takes what it
// will need, or refuses with the numbers.
func (b *budget) reserve(lib *llama.Library, spec *ModelSpec) error {
	weights, err := fileBytes(spec.Path)
	if err != nil {
		return fmt.Errorf("engine: model %q: %w", spec.Name, err)
	}
	probe, err := lib.OpenModel(spec.Path, llama.ModelParams{VocabularyOnly: true})
	if err != nil {
		return fmt.Errorf("engine: model %q: %w", spec.Name, err)
	}
	defer probe.Close()
	shape := shapeOf(probe)
	if *spec, err = spec.withDefaults(shape.trained); err != nil {
		return err
	}
	state := int64(0)
	if !spec.Embedding {
		state = shape.cellBytes * int64(spec.ContextTokens) * int64(spec.Parallel)
	}
	need := weights + state + overhead
	if b.checked && need > b.left {
		return fmt.Errorf("engine: model %q needs about %s (weights %s, attention state %s for %d × %d tokens) but %s of %s is left; "+
			"lower ContextTokens or Parallel, choose a smaller model, or raise the memory limit",
			spec.Name, size(need), size(weights), size(state), spec.Parallel, spec.ContextTokens, size(b.left), size(b.limit))
	}
	b.left -= need
	return nil
}

// shape is what the memory estimate needs of a model's metadata.
type shape struct {
	trained   int   // tokens of context it was trained for; zero if unknown
	cellBytes int64 // attention state per token, at 16 bits per value
}

func shapeOf(m *llama.Model) shape {
	arch, _ := m.Metadata("general.architecture")
	number := func(key string) int64 {
		text, _ := m.Metadata(arch + "." + key)
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	}
	heads := number("attention.head_count")
	headsKV := number("attention.head_count_kv")
	if headsKV == 0 {
		headsKV = heads
	}
	width := int64(0)
	if heads > 0 {
		width = number("embedding_length") / heads
	}
	key, value := number("attention.key_length"), number("attention.value_length")
	if key == 0 {
		key = width
	}
	if value == 0 {
		value = width
	}
	return shape{
		trained:   int(number("context_length")),
		cellBytes: number("block_count") * headsKV * (key + value) * 2,
	}
}

// availableMemory is what the system can still give, also inside a container;
// zero where that is not known.
func availableMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	available := int64(0)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			available = n << 10
			break
		}
	}
	limit := readNumber("/sys/fs/cgroup/memory.max")
	if used := readNumber("/sys/fs/cgroup/memory.current"); limit > 0 && limit-used < available {
		available = limit - used
	}
	return available
}

func readNumber(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

func size(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

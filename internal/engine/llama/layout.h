/* The one place that knows how llama.cpp release 0.5.0 lays out what crosses
 * its C interface by value. Moving to another release means: compare every
 * struct, enum value and prototype here with that release's include/llama.h,
 * change the expected defaults in layout.c, and the version below. */
#ifndef CRATON_LLAMA_LAYOUT_H
#define CRATON_LLAMA_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRATON_LLAMA_VERSION "0.5.0"

typedef struct {
	void *devices;
	const void *tensor_buffer_overrides;
	int32_t gpu_layers;
	int32_t split_mode;
	int32_t load_mode; /* -1 auto, 0 read, 1 mmap, 2 mlock, 3 mmap+mlock, 4 direct */
	int32_t lazy_mode;
	int32_t main_gpu;
	const float *tensor_split;
	void *progress_callback;
	void *progress_data;
	const void *metadata_overrides;
	bool vocab_only;
	bool check_tensors;
	bool extra_buffer_types;
	bool no_host;
	bool no_alloc;
	bool load_mtp;
} craton_model_params;

typedef struct {
	uint32_t n_ctx;
	uint32_t n_batch;
	uint32_t n_ubatch;
	uint32_t n_seq_max;
	uint32_t n_rs_seq;
	uint32_t n_outputs_max;
	uint32_t n_outputs_max_per_seq;
	int32_t n_threads;
	int32_t n_threads_batch;
	int32_t context_type;
	int32_t rope_scaling;
	int32_t pooling; /* -1 model's, 0 none, 1 mean, 2 first, 3 last, 4 rank */
	int32_t attention;
	int32_t flash_attention; /* -1 auto */
	float rope_freq_base;
	float rope_freq_scale;
	float yarn_ext_factor;
	float yarn_attn_factor;
	float yarn_beta_fast;
	float yarn_beta_slow;
	uint32_t yarn_orig_ctx;
	float defrag_threshold;
	void *eval_callback;
	void *eval_data;
	int32_t type_k;
	int32_t type_v;
	void *abort_callback;
	void *abort_data;
	bool embeddings;
	bool offload_kqv;
	bool no_perf;
	bool op_offload;
	bool swa_full;
	bool kv_unified;
	void *samplers;
	size_t n_samplers;
	void *other_context;
} craton_context_params;

typedef struct {
	int32_t n_tokens;
	int32_t *token;
	float *embd;
	int32_t *pos;
	int32_t *n_seq_id;
	int32_t **seq_id;
	int8_t *logits;
} craton_batch;

typedef struct {
	int32_t id;
	float logit;
	float p;
} craton_candidate;

typedef struct {
	craton_candidate *data;
	size_t size;
	int64_t selected;
	bool sorted;
} craton_candidates;

typedef struct {
	int32_t token;
	float bias;
} craton_logit_bias;

typedef struct {
	bool no_perf;
} craton_chain_params;

/* Writes the first difference between the given defaults and the known ones
 * into why and answers false, or answers true. */
bool craton_layout_matches(craton_model_params model, craton_context_params context, craton_chain_params chain,
			   char *why, size_t why_size);

#endif

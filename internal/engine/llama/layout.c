//go:build cgo && (linux || darwin)

#include "layout.h"

#include <stdio.h>

_Static_assert(sizeof(craton_model_params) == 80, "llama_model_params of release 0.5.0 has 80 bytes");
_Static_assert(sizeof(craton_context_params) == 160, "llama_context_params of release 0.5.0 has 160 bytes");
_Static_assert(sizeof(craton_batch) == 56, "llama_batch of release 0.5.0 has 56 bytes");
_Static_assert(sizeof(craton_candidate) == 12, "llama_token_data has 12 bytes");

#define EXPECT(record, field, value)                                                                     \
	do {                                                                                             \
		if (record.field != (value)) {                                                           \
			snprintf(why, why_size, "default %s.%s is %g, expected %g", #record, #field,     \
				 (double)record.field, (double)(value));                                 \
			return false;                                                                    \
		}                                                                                        \
	} while (0)

#define EXPECT_NULL(record, field)                                                                       \
	do {                                                                                             \
		if (record.field != NULL) {                                                              \
			snprintf(why, why_size, "default %s.%s is set, expected none", #record, #field); \
			return false;                                                                    \
		}                                                                                        \
	} while (0)

static bool model_matches(craton_model_params model, char *why, size_t why_size)
{
	EXPECT_NULL(model, devices);
	EXPECT_NULL(model, tensor_buffer_overrides);
	EXPECT(model, gpu_layers, -1);
	EXPECT(model, split_mode, 1);
	EXPECT(model, load_mode, -1);
	EXPECT(model, lazy_mode, 1);
	EXPECT(model, main_gpu, 0);
	EXPECT_NULL(model, tensor_split);
	EXPECT_NULL(model, progress_callback);
	EXPECT_NULL(model, metadata_overrides);
	EXPECT(model, vocab_only, false);
	EXPECT(model, check_tensors, false);
	EXPECT(model, extra_buffer_types, true);
	EXPECT(model, no_host, false);
	EXPECT(model, no_alloc, false);
	EXPECT(model, load_mtp, false);
	return true;
}

static bool context_matches(craton_context_params context, char *why, size_t why_size)
{
	EXPECT(context, n_ctx, 512);
	EXPECT(context, n_batch, 2048);
	EXPECT(context, n_ubatch, 512);
	EXPECT(context, n_seq_max, 1);
	EXPECT(context, n_rs_seq, 0);
	EXPECT(context, n_outputs_max, 0);
	EXPECT(context, n_outputs_max_per_seq, 1);
	EXPECT(context, n_threads, 4);
	EXPECT(context, n_threads_batch, 4);
	EXPECT(context, context_type, 0);
	EXPECT(context, rope_scaling, -1);
	EXPECT(context, pooling, -1);
	EXPECT(context, attention, -1);
	EXPECT(context, flash_attention, -1);
	EXPECT(context, rope_freq_base, 0);
	EXPECT(context, yarn_ext_factor, -1);
	EXPECT(context, yarn_beta_slow, -1);
	EXPECT(context, yarn_orig_ctx, 0);
	EXPECT(context, defrag_threshold, -1);
	EXPECT_NULL(context, eval_callback);
	EXPECT(context, type_k, 1);
	EXPECT(context, type_v, 1);
	EXPECT_NULL(context, abort_callback);
	EXPECT(context, embeddings, false);
	EXPECT(context, offload_kqv, true);
	EXPECT(context, no_perf, true);
	EXPECT(context, op_offload, true);
	EXPECT(context, swa_full, true);
	EXPECT(context, kv_unified, false);
	EXPECT_NULL(context, samplers);
	EXPECT(context, n_samplers, 0);
	EXPECT_NULL(context, other_context);
	return true;
}

bool craton_layout_matches(craton_model_params model, craton_context_params context, craton_chain_params chain,
			   char *why, size_t why_size)
{
	if (!model_matches(model, why, why_size) || !context_matches(context, why, why_size))
		return false;
	EXPECT(chain, no_perf, true);
	return true;
}

/* Plain C functions over the dynamically opened library: what cgo calls. Every
 * handle is opaque; every function taking one expects it to be valid. */
#ifndef CRATON_LLAMA_BRIDGE_H
#define CRATON_LLAMA_BRIDGE_H

#include "layout.h"

/* Opens the library files, in order, then the backends of dir. Answers false
 * and fills why on failure. Call at most once per process. */
bool craton_open(const char *dir, const char **files, int n_files, char *why, size_t why_size);
const char *craton_version(void);
/* Copies the last warnings and errors the library logged and forgets them. */
void craton_take_log(char *out, size_t size);
bool craton_supports_gpu(void);

typedef struct {
	int32_t context_train, embedding, layers, heads, heads_kv, sliding_window, vocab_size;
	int32_t bos, eos, eot;
	uint64_t parameters, bytes;
	bool add_bos, has_encoder, has_decoder, recurrent, hybrid, diffusion;
} craton_model_info;

void *craton_model_open(const char *path, int32_t gpu_layers, int32_t load_mode, bool vocab_only);
void craton_model_close(void *model);
/* Without weights the library ends the process when asked about layers. */
void craton_model_describe(void *model, bool weights, craton_model_info *out);
int32_t craton_model_meta(void *model, const char *key, char *out, size_t size);
int32_t craton_model_desc(void *model, char *out, size_t size);
int32_t craton_tokenize(void *model, const char *text, int32_t length, int32_t *out, int32_t max, bool add_special,
			bool parse_special);
int32_t craton_piece(void *model, int32_t token, char *out, int32_t size, bool special);
bool craton_is_end(void *model, int32_t token);
bool craton_is_control(void *model, int32_t token);

typedef struct {
	uint32_t context, batch, microbatch, sequences;
	int32_t threads, batch_threads, pooling, attention;
	bool embeddings;
} craton_context_options;

void *craton_context_open(void *model, const craton_context_options *options);
void craton_context_close(void *context);
uint32_t craton_context_size(void *context);
uint32_t craton_context_batch(void *context);
void craton_context_threads(void *context, int32_t n);
int32_t craton_context_pooling(void *context);
/* tokens, positions, sequences and outputs hold n entries each. */
int32_t craton_decode(void *context, int32_t n, int32_t *tokens, int32_t *positions, int32_t *sequences,
		      int8_t *outputs, bool encode);
float *craton_logits(void *context, int32_t index);
float *craton_embedding_seq(void *context, int32_t sequence);
float *craton_embedding_at(void *context, int32_t index);
bool craton_seq_remove(void *context, int32_t sequence, int32_t from, int32_t to);
void craton_seq_copy(void *context, int32_t from_seq, int32_t to_seq, int32_t from, int32_t to);
void craton_seq_keep(void *context, int32_t sequence);
int32_t craton_seq_last(void *context, int32_t sequence);
size_t craton_state_size(void *context, int32_t sequence);
size_t craton_state_get(void *context, uint8_t *out, size_t size, int32_t sequence);
size_t craton_state_set(void *context, const uint8_t *data, size_t size, int32_t sequence);

typedef struct {
	float temperature, top_p, min_p, penalty_repeat, penalty_frequency, penalty_presence;
	int32_t top_k, penalty_last_n;
	uint32_t seed;
	int32_t n_bias;
	const craton_logit_bias *bias;
	const char *grammar; /* NULL for none */
} craton_sampler_options;

/* Answers NULL when the grammar does not parse. */
void *craton_sampler_open(void *model, const craton_sampler_options *options);
void craton_sampler_close(void *sampler);
void craton_sampler_accept(void *sampler, int32_t token);
/* Replaces the grammar, from its beginning; NULL for none. */
bool craton_sampler_grammar(void *sampler, void *model, const char *grammar);
/* Advances the grammar by a token, or answers false if it does not allow it. */
bool craton_sampler_feed(void *sampler, int32_t token);
/* Samples from the output at index and accepts the token; -1 when no token is
 * allowed by the grammar. */
int32_t craton_sampler_sample(void *sampler, void *context, int32_t index);

#endif

//go:build cgo && (linux || darwin)

#include "bridge.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Name, result and parameters of each library function used, once. */
#define FUNCTIONS(F)                                                                                            \
	F(llama_version, const char *, (void))                                                                  \
	F(llama_log_set, void, (void (*)(int, const char *, void *), void *))                                   \
	F(llama_backend_init, void, (void))                                                                     \
	F(llama_supports_gpu_offload, bool, (void))                                                             \
	F(llama_model_default_params, craton_model_params, (void))                                              \
	F(llama_context_default_params, craton_context_params, (void))                                          \
	F(llama_sampler_chain_default_params, craton_chain_params, (void))                                      \
	F(llama_model_load_from_file, void *, (const char *, craton_model_params))                              \
	F(llama_model_free, void, (void *))                                                                     \
	F(llama_init_from_model, void *, (void *, craton_context_params))                                       \
	F(llama_free, void, (void *))                                                                           \
	F(llama_n_ctx, uint32_t, (const void *))                                                                \
	F(llama_n_batch, uint32_t, (const void *))                                                              \
	F(llama_set_n_threads, void, (void *, int32_t, int32_t))                                                \
	F(llama_pooling_type, int32_t, (const void *))                                                          \
	F(llama_get_memory, void *, (const void *))                                                             \
	F(llama_model_get_vocab, void *, (const void *))                                                        \
	F(llama_model_n_ctx_train, int32_t, (const void *))                                                     \
	F(llama_model_n_embd, int32_t, (const void *))                                                          \
	F(llama_model_n_layer, int32_t, (const void *))                                                         \
	F(llama_model_n_head, int32_t, (const void *))                                                          \
	F(llama_model_n_head_kv, int32_t, (const void *))                                                       \
	F(llama_model_n_swa, int32_t, (const void *))                                                           \
	F(llama_model_n_params, uint64_t, (const void *))                                                       \
	F(llama_model_size, uint64_t, (const void *))                                                           \
	F(llama_model_desc, int32_t, (const void *, char *, size_t))                                            \
	F(llama_model_meta_val_str, int32_t, (const void *, const char *, char *, size_t))                      \
	F(llama_model_has_encoder, bool, (const void *))                                                        \
	F(llama_model_has_decoder, bool, (const void *))                                                        \
	F(llama_model_is_recurrent, bool, (const void *))                                                       \
	F(llama_model_is_hybrid, bool, (const void *))                                                          \
	F(llama_model_is_diffusion, bool, (const void *))                                                       \
	F(llama_vocab_n_tokens, int32_t, (const void *))                                                        \
	F(llama_vocab_bos, int32_t, (const void *))                                                             \
	F(llama_vocab_eos, int32_t, (const void *))                                                             \
	F(llama_vocab_eot, int32_t, (const void *))                                                             \
	F(llama_vocab_get_add_bos, bool, (const void *))                                                        \
	F(llama_vocab_is_eog, bool, (const void *, int32_t))                                                    \
	F(llama_vocab_is_control, bool, (const void *, int32_t))                                                \
	F(llama_tokenize, int32_t, (const void *, const char *, int32_t, int32_t *, int32_t, bool, bool))       \
	F(llama_token_to_piece, int32_t, (const void *, int32_t, char *, int32_t, int32_t, bool))               \
	F(llama_decode, int32_t, (void *, craton_batch))                                                        \
	F(llama_encode, int32_t, (void *, craton_batch))                                                        \
	F(llama_get_logits_ith, float *, (void *, int32_t))                                                     \
	F(llama_get_embeddings_ith, float *, (void *, int32_t))                                                 \
	F(llama_get_embeddings_seq, float *, (void *, int32_t))                                                 \
	F(llama_memory_seq_rm, bool, (void *, int32_t, int32_t, int32_t))                                       \
	F(llama_memory_seq_cp, void, (void *, int32_t, int32_t, int32_t, int32_t))                              \
	F(llama_memory_seq_keep, void, (void *, int32_t))                                                       \
	F(llama_memory_seq_pos_max, int32_t, (void *, int32_t))                                                 \
	F(llama_state_seq_get_size, size_t, (void *, int32_t))                                                  \
	F(llama_state_seq_get_data, size_t, (void *, uint8_t *, size_t, int32_t))                               \
	F(llama_state_seq_set_data, size_t, (void *, const uint8_t *, size_t, int32_t))                         \
	F(llama_sampler_chain_init, void *, (craton_chain_params))                                              \
	F(llama_sampler_chain_add, void, (void *, void *))                                                      \
	F(llama_sampler_apply, void, (void *, craton_candidates *))                                             \
	F(llama_sampler_accept, void, (void *, int32_t))                                                        \
	F(llama_sampler_free, void, (void *))                                                                   \
	F(llama_sampler_init_greedy, void *, (void))                                                            \
	F(llama_sampler_init_dist, void *, (uint32_t))                                                          \
	F(llama_sampler_init_top_k, void *, (int32_t))                                                          \
	F(llama_sampler_init_top_p, void *, (float, size_t))                                                    \
	F(llama_sampler_init_min_p, void *, (float, size_t))                                                    \
	F(llama_sampler_init_temp, void *, (float))                                                             \
	F(llama_sampler_init_penalties, void *, (int32_t, int32_t, float, float, float))                        \
	F(llama_sampler_init_logit_bias, void *, (int32_t, int32_t, const craton_logit_bias *))                 \
	F(llama_sampler_init_grammar, void *, (const void *, const char *, const char *))                       \
	F(ggml_backend_load_all_from_path, void, (const char *))                                                \
	F(ggml_backend_dev_count, size_t, (void))

#define DECLARE(name, result, parameters) result(*name) parameters;
static struct {
	FUNCTIONS(DECLARE)
} lib;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_tail[4096];
static size_t log_used;
static int log_level;

/* Keeps the text of warnings (3) and errors (4); 5 continues the last line. */
static void keep_log(int level, const char *text, void *data)
{
	(void)data;
	pthread_mutex_lock(&log_lock);
	if (level != 5)
		log_level = level;
	if (log_level == 3 || log_level == 4) {
		size_t n = strlen(text);
		if (log_used + n + 1 > sizeof log_tail)
			log_used = 0;
		if (n + 1 <= sizeof log_tail) {
			memcpy(log_tail + log_used, text, n + 1);
			log_used += n;
		}
	}
	pthread_mutex_unlock(&log_lock);
}

void craton_take_log(char *out, size_t size)
{
	pthread_mutex_lock(&log_lock);
	snprintf(out, size, "%s", log_used ? log_tail : "");
	log_used = 0;
	pthread_mutex_unlock(&log_lock);
}

static void *find_symbol(void **handles, int n, const char *name)
{
	for (int i = n - 1; i >= 0; i--) {
		void *p = dlsym(handles[i], name);
		if (p)
			return p;
	}
	return NULL;
}

bool craton_open(const char *dir, const char **files, int n_files, char *why, size_t why_size)
{
	void *handles[8];
	if (n_files > 8)
		n_files = 8;
	for (int i = 0; i < n_files; i++) {
		handles[i] = dlopen(files[i], RTLD_NOW | RTLD_GLOBAL);
		if (!handles[i]) {
			snprintf(why, why_size, "%s", dlerror());
			return false;
		}
	}
#define RESOLVE(name, result, parameters)                                                 \
	*(void **)&lib.name = find_symbol(handles, n_files, #name);                       \
	if (!lib.name) {                                                                  \
		snprintf(why, why_size, "the library has no function %s", #name);         \
		return false;                                                             \
	}
	FUNCTIONS(RESOLVE)
	if (strncmp(lib.llama_version(), CRATON_LLAMA_VERSION, strlen(CRATON_LLAMA_VERSION)) != 0) {
		snprintf(why, why_size, "the library is version %s, this program knows version %s",
			 lib.llama_version(), CRATON_LLAMA_VERSION);
		return false;
	}
	if (!craton_layout_matches(lib.llama_model_default_params(), lib.llama_context_default_params(),
				   lib.llama_sampler_chain_default_params(), why, why_size))
		return false;
	/* A failed assertion would otherwise start a debugger on this process. */
	setenv("GGML_NO_BACKTRACE", "1", 0);
	lib.llama_log_set(keep_log, NULL);
	lib.ggml_backend_load_all_from_path(dir);
	if (lib.ggml_backend_dev_count() == 0) {
		snprintf(why, why_size, "no compute backend in %s suits this processor", dir);
		return false;
	}
	lib.llama_backend_init();
	return true;
}

const char *craton_version(void) { return lib.llama_version(); }
bool craton_supports_gpu(void) { return lib.llama_supports_gpu_offload(); }

void *craton_model_open(const char *path, int32_t gpu_layers, int32_t load_mode, bool vocab_only)
{
	craton_model_params params = lib.llama_model_default_params();
	params.gpu_layers = gpu_layers;
	params.load_mode = load_mode;
	params.vocab_only = vocab_only;
	return lib.llama_model_load_from_file(path, params);
}

void craton_model_close(void *model) { lib.llama_model_free(model); }

void craton_model_describe(void *model, bool weights, craton_model_info *out)
{
	void *vocab = lib.llama_model_get_vocab(model);
	if (weights) {
		out->context_train = lib.llama_model_n_ctx_train(model);
		out->embedding = lib.llama_model_n_embd(model);
		out->layers = lib.llama_model_n_layer(model);
		out->heads = lib.llama_model_n_head(model);
		out->heads_kv = lib.llama_model_n_head_kv(model);
		out->sliding_window = lib.llama_model_n_swa(model);
	}
	out->vocab_size = lib.llama_vocab_n_tokens(vocab);
	out->bos = lib.llama_vocab_bos(vocab);
	out->eos = lib.llama_vocab_eos(vocab);
	out->eot = lib.llama_vocab_eot(vocab);
	out->add_bos = lib.llama_vocab_get_add_bos(vocab);
	out->parameters = lib.llama_model_n_params(model);
	out->bytes = lib.llama_model_size(model);
	out->has_encoder = lib.llama_model_has_encoder(model);
	out->has_decoder = lib.llama_model_has_decoder(model);
	out->recurrent = lib.llama_model_is_recurrent(model);
	out->hybrid = lib.llama_model_is_hybrid(model);
	out->diffusion = lib.llama_model_is_diffusion(model);
}

int32_t craton_model_meta(void *model, const char *key, char *out, size_t size)
{
	return lib.llama_model_meta_val_str(model, key, out, size);
}

int32_t craton_model_desc(void *model, char *out, size_t size) { return lib.llama_model_desc(model, out, size); }

int32_t craton_tokenize(void *model, const char *text, int32_t length, int32_t *out, int32_t max, bool add_special,
			bool parse_special)
{
	return lib.llama_tokenize(lib.llama_model_get_vocab(model), text, length, out, max, add_special,
				  parse_special);
}

int32_t craton_piece(void *model, int32_t token, char *out, int32_t size, bool special)
{
	return lib.llama_token_to_piece(lib.llama_model_get_vocab(model), token, out, size, 0, special);
}

bool craton_is_end(void *model, int32_t token)
{
	return lib.llama_vocab_is_eog(lib.llama_model_get_vocab(model), token);
}

bool craton_is_control(void *model, int32_t token)
{
	return lib.llama_vocab_is_control(lib.llama_model_get_vocab(model), token);
}

void *craton_context_open(void *model, const craton_context_options *options)
{
	craton_context_params params = lib.llama_context_default_params();
	params.n_ctx = options->context;
	params.n_batch = options->batch;
	params.n_ubatch = options->microbatch;
	params.n_seq_max = options->sequences;
	params.n_threads = options->threads;
	params.n_threads_batch = options->batch_threads;
	params.pooling = options->pooling;
	params.attention = options->attention;
	params.embeddings = options->embeddings;
	/* One pool of cells for all sequences: copying a prefix between sequences
	 * then costs no memory and no time, and an idle sequence lends its share. */
	params.kv_unified = true;
	return lib.llama_init_from_model(model, params);
}

void craton_context_close(void *context) { lib.llama_free(context); }
uint32_t craton_context_size(void *context) { return lib.llama_n_ctx(context); }
uint32_t craton_context_batch(void *context) { return lib.llama_n_batch(context); }
void craton_context_threads(void *context, int32_t n) { lib.llama_set_n_threads(context, n, n); }
int32_t craton_context_pooling(void *context) { return lib.llama_pooling_type(context); }

int32_t craton_decode(void *context, int32_t n, int32_t *tokens, int32_t *positions, int32_t *sequences,
		      int8_t *outputs, bool encode)
{
	int32_t *counts = malloc((size_t)n * sizeof *counts);
	int32_t **ids = malloc(((size_t)n + 1) * sizeof *ids);
	if (!counts || !ids) {
		free(counts);
		free(ids);
		return -3;
	}
	for (int32_t i = 0; i < n; i++) {
		counts[i] = 1;
		ids[i] = sequences + i;
	}
	ids[n] = NULL;
	craton_batch batch = {n, tokens, NULL, positions, counts, ids, outputs};
	int32_t result = encode ? lib.llama_encode(context, batch) : lib.llama_decode(context, batch);
	free(counts);
	free(ids);
	return result;
}

float *craton_logits(void *context, int32_t index) { return lib.llama_get_logits_ith(context, index); }
float *craton_embedding_seq(void *context, int32_t sequence) { return lib.llama_get_embeddings_seq(context, sequence); }
float *craton_embedding_at(void *context, int32_t index) { return lib.llama_get_embeddings_ith(context, index); }

bool craton_seq_remove(void *context, int32_t sequence, int32_t from, int32_t to)
{
	return lib.llama_memory_seq_rm(lib.llama_get_memory(context), sequence, from, to);
}

void craton_seq_copy(void *context, int32_t from_seq, int32_t to_seq, int32_t from, int32_t to)
{
	lib.llama_memory_seq_cp(lib.llama_get_memory(context), from_seq, to_seq, from, to);
}

void craton_seq_keep(void *context, int32_t sequence)
{
	lib.llama_memory_seq_keep(lib.llama_get_memory(context), sequence);
}

int32_t craton_seq_last(void *context, int32_t sequence)
{
	return lib.llama_memory_seq_pos_max(lib.llama_get_memory(context), sequence);
}

size_t craton_state_size(void *context, int32_t sequence) { return lib.llama_state_seq_get_size(context, sequence); }

size_t craton_state_get(void *context, uint8_t *out, size_t size, int32_t sequence)
{
	return lib.llama_state_seq_get_data(context, out, size, sequence);
}

size_t craton_state_set(void *context, const uint8_t *data, size_t size, int32_t sequence)
{
	return lib.llama_state_seq_set_data(context, data, size, sequence);
}

/* A sampler: the chain that chooses, the grammar that permits, and the
 * candidates of the step, kept so that a token costs no allocation. */
typedef struct {
	void *chain;
	void *grammar;
	craton_candidate *candidates;
	int32_t vocab_size;
} sampler;

static void add_chain(sampler *s, const craton_sampler_options *o)
{
	if (o->n_bias > 0)
		lib.llama_sampler_chain_add(s->chain,
					    lib.llama_sampler_init_logit_bias(s->vocab_size, o->n_bias, o->bias));
	if (o->penalty_last_n != 0)
		lib.llama_sampler_chain_add(
			s->chain, lib.llama_sampler_init_penalties(s->vocab_size, o->penalty_last_n, o->penalty_repeat,
								   o->penalty_frequency, o->penalty_presence));
	if (o->temperature <= 0) {
		lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_greedy());
		return;
	}
	if (o->top_k > 0)
		lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_top_k(o->top_k));
	if (o->top_p < 1)
		lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_top_p(o->top_p, 1));
	if (o->min_p > 0)
		lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_min_p(o->min_p, 1));
	lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_temp(o->temperature));
	lib.llama_sampler_chain_add(s->chain, lib.llama_sampler_init_dist(o->seed));
}

void *craton_sampler_open(void *model, const craton_sampler_options *options)
{
	void *vocab = lib.llama_model_get_vocab(model);
	sampler *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->vocab_size = lib.llama_vocab_n_tokens(vocab);
	s->candidates = malloc((size_t)s->vocab_size * sizeof *s->candidates);
	if (options->grammar)
		s->grammar = lib.llama_sampler_init_grammar(vocab, options->grammar, "root");
	if (!s->candidates || (options->grammar && !s->grammar)) {
		free(s->candidates);
		free(s);
		return NULL;
	}
	s->chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params());
	add_chain(s, options);
	return s;
}

void craton_sampler_close(void *handle)
{
	sampler *s = handle;
	lib.llama_sampler_free(s->chain);
	if (s->grammar)
		lib.llama_sampler_free(s->grammar);
	free(s->candidates);
	free(s);
}

void craton_sampler_accept(void *handle, int32_t token)
{
	sampler *s = handle;
	lib.llama_sampler_accept(s->chain, token);
}

static craton_candidates fill(sampler *s, const float *logits)
{
	for (int32_t i = 0; i < s->vocab_size; i++)
		s->candidates[i] = (craton_candidate){i, logits[i], 0};
	return (craton_candidates){s->candidates, (size_t)s->vocab_size, -1, false};
}

static bool permitted(sampler *s, int32_t token)
{
	craton_candidate one = {token, 1, 0};
	craton_candidates single = {&one, 1, -1, false};
	lib.llama_sampler_apply(s->grammar, &single);
	return one.logit > -1e30f;
}

bool craton_sampler_grammar(void *handle, void *model, const char *grammar)
{
	sampler *s = handle;
	if (s->grammar)
		lib.llama_sampler_free(s->grammar);
	s->grammar = NULL;
	if (!grammar)
		return true;
	s->grammar = lib.llama_sampler_init_grammar(lib.llama_model_get_vocab(model), grammar, "root");
	return s->grammar != NULL;
}

bool craton_sampler_feed(void *handle, int32_t token)
{
	sampler *s = handle;
	if (!s->grammar || !permitted(s, token))
		return false;
	lib.llama_sampler_accept(s->grammar, token);
	return true;
}

static bool any_left(const craton_candidates *all)
{
	for (size_t i = 0; i < all->size; i++)
		if (all->data[i].logit > -1e30f)
			return true;
	return false;
}

int32_t craton_sampler_sample(void *handle, void *context, int32_t index)
{
	sampler *s = handle;
	const float *logits = lib.llama_get_logits_ith(context, index);
	if (!logits)
		return -2;
	craton_candidates all = fill(s, logits);
	lib.llama_sampler_apply(s->chain, &all);
	if (all.selected < 0 || all.selected >= (int64_t)all.size)
		return -2;
	int32_t token = all.data[all.selected].id;
	/* The grammar is slow over a whole vocabulary and usually agrees: ask it
	 * about the chosen token first. */
	if (s->grammar && !permitted(s, token)) {
		all = fill(s, logits);
		lib.llama_sampler_apply(s->grammar, &all);
		if (!any_left(&all))
			return -1;
		lib.llama_sampler_apply(s->chain, &all);
		if (all.selected < 0 || all.selected >= (int64_t)all.size)
			return -2;
		token = all.data[all.selected].id;
	}
	if (s->grammar)
		lib.llama_sampler_accept(s->grammar, token);
	lib.llama_sampler_accept(s->chain, token);
	return token;
}

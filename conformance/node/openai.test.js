// Chat Completions, Embeddings and Models by the official OpenAI SDK.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { ambiguous, apiKey, embedder, model, names, newTag, others, tagHeader, tooLarge, url } from './craton.js';
import { assertAbandoned, assertCounts, dot, seen, suite, weather } from './suite.js';

const { check, absent } = suite('openai', 'openai');
const client = (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
const user = (content) => ({ role: 'user', content });
const ask = (content, more) => client().chat.completions.create({ model, messages: [user(content)], ...more });
const tools = [
  { type: 'function', function: { name: 'get_weather', description: 'The weather in a city.', parameters: weather, strict: true } },
];

check('text', async () => {
  const answer = await ask('Say hello there');
  assert.equal(answer.choices[0].message.content, 'hello there');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens], [3, 2, 5]);
  assert.ok(answer._request_id, 'a request id in the headers');
});

check('multi-turn', async () => {
  const messages = [user('My name is Ada.')];
  const first = await client().chat.completions.create({ model, messages });
  messages.push(first.choices[0].message, user('What is my name?'));
  const second = await client().chat.completions.create({ model, messages });
  assert.equal(second.choices[0].message.content, 'Your name is Ada.');
});

check('streaming', async () => {
  const deltas = [];
  let usage, finish;
  for await (const chunk of await ask('Count to 5', { stream: true, stream_options: { include_usage: true } })) {
    if (chunk.choices[0]?.delta.content) deltas.push(chunk.choices[0].delta.content);
    finish ??= chunk.choices[0]?.finish_reason ?? undefined;
    usage = chunk.usage ?? usage;
  }
  assertCounts(deltas);
  assert.equal(finish, 'stop');
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [3, 5]);
  const runner = client().chat.completions.stream({ model, messages: [user('Say it in one piece')] });
  assert.equal(await runner.finalContent(), 'it in one piece');
});

check('tools', async () => {
  const messages = [user('How is the weather in Paris?')];
  const first = await client().chat.completions.create({ model, messages, tools });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'sunny, 21 degrees' });
  const second = await client().chat.completions.create({ model, messages, tools });
  assert.equal(second.choices[0].message.content, 'The tools answered: sunny, 21 degrees');
  assert.equal(second.choices[0].finish_reason, 'stop');
});

check('parallel tools', async () => {
  const messages = [user('How is the weather in Paris and London?')];
  const first = await client().chat.completions.create({ model, messages, tools });
  const calls = first.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments).city), ['Paris', 'London']);
  assert.notEqual(calls[0].id, calls[1].id);
  messages.push(first.choices[0].message,
    { role: 'tool', tool_call_id: calls[0].id, content: 'sun' }, { role: 'tool', tool_call_id: calls[1].id, content: 'rain' });
  const second = await client().chat.completions.create({ model, messages, tools });
  assert.equal(second.choices[0].message.content, 'The tools answered: sun; rain');
  const single = await ask('How is the weather in Paris and London?', { tools, parallel_tool_calls: false });
  assert.equal(single.choices[0].message.tool_calls.length, 1);
});

check('streaming tools', async () => {
  const runner = client().chat.completions.runTools({
    model, stream: true, messages: [user('How is the weather in Oslo and Rome?')],
    tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather, parse: JSON.parse, function: ({ city }) => `fine in ${city}` } }],
  });
  const seen = [];
  runner.on('functionToolCall', (call) => seen.push(call.arguments));
  assert.equal(await runner.finalContent(), 'The tools answered: fine in Oslo; fine in Rome');
  assert.deepEqual(seen.map((s) => JSON.parse(s).city), ['Oslo', 'Rome']);
});

check('structured output', async () => {
  const format = zodResponseFormat(z.object({ name: z.string(), age: z.number().int() }), 'person');
  const answer = await client().chat.completions.parse({ model, messages: [user('A person, name: Ada, 36 years old')], response_format: format });
  assert.deepEqual(answer.choices[0].message.parsed, { name: 'Ada', age: 36 });
});

check('images', async () => {
  const answer = await ask([
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${dot}` } },
  ]);
  assert.equal(answer.choices[0].message.content, seen);
});

check('reasoning', async () => {
  const answer = await ask('Think about it', { reasoning_effort: 'low' });
  assert.ok(answer.usage.completion_tokens_details.reasoning_tokens > 0);
  assert.equal(answer.choices[0].message.content, 'You said: Think about it');
});

check('wrong key', async () => {
  await assert.rejects(client({ apiKey: 'sk-wrong' }).chat.completions.create({ model, messages: [user('hi')] }), (err) => {
    assert.ok(err instanceof OpenAI.AuthenticationError);
    assert.equal(err.status, 401);
    assert.equal(err.code, 'invalid_api_key');
    assert.ok(err.requestID);
    return true;
  });
});

check('unknown model', async () => {
  await assert.rejects(ask('hi', { model: 'script/none' }), (err) => {
    assert.ok(err instanceof OpenAI.NotFoundError);
    assert.equal(err.code, 'model_not_found');
    assert.match(err.message, /script\/none/);
    return true;
  });
});

check('malformed request', async () => {
  await assert.rejects(ask('hi', { max_completion_tokens: 'many' }), (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.match(err.message, /max_completion_tokens/);
    return true;
  });
});

check('oversized request', async () => {
  await assert.rejects(ask(tooLarge()), (err) => {
    assert.ok(err instanceof OpenAI.APIError);
    assert.equal(err.status, 413);
    assert.equal(err.code, 'request_too_large');
    return true;
  });
});

check('unsupported feature', async () => {
  await assert.rejects(ask('hi', { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }), (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.match(err.message, /speak|audio/);
    return true;
  });
});

check('rate limit', async () => {
  await assert.rejects(ask('fail 429'), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError);
    assert.equal(err.status, 429);
    assert.equal(err.headers.get('retry-after'), '1');
    return true;
  });
});

check('failure in mid-stream', async () => {
  const deltas = [];
  await assert.rejects(async () => {
    for await (const chunk of await ask('fail 500 after 3', { stream: true })) deltas.push(chunk.choices[0]?.delta.content ?? '');
  }, (err) => {
    assert.ok(err instanceof OpenAI.APIError);
    assert.match(err.message, /asked to fail: 500/);
    return true;
  });
  assert.equal(deltas.join(''), 'word1 word2 word3');
});

check('cancellation', async () => {
  const tag = newTag();
  const controller = new AbortController();
  const stream = await client().chat.completions.create(
    { model, messages: [user('slow 500')], stream: true }, { signal: controller.signal, headers: { [tagHeader]: tag } });
  let words = 0;
  for await (const _ of stream) if (++words === 5) controller.abort();
  assert.ok(words < 500);
  await assertAbandoned(tag, 'openai.chat');
});

check('models', async () => {
  const ids = [];
  for await (const m of client().models.list()) ids.push(m.id);
  assert.ok(ids.includes(model) && ids.includes(embedder), ids.join());
  assert.equal((await client().models.retrieve(model)).id, model);
  await assert.rejects(client().models.retrieve('none'), OpenAI.NotFoundError);
});

check('embeddings', async () => {
  const create = (more) => client().embeddings.create({ model: embedder, input: ['red fox', 'red fox jumps', 'blue'], ...more });
  const answer = await create();
  assert.deepEqual(answer.data.map((d) => d.embedding.length), [64, 64, 64]);
  const dotProduct = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const [a, b, c] = answer.data.map((d) => d.embedding);
  assert.ok(dotProduct(a, b) > dotProduct(a, c));
  assert.equal(answer.usage.prompt_tokens, 6);
  const plain = await create({ encoding_format: 'float', dimensions: 16 });
  assert.equal(plain.data[0].embedding.length, 16);
});

absent('token counting', 'Chat Completions has no operation for it');

check('model names', async () => {
  for (const name of names) assert.equal((await ask('Say yes', { model: name })).choices[0].message.content, 'yes', name);
  await assert.rejects(ask('hi', { model: ambiguous }), (err) => {
    assert.ok(err instanceof OpenAI.APIError);
    assert.match(err.message, /viaopenai\/twin/);
    return true;
  });
});

check('other upstreams', async () => {
  for (const name of others) {
    const counted = client().chat.completions.stream({ model: name, messages: [user('Count to 5')], max_completion_tokens: 100 });
    assert.equal(await counted.finalContent(), '1, 2, 3, 4, 5', name);
    const called = await ask('How is the weather in Paris and London?', { model: name, tools, max_completion_tokens: 100 });
    assert.deepEqual(called.choices[0].message.tool_calls.map((c) => JSON.parse(c.function.arguments).city), ['Paris', 'London'], name);
  }
});

// Messages, token counting and Models by the official Anthropic SDK.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { ambiguous, apiKey, embedder, model, names, newTag, others, tagHeader, tooLarge, url } from './craton.js';
import { assertAbandoned, assertCounts, dot, person, seen, suite, weather } from './suite.js';

const { check, absent } = suite('anthropic', '@anthropic-ai/sdk');
const client = (options) => new Anthropic({ baseURL: `${url}/anthropic`, apiKey, authToken: null, maxRetries: 0, ...options });
const user = (content) => ({ role: 'user', content });
const create = (messages, more) => client().messages.create({ model, max_tokens: 2000, messages, ...more });
const ask = (content, more) => create([user(content)], more);
const text = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
const uses = (message) => message.content.filter((b) => b.type === 'tool_use');
const result = (use, content) => ({ type: 'tool_result', tool_use_id: use.id, content });
const tools = [{ name: 'get_weather', description: 'The weather in a city.', input_schema: weather }];

check('text', async () => {
  const answer = await ask('Say hello there');
  assert.equal(text(answer), 'hello there');
  assert.equal(answer.stop_reason, 'end_turn');
  assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [3, 2]);
  assert.ok(answer._request_id);
});

check('multi-turn', async () => {
  const messages = [user('My name is Ada.')];
  const first = await create(messages, { system: 'Be brief.' });
  messages.push({ role: 'assistant', content: first.content }, user('What is my name?'));
  assert.equal(text(await create(messages)), 'Your name is Ada.');
});

check('streaming', async () => {
  const deltas = [], kinds = [];
  const stream = client().messages.stream({ model, max_tokens: 100, messages: [user('Count to 5')] });
  stream.on('text', (delta) => deltas.push(delta));
  stream.on('streamEvent', (event) => kinds.push(event.type));
  const final = await stream.finalMessage();
  assertCounts(deltas);
  assert.equal(text(final), '1, 2, 3, 4, 5');
  assert.equal(final.stop_reason, 'end_turn');
  assert.deepEqual([final.usage.input_tokens, final.usage.output_tokens], [3, 5]);
  assert.equal(kinds[0], 'message_start');
  assert.equal(kinds.at(-1), 'message_stop');
});

check('tools', async () => {
  const messages = [user('How is the weather in Paris?')];
  const first = await create(messages, { tools });
  assert.equal(first.stop_reason, 'tool_use');
  const [use] = uses(first);
  assert.equal(use.name, 'get_weather');
  assert.deepEqual(use.input, { city: 'Paris' });
  messages.push({ role: 'assistant', content: first.content }, user([result(use, 'sunny')]));
  const second = await create(messages, { tools });
  assert.equal(text(second), 'The tools answered: sunny');
  assert.equal(second.stop_reason, 'end_turn');
});

check('parallel tools', async () => {
  const messages = [user('How is the weather in Paris and London?')];
  const first = await create(messages, { tools });
  const [a, b] = uses(first);
  assert.deepEqual([a.input.city, b.input.city], ['Paris', 'London']);
  assert.notEqual(a.id, b.id);
  messages.push({ role: 'assistant', content: first.content }, user([result(a, 'sun'), { ...result(b, 'no data'), is_error: true }]));
  assert.equal(text(await create(messages, { tools })), 'The tools answered: sun; error: no data');
  const single = await create([messages[0]], { tools, tool_choice: { type: 'auto', disable_parallel_tool_use: true } });
  assert.equal(uses(single).length, 1);
});

check('streaming tools', async () => {
  const partial = [];
  const stream = client().messages.stream({ model, max_tokens: 500, tools, messages: [user('How is the weather in Oslo and Rome?')] });
  stream.on('inputJson', (delta) => partial.push(delta));
  const final = await stream.finalMessage();
  assert.equal(final.stop_reason, 'tool_use');
  assert.deepEqual(uses(final).map((u) => u.input.city), ['Oslo', 'Rome']);
  assert.ok(partial.length > 2, 'arguments in pieces');
  const runner = client().beta.messages.toolRunner({
    model, max_tokens: 500, stream: true, messages: [user('How is the weather in Oslo?')],
    tools: [{ type: 'custom', name: 'get_weather', input_schema: weather, run: ({ city }) => `fine in ${city}`, parse: (input) => input }],
  });
  assert.equal(text(await runner.runUntilDone()), 'The tools answered: fine in Oslo');
});

check('structured output', async () => {
  const answer = await ask('A person, name: Ada, 36 years old', { output_config: { format: { type: 'json_schema', schema: person } } });
  assert.deepEqual(JSON.parse(text(answer)), { name: 'Ada', age: 36 });
});

check('images', async () => {
  const answer = await ask([
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: dot } },
    { type: 'text', text: 'What is this?' },
  ]);
  assert.equal(text(answer), seen);
});

check('reasoning', async () => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const messages = [user('Think about it')];
  const stream = client().messages.stream({ model, max_tokens: 2000, thinking, messages });
  const final = await stream.finalMessage();
  assert.deepEqual(final.content.map((b) => b.type), ['thinking', 'text']);
  assert.equal(final.content[0].thinking, 'I was asked: Think about it');
  assert.ok(final.content[0].signature);
  messages.push({ role: 'assistant', content: final.content }, user('Say on'));
  assert.equal(text(await create(messages, { thinking })), 'on');
  messages[1].content[0].thinking = 'something else';
  await assert.rejects(create(messages, { thinking }), Anthropic.BadRequestError);
});

check('wrong key', async () => {
  await assert.rejects(client({ apiKey: 'wrong' }).messages.create({ model, max_tokens: 9, messages: [user('hi')] }), (err) => {
    assert.ok(err instanceof Anthropic.AuthenticationError);
    assert.equal(err.status, 401);
    assert.equal(err.type, 'authentication_error');
    assert.ok(err.requestID);
    return true;
  });
});

check('unknown model', async () => {
  await assert.rejects(ask('hi', { model: 'script/none' }), (err) => {
    assert.ok(err instanceof Anthropic.NotFoundError);
    assert.equal(err.type, 'not_found_error');
    assert.match(err.message, /script\/none/);
    return true;
  });
});

check('malformed request', async () => {
  await assert.rejects(create([{ role: 'somebody', content: 'hi' }]), (err) => {
    assert.ok(err instanceof Anthropic.BadRequestError);
    assert.equal(err.type, 'invalid_request_error');
    assert.match(err.message, /role/);
    return true;
  });
  await assert.rejects(ask('hi', { max_tokens: undefined }), (err) => {
    assert.ok(err instanceof Anthropic.BadRequestError);
    assert.match(err.message, /max_tokens/);
    return true;
  });
});

check('oversized request', async () => {
  await assert.rejects(ask(tooLarge()), (err) => {
    assert.equal(err.status, 413);
    assert.equal(err.type, 'request_too_large');
    return true;
  });
});

check('unsupported feature', async () => {
  await assert.rejects(ask('hi', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }), (err) => {
    assert.ok(err instanceof Anthropic.BadRequestError);
    assert.match(err.message, /web_search/);
    return true;
  });
});

check('rate limit', async () => {
  await assert.rejects(ask('fail 429'), (err) => {
    assert.ok(err instanceof Anthropic.RateLimitError);
    assert.equal(err.type, 'rate_limit_error');
    assert.equal(err.headers.get('retry-after'), '1');
    return true;
  });
  await assert.rejects(ask('fail overloaded'), (err) => {
    assert.equal(err.status, 529);
    assert.equal(err.type, 'overloaded_error');
    return true;
  });
});

check('failure in mid-stream', async () => {
  const stream = client().messages.stream({ model, max_tokens: 100, messages: [user('fail 500 after 3')] });
  const deltas = [];
  stream.on('text', (delta) => deltas.push(delta));
  await assert.rejects(stream.finalMessage(), (err) => {
    assert.ok(err instanceof Anthropic.APIError);
    assert.equal(err.type, 'api_error');
    assert.match(err.message, /asked to fail: 500/);
    return true;
  });
  assert.equal(deltas.join(''), 'word1 word2 word3');
});

check('cancellation', async () => {
  const tag = newTag();
  const stream = client().messages.stream({ model, max_tokens: 1000, messages: [user('slow 500')] }, { headers: { [tagHeader]: tag } });
  let words = 0;
  stream.on('text', () => ++words === 5 && stream.abort());
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  await assertAbandoned(tag, 'anthropic.messages');
});

check('models', async () => {
  const ids = [];
  for await (const m of client().models.list({ limit: 1 })) ids.push(m.id);
  assert.ok(ids.includes(model) && ids.includes(embedder), ids.join());
  assert.equal(new Set(ids).size, ids.length, 'no model twice');
  const one = await client().models.retrieve(model);
  assert.equal(one.id, model);
  assert.equal(one.type, 'model');
  await assert.rejects(client().models.retrieve('none'), Anthropic.NotFoundError);
});

absent('embeddings', 'the Messages API has none');

check('token counting', async () => {
  const count = await client().messages.countTokens({ model, messages: [user('one two three')], tools });
  const answer = await ask('one two three', { tools });
  assert.ok(count.input_tokens > 3);
  assert.equal(count.input_tokens, answer.usage.input_tokens);
});

check('model names', async () => {
  for (const name of names) assert.equal(text(await ask('Say yes', { model: name })), 'yes', name);
  await assert.rejects(ask('hi', { model: ambiguous }), (err) => {
    assert.ok(err instanceof Anthropic.APIError);
    assert.match(err.message, /viaopenai\/twin/);
    return true;
  });
});

check('other upstreams', async () => {
  for (const name of others) {
    const counted = client().messages.stream({ model: name, max_tokens: 100, messages: [user('Count to 5')] });
    assert.equal(await counted.finalText(), '1, 2, 3, 4, 5', name);
    const called = await ask('How is the weather in Paris and London?', { model: name, tools });
    assert.deepEqual(uses(called).map((u) => u.input.city), ['Paris', 'London'], name);
  }
});

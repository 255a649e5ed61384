// The Responses API by the official OpenAI SDK: what it adds to Chat Completions.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { apiKey, model, names, newTag, others, tagHeader, tooLarge, url } from './craton.js';
import { assertAbandoned, dot, seen, suite, weather } from './suite.js';

const { check, absent } = suite('openai responses', 'openai');
const client = (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
const ask = (input, more) => client().responses.create({ model, input, ...more });
const tools = [{ type: 'function', name: 'get_weather', description: 'The weather in a city.', parameters: weather, strict: true }];
const calls = (response) => response.output.filter((item) => item.type === 'function_call');
const result = (call, output) => ({ type: 'function_call_output', call_id: call.call_id, output });

check('text', async () => {
  const answer = await ask('Say hello there', { instructions: 'Be brief.' });
  assert.equal(answer.output_text, 'hello there');
  assert.equal(answer.status, 'completed');
  assert.equal(answer.usage.output_tokens, 2);
  assert.equal((await client().responses.retrieve(answer.id)).output_text, 'hello there');
});

check('multi-turn', async () => {
  const first = await ask('My name is Ada.');
  const second = await ask('What is my name?', { previous_response_id: first.id });
  assert.equal(second.output_text, 'Your name is Ada.');
  assert.equal(second.previous_response_id, first.id);
  const alone = await ask([{ role: 'user', content: 'My name is Bob.' }, ...first.output, { role: 'user', content: 'What is my name?' }], { store: false });
  assert.equal(alone.output_text, 'Your name is Bob.');
  await client().responses.delete(first.id);
  await assert.rejects(client().responses.retrieve(first.id), OpenAI.NotFoundError);
});

check('streaming', async () => {
  const kinds = [], numbers = [];
  let text = '', final;
  for await (const event of await ask('Count to 5', { stream: true })) {
    kinds.push(event.type);
    numbers.push(event.sequence_number);
    if (event.type === 'response.output_text.delta') text += event.delta;
    if (event.type === 'response.completed') final = event.response;
  }
  assert.equal(text, '1, 2, 3, 4, 5');
  assert.equal(final.usage.output_tokens, 5);
  assert.equal(kinds[0], 'response.created');
  assert.ok(kinds.includes('response.output_item.done'));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'sequence numbers without gaps');
  const done = await client().responses.stream({ model, input: 'Say it all' }).finalResponse();
  assert.equal(done.output_text, 'it all');
});

check('tools', async () => {
  const first = await ask('How is the weather in Paris?', { tools });
  const [call] = calls(first);
  assert.equal(call.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Paris' });
  const second = await ask([result(call, 'sunny')], { previous_response_id: first.id, tools });
  assert.equal(second.output_text, 'The tools answered: sunny');
});

check('parallel tools', async () => {
  const question = { role: 'user', content: 'How is the weather in Paris and London?' };
  const first = await ask([question], { tools, store: false });
  const [a, b] = calls(first);
  assert.deepEqual([a, b].map((c) => JSON.parse(c.arguments).city), ['Paris', 'London']);
  const second = await ask([question, ...first.output, result(a, 'sun'), result(b, 'rain')], { tools, store: false });
  assert.equal(second.output_text, 'The tools answered: sun; rain');
  const single = await ask([question], { tools, parallel_tool_calls: false });
  assert.equal(calls(single).length, 1);
});

check('streaming tools', async () => {
  const stream = client().responses.stream({ model, input: 'How is the weather in Oslo and Rome?', tools });
  let deltas = 0;
  stream.on('response.function_call_arguments.delta', () => deltas++);
  const final = await stream.finalResponse();
  assert.deepEqual(calls(final).map((c) => JSON.parse(c.arguments).city), ['Oslo', 'Rome']);
  assert.ok(deltas > 2, 'arguments in pieces');
});

check('structured output', async () => {
  const format = zodTextFormat(z.object({ name: z.string(), age: z.number().int() }), 'person');
  const answer = await client().responses.parse({ model, input: 'A person, name: Ada, 36 years old', text: { format } });
  assert.deepEqual(answer.output_parsed, { name: 'Ada', age: 36 });
});

check('images', async () => {
  const content = [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: `data:image/png;base64,${dot}`, detail: 'auto' }];
  const answer = await ask([{ role: 'user', content }]);
  assert.equal(answer.output_text, seen);
});

check('reasoning', async () => {
  const answer = await ask('Think about it', { reasoning: { effort: 'low', summary: 'auto' } });
  assert.deepEqual(answer.output.map((item) => item.type), ['reasoning', 'message']);
  assert.ok(answer.usage.output_tokens_details.reasoning_tokens > 0);
  const next = await ask('Say on', { previous_response_id: answer.id });
  assert.equal(next.output_text, 'on');
});

check('wrong key', async () => {
  await assert.rejects(client({ apiKey: 'sk-wrong' }).responses.create({ model, input: 'hi' }), OpenAI.AuthenticationError);
});

check('unknown model', async () => {
  await assert.rejects(ask('hi', { model: 'script/none' }), (err) => {
    assert.ok(err instanceof OpenAI.NotFoundError);
    assert.equal(err.code, 'model_not_found');
    return true;
  });
});

check('malformed request', async () => {
  await assert.rejects(ask([{ type: 'message', role: 'nobody', content: 'hi' }]), (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.equal(err.param, 'input[0].role');
    assert.match(err.message, /nobody/);
    return true;
  });
  await assert.rejects(ask('hi', { previous_response_id: 'resp_none' }), OpenAI.APIError);
});

check('oversized request', async () => {
  await assert.rejects(ask(tooLarge()), (err) => err.status === 413);
});

check('unsupported feature', async () => {
  await assert.rejects(ask('hi', { tools: [{ type: 'web_search' }] }), (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.match(err.message, /web_search/);
    return true;
  });
});

check('rate limit', async () => {
  await assert.rejects(ask('fail 429'), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError);
    assert.equal(err.headers.get('retry-after'), '1');
    return true;
  });
});

check('failure in mid-stream', async () => {
  let text = '', failed;
  await assert.rejects(async () => {
    for await (const event of await ask('fail 500 after 3', { stream: true })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.failed') failed = event.response;
    }
    if (failed) throw new OpenAI.APIError(undefined, failed.error, failed.error.message, undefined);
  }, (err) => {
    assert.ok(err instanceof OpenAI.APIError);
    assert.match(err.message, /asked to fail: 500/);
    return true;
  });
  assert.equal(text, 'word1 word2 word3');
});

check('cancellation', async () => {
  const tag = newTag();
  const controller = new AbortController();
  let words = 0;
  for await (const event of await client().responses.create({ model, input: 'slow 500', stream: true }, { signal: controller.signal, headers: { [tagHeader]: tag } })) {
    if (event.type === 'response.output_text.delta' && ++words === 5) controller.abort();
  }
  await assertAbandoned(tag, 'openai.responses');
});

absent('models', 'the same as for openai');
absent('embeddings', 'the same as for openai');

check('token counting', async () => {
  const { input_tokens: counted } = await client().responses.inputTokens.count({ model, input: 'one two three' });
  assert.equal(counted, (await ask('one two three')).usage.input_tokens);
});

check('model names', async () => {
  for (const name of names) assert.equal((await ask('Say yes', { model: name })).output_text, 'yes', name);
});

check('other upstreams', async () => {
  for (const name of others) {
    const counted = await client().responses.stream({ model: name, input: 'Count to 5', max_output_tokens: 100 }).finalResponse();
    assert.equal(counted.output_text, '1, 2, 3, 4, 5', name);
    const called = await ask('How is the weather in Paris and London?', { model: name, tools, max_output_tokens: 100 });
    assert.deepEqual(calls(called).map((c) => JSON.parse(c.arguments).city), ['Paris', 'London'], name);
  }
});

// The Vercel AI SDK as an application uses it, over each of the contracts.
import assert from 'node:assert/strict';
import { APICallError, embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { z } from 'zod';
import { ambiguous, apiKey, awsCredentials, embedder, model, names, newTag, others, tagHeader, tooLarge, url } from './craton.js';
import { assertAbandoned, assertCounts, dot, seen, suite } from './suite.js';

const key = (wrong) => (wrong ? 'wrong' : apiKey);
const openai = (wrong) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key(wrong) });
const signed = (wrong) => ({ ...awsCredentials, secretAccessKey: wrong ? 'wrong' : awsCredentials.secretAccessKey });

// Each way: the model of a name, how to ask it to think, its contract, and the
// status of an answer to a stranger.
const ways = {
  'AI SDK, OpenAI chat': {
    of: (name, wrong) => openai(wrong).chat(name), package: '@ai-sdk/openai', dialect: 'openai.chat', denied: 401,
    embedder: () => openai().embedding(embedder),
  },
  'AI SDK, OpenAI Responses': {
    of: (name, wrong) => openai(wrong).responses(name), package: '@ai-sdk/openai', dialect: 'openai.responses', denied: 401,
    thinking: { openai: { forceReasoning: true, reasoningEffort: 'low' } },
    summariesOnly: true, // the client leaves the thinking itself out
  },
  'AI SDK, Anthropic': {
    of: (name, wrong) => createAnthropic({ baseURL: `${url}/anthropic/v1`, apiKey: key(wrong) })(name),
    package: '@ai-sdk/anthropic', dialect: 'anthropic.messages', denied: 401,
    thinking: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
  },
  'AI SDK, Amazon Bedrock': {
    of: (name, wrong) => createAmazonBedrock({ baseURL: url, region: 'us-east-1', ...signed(wrong) })(name),
    package: '@ai-sdk/amazon-bedrock', dialect: 'bedrock.converse', denied: 403,
    // Its own reasoningConfig is for models whose names it knows.
    thinking: { bedrock: { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } } } },
    // It sends no tools when the chosen one is missing.
    malformed: { more: { stopSequences: [''] }, says: /stopSequences/ },
    embedder: () => createAmazonBedrock({ baseURL: url, region: 'us-east-1', ...signed() }).embedding(embedder),
  },
};

const weather = () => tool({
  description: 'The weather in a city.', inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `fine in ${city}`,
});

for (const [name, way] of Object.entries(ways)) cases(name, way);

function cases(name, way) {
  const { check, absent } = suite(name, way.package);
  const common = () => ({ model: way.of(model), maxRetries: 0, maxOutputTokens: 4000 });
  const ask = (prompt, more) => generateText({ ...common(), prompt, ...more });
  const failed = (status, message) => (err) => {
    assert.ok(APICallError.isInstance(err), String(err));
    assert.equal(err.statusCode, status);
    assert.match(err.message, message);
    return true;
  };

  check('text', async () => {
    const answer = await ask('Say hello there');
    assert.equal(answer.text, 'hello there');
    assert.equal(answer.finishReason, 'stop');
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [3, 2]);
    assert.deepEqual(answer.warnings ?? [], []);
  });

  check('multi-turn', async () => {
    const messages = [{ role: 'user', content: 'My name is Ada.' }];
    const first = await generateText({ ...common(), messages });
    messages.push(...first.response.messages, { role: 'user', content: 'What is my name?' });
    assert.equal((await generateText({ ...common(), messages })).text, 'Your name is Ada.');
  });

  check('streaming', async () => {
    const stream = streamText({ ...common(), prompt: 'Count to 5' });
    const deltas = [];
    for await (const delta of stream.textStream) deltas.push(delta);
    assertCounts(deltas);
    assert.equal(await stream.finishReason, 'stop');
    assert.equal((await stream.usage).outputTokens, 5);
  });

  check('tools', async () => {
    const answer = await ask('How is the weather in Paris?', { tools: { get_weather: weather() }, stopWhen: stepCountIs(3) });
    assert.equal(answer.text, 'The tools answered: fine in Paris');
    assert.equal(answer.steps.length, 2);
  });

  check('parallel tools', async () => {
    const answer = await ask('How is the weather in Paris and London?', { tools: { get_weather: weather() }, stopWhen: stepCountIs(3) });
    assert.deepEqual(answer.steps[0].toolCalls.map((c) => c.input.city), ['Paris', 'London']);
    assert.equal(answer.text, 'The tools answered: fine in Paris; fine in London');
  });

  check('streaming tools', async () => {
    const stream = streamText({
      ...common(), prompt: 'How is the weather in Oslo and Rome?', tools: { get_weather: weather() }, stopWhen: stepCountIs(3),
    });
    const kinds = new Set();
    for await (const part of stream.fullStream) kinds.add(part.type);
    assert.equal(await stream.text, 'The tools answered: fine in Oslo; fine in Rome');
    for (const kind of ['tool-input-delta', 'tool-call', 'tool-result', 'finish']) assert.ok(kinds.has(kind), kind);
  });

  check('structured output', async () => {
    const output = Output.object({ schema: z.object({ name: z.string(), age: z.number().int() }) });
    const answer = await ask('A person, name: Ada, 36 years old', { output });
    assert.deepEqual(answer.output, { name: 'Ada', age: 36 });
  });

  check('images', async () => {
    const content = [{ type: 'text', text: 'What is this?' }, { type: 'image', image: dot, mediaType: 'image/png' }];
    const answer = await generateText({ ...common(), messages: [{ role: 'user', content }] });
    assert.equal(answer.text, seen);
  });

  if (way.thinking) {
    check('reasoning', async () => {
      const messages = [{ role: 'user', content: 'Think about it' }];
      const first = await generateText({ ...common(), messages, providerOptions: way.thinking });
      assert.equal(first.reasoningText, way.summariesOnly ? '' : 'I was asked: Think about it');
      assert.equal(first.reasoning.length, 1);
      messages.push(...first.response.messages, { role: 'user', content: 'Say on' });
      assert.equal((await generateText({ ...common(), messages, providerOptions: way.thinking })).text, 'on');
    });
  } else {
    absent('reasoning', 'the client asks only models whose names it knows');
  }

  absent('token counting', 'the client has no call for it');
  absent('models', 'the client has no call for it');
  if (way.embedder) {
    check('embeddings', async () => {
      const answer = await embedMany({ model: way.embedder(), values: ['red fox', 'blue'], maxRetries: 0 });
      assert.equal(answer.embeddings.length, 2);
      assert.notDeepEqual(answer.embeddings[0], answer.embeddings[1]);
      assert.equal(answer.usage.tokens, 3);
    });
  } else {
    absent('embeddings', 'the contract has none');
  }

  check('wrong key', async () => {
    await assert.rejects(ask('hi', { model: way.of(model, true) }), failed(way.denied, /key|signature|credential/i));
  });

  check('unknown model', async () => {
    await assert.rejects(ask('hi', { model: way.of('script/none') }), (err) => {
      assert.ok(APICallError.isInstance(err), String(err));
      assert.ok([400, 404].includes(err.statusCode));
      assert.match(err.message, /script\/none|model identifier/);
      return true;
    });
  });

  check('malformed request', async () => {
    const missing = { tools: { get_weather: weather() }, toolChoice: { type: 'tool', toolName: 'get_time' } };
    const { more, says } = way.malformed ?? { more: missing, says: /get_time/ };
    await assert.rejects(ask('hi', more), failed(400, says));
  });

  check('oversized request', async () => {
    await assert.rejects(ask(tooLarge()), (err) => APICallError.isInstance(err) && [400, 413].includes(err.statusCode));
  });

  check('unsupported feature', async () => {
    await assert.rejects(ask('hi', { model: way.of(embedder) }), failed(400, /script-embed/));
  });

  check('rate limit', async () => {
    await assert.rejects(ask('fail 429'), (err) => {
      failed(429, /asked to fail: 429/)(err);
      assert.equal(err.responseHeaders['retry-after'], '1');
      assert.ok(err.isRetryable);
      return true;
    });
  });

  check('failure in mid-stream', async () => {
    const stream = streamText({ ...common(), prompt: 'fail 500 after 3', onError() {} });
    const errors = [];
    let text = '';
    for await (const part of stream.fullStream) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'error') errors.push(part.error);
    }
    assert.equal(text, 'word1 word2 word3');
    assert.ok(errors.length > 0, 'an error part');
    assert.match(typeof errors[0] === 'string' ? errors[0] : errors[0].message ?? JSON.stringify(errors[0]), /asked to fail: 500/);
  });

  check('cancellation', async () => {
    const tag = newTag();
    const controller = new AbortController();
    const stream = streamText({ ...common(), prompt: 'slow 500', abortSignal: controller.signal, headers: { [tagHeader]: tag } });
    let words = 0;
    for await (const part of stream.fullStream) if (part.type === 'text-delta' && ++words === 5) controller.abort();
    await assertAbandoned(tag, way.dialect);
  });

  check('model names', async () => {
    for (const name of names) assert.equal((await ask('Say yes', { model: way.of(name) })).text, 'yes', name);
    await assert.rejects(ask('hi', { model: way.of(ambiguous) }), (err) => APICallError.isInstance(err) && /viaopenai\/twin/.test(err.message));
  });

  check('other upstreams', async () => {
    for (const name of others) assert.equal((await ask('Count to 5', { model: way.of(name) })).text, '1, 2, 3, 4, 5', name);
  });
}

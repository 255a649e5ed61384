// Amazon Bedrock's runtime by the official AWS SDK, which opens cleartext
// HTTP/2 with prior knowledge.
import assert from 'node:assert/strict';
import {
  BedrockRuntimeClient, BedrockRuntimeServiceException, ConverseCommand, ConverseStreamCommand, CountTokensCommand,
  InvokeModelCommand, InvokeModelWithResponseStreamCommand, ApplyGuardrailCommand,
  AccessDeniedException, ResourceNotFoundException, ThrottlingException, ValidationException,
} from '@aws-sdk/client-bedrock-runtime';
import { ambiguous, apiKey, awsCredentials, embedder, model, names, newTag, others, tagHeader, tooLarge, url } from './craton.js';
import { assertAbandoned, assertCounts, dot, person, seen, suite, weather } from './suite.js';

const { check, absent } = suite('@aws-sdk/client-bedrock-runtime', '@aws-sdk/client-bedrock-runtime');
const client = (options) => new BedrockRuntimeClient({ region: 'us-east-1', endpoint: url, credentials: awsCredentials, maxAttempts: 1, ...options });
const shared = client();
const user = (...content) => ({ role: 'user', content: content.map((c) => (typeof c === 'string' ? { text: c } : c)) });
const converse = (messages, more) => shared.send(new ConverseCommand({ modelId: model, messages, ...more }));
const ask = (text, more) => converse([user(text)], more);
const text = (answer) => answer.output.message.content.map((b) => b.text ?? '').join('');
const uses = (answer) => answer.output.message.content.filter((b) => b.toolUse).map((b) => b.toolUse);
const result = (use, value, status) => ({ toolResult: { toolUseId: use.toolUseId, content: [{ text: value }], status } });
const toolConfig = { tools: [{ toolSpec: { name: 'get_weather', description: 'The weather in a city.', inputSchema: { json: weather } } }] };

// stream gathers the events of a ConverseStream by their names.
async function stream(prompt, more) {
  const answer = await shared.send(new ConverseStreamCommand({ modelId: model, messages: [user(prompt)], ...more }));
  const order = [], by = {};
  for await (const event of answer.stream) {
    const [[name, value]] = Object.entries(event);
    order.push(name);
    (by[name] ??= []).push(value);
  }
  return { order, by };
}

check('text', async () => {
  const answer = await ask('Say hello there', { system: [{ text: 'Be brief.' }], inferenceConfig: { maxTokens: 100, temperature: 0 } });
  assert.equal(text(answer), 'hello there');
  assert.equal(answer.stopReason, 'end_turn');
  assert.deepEqual([answer.usage.outputTokens, answer.usage.totalTokens - answer.usage.inputTokens], [2, 2]);
  assert.ok(answer.metrics.latencyMs >= 0);
  assert.ok(answer.$metadata.requestId);
});

check('multi-turn', async () => {
  const messages = [user('My name is Ada.')];
  messages.push((await converse(messages)).output.message, user('What is my name?'));
  assert.equal(text(await converse(messages)), 'Your name is Ada.');
});

check('streaming', async () => {
  const { order, by } = await stream('Count to 5');
  assertCounts(by.contentBlockDelta.map((d) => d.delta.text));
  assert.equal(order[0], 'messageStart');
  assert.deepEqual(order.slice(-3), ['contentBlockStop', 'messageStop', 'metadata']);
  assert.equal(by.messageStop[0].stopReason, 'end_turn');
  assert.deepEqual(by.metadata[0].usage, { inputTokens: 3, outputTokens: 5, totalTokens: 8, ...by.metadata[0].usage });
});

check('tools', async () => {
  const messages = [user('How is the weather in Paris?')];
  const first = await converse(messages, { toolConfig });
  assert.equal(first.stopReason, 'tool_use');
  const [use] = uses(first);
  assert.equal(use.name, 'get_weather');
  assert.deepEqual(use.input, { city: 'Paris' });
  messages.push(first.output.message, user(result(use, 'sunny')));
  const second = await converse(messages, { toolConfig });
  assert.equal(text(second), 'The tools answered: sunny');
  assert.equal(second.stopReason, 'end_turn');
});

check('parallel tools', async () => {
  const messages = [user('How is the weather in Paris and London?')];
  const first = await converse(messages, { toolConfig });
  const [a, b] = uses(first);
  assert.deepEqual([a.input.city, b.input.city], ['Paris', 'London']);
  assert.notEqual(a.toolUseId, b.toolUseId);
  messages.push(first.output.message, user(result(a, 'sun'), result(b, 'no data', 'error')));
  assert.equal(text(await converse(messages, { toolConfig })), 'The tools answered: sun; error: no data');
});

check('streaming tools', async () => {
  const { by } = await stream('How is the weather in Oslo and Rome?', { toolConfig });
  assert.deepEqual(by.contentBlockStart.map((s) => s.start.toolUse.name), ['get_weather', 'get_weather']);
  const inputs = by.contentBlockStart.map((s) => by.contentBlockDelta
    .filter((d) => d.contentBlockIndex === s.contentBlockIndex).map((d) => d.delta.toolUse.input));
  assert.ok(inputs[0].length > 1, 'arguments in pieces');
  assert.deepEqual(inputs.map((i) => JSON.parse(i.join('')).city), ['Oslo', 'Rome']);
  assert.equal(by.messageStop[0].stopReason, 'tool_use');
});

check('structured output', async () => {
  const outputConfig = { textFormat: { type: 'json_schema', structure: { jsonSchema: { name: 'person', schema: JSON.stringify(person) } } } };
  const answer = await ask('A person, name: Ada, 36 years old', { outputConfig });
  assert.deepEqual(JSON.parse(text(answer)), { name: 'Ada', age: 36 });
});

check('images', async () => {
  const answer = await converse([user({ image: { format: 'png', source: { bytes: Buffer.from(dot, 'base64') } } }, 'What is this?')]);
  assert.equal(text(answer), seen);
});

check('reasoning', async () => {
  const thinking = { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } } };
  const messages = [user('Think about it')];
  const first = await converse(messages, thinking);
  const { reasoningText } = first.output.message.content[0].reasoningContent;
  assert.equal(reasoningText.text, 'I was asked: Think about it');
  assert.ok(reasoningText.signature);
  messages.push(first.output.message, user('Say on'));
  assert.equal(text(await converse(messages, thinking)), 'on');
  const { by } = await stream('Think about it', thinking);
  const deltas = by.contentBlockDelta.map((d) => d.delta.reasoningContent).filter(Boolean);
  assert.equal(deltas.map((d) => d.text ?? '').join(''), reasoningText.text);
  assert.equal(deltas.map((d) => d.signature ?? '').join(''), reasoningText.signature);
});

check('token counting', async () => {
  const messages = [user('one two three')];
  const { inputTokens } = await shared.send(new CountTokensCommand({ modelId: model, input: { converse: { messages } } }));
  assert.equal(inputTokens, (await converse(messages)).usage.inputTokens);
});

check('embeddings', async () => {
  const body = JSON.stringify({ inputText: 'red fox', dimensions: 256, normalize: true });
  const answer = await shared.send(new InvokeModelCommand({ modelId: embedder, contentType: 'application/json', body }));
  const { embedding, inputTextTokenCount } = JSON.parse(answer.body.transformToString());
  assert.equal(embedding.length, 256);
  assert.equal(inputTextTokenCount, 2);
});

check('InvokeModel', async () => {
  const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 100, messages: [{ role: 'user', content: 'Say hello' }] });
  const answer = await shared.send(new InvokeModelCommand({ modelId: model, contentType: 'application/json', body }));
  const message = JSON.parse(answer.body.transformToString());
  assert.equal(message.content[0].text, 'hello');
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(answer.contentType, 'application/json');
});

check('InvokeModelWithResponseStream', async () => {
  const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 100, messages: [{ role: 'user', content: 'Count to 5' }] });
  const answer = await shared.send(new InvokeModelWithResponseStreamCommand({ modelId: model, contentType: 'application/json', body }));
  const deltas = [], kinds = [];
  for await (const { chunk } of answer.body) {
    const event = JSON.parse(Buffer.from(chunk.bytes).toString());
    kinds.push(event.type);
    if (event.type === 'content_block_delta') deltas.push(event.delta.text);
  }
  assertCounts(deltas);
  assert.equal(kinds[0], 'message_start');
  assert.equal(kinds.at(-1), 'message_stop');
});

check('a bearer key', async () => {
  const bearer = client({ credentials: undefined, token: { token: apiKey }, authSchemePreference: ['httpBearerAuth'] });
  const answer = await bearer.send(new ConverseCommand({ modelId: model, messages: [user('Say hello')] }));
  assert.equal(text(answer), 'hello');
  bearer.destroy();
});

absent('models', 'bedrock-runtime has no operation for it');

check('wrong key', async () => {
  const strangers = [{ ...awsCredentials, secretAccessKey: 'wrong' }, { accessKeyId: 'AKIANOBODY0000000000', secretAccessKey: 'wrong' }];
  for (const credentials of strangers) {
    const stranger = client({ credentials });
    await assert.rejects(stranger.send(new ConverseCommand({ modelId: model, messages: [user('hi')] })), (err) => {
      assert.ok(err instanceof BedrockRuntimeServiceException, String(err));
      assert.equal(err.$metadata.httpStatusCode, 403);
      assert.match(err.name, /^(InvalidSignature|UnrecognizedClient|AccessDenied)Exception$/);
      assert.ok(err.message);
      return true;
    });
    stranger.destroy();
  }
});

check('unknown model', async () => {
  await assert.rejects(ask('hi', { modelId: 'script/none' }), (err) => {
    assert.ok(err instanceof ResourceNotFoundException || err instanceof ValidationException, err.name);
    assert.match(err.message, /script\/none|model identifier/);
    return true;
  });
});

check('malformed request', async () => {
  await assert.rejects(converse([{ role: 'somebody', content: [{ text: 'hi' }] }]), (err) => {
    assert.ok(err instanceof ValidationException, err.name);
    assert.equal(err.$metadata.httpStatusCode, 400);
    assert.match(err.message, /messages\.1\.member\.role/);
    return true;
  });
});

check('oversized request', async () => {
  await assert.rejects(ask(tooLarge()), (err) => {
    assert.ok(err instanceof BedrockRuntimeServiceException, String(err));
    assert.ok([400, 413].includes(err.$metadata.httpStatusCode), err.$metadata.httpStatusCode);
    assert.match(err.message, /bytes|large|MiB/);
    return true;
  });
});

check('unsupported feature', async () => {
  const guardrail = { guardrailIdentifier: 'abc', guardrailVersion: '1', source: 'INPUT', content: [{ text: { text: 'hi' } }] };
  await assert.rejects(shared.send(new ApplyGuardrailCommand(guardrail)), (err) => {
    assert.ok(err instanceof BedrockRuntimeServiceException, String(err));
    assert.match(err.message, /ApplyGuardrail/);
    return true;
  });
  const toolConfig = { tools: [{ systemTool: { name: 'nova_grounding' } }] };
  await assert.rejects(ask('hi', { toolConfig }), ValidationException);
});

check('rate limit', async () => {
  await assert.rejects(ask('fail 429'), (err) => {
    assert.ok(err instanceof ThrottlingException, err.name);
    assert.equal(err.$metadata.httpStatusCode, 429);
    assert.equal(err.$response.headers['retry-after'], '1');
    return true;
  });
});

check('failure in mid-stream', async () => {
  const answer = await shared.send(new ConverseStreamCommand({ modelId: model, messages: [user('fail 500 after 3')] }));
  const deltas = [];
  await assert.rejects(async () => {
    for await (const event of answer.stream) if (event.contentBlockDelta) deltas.push(event.contentBlockDelta.delta.text);
  }, (err) => {
    assert.match(err.name, /^(ModelStreamError|InternalServer|ServiceUnavailable)Exception$/);
    assert.match(err.message, /asked to fail: 500/);
    return true;
  });
  assert.equal(deltas.join(''), 'word1 word2 word3');
});

check('cancellation', async () => {
  const tag = newTag();
  const going = client();
  going.middlewareStack.add((next) => (args) => {
    args.request.headers[tagHeader] = tag;
    return next(args);
  }, { step: 'build' });
  const controller = new AbortController();
  const answer = await going.send(new ConverseStreamCommand({ modelId: model, messages: [user('slow 500')] }), { abortSignal: controller.signal });
  let words = 0;
  for await (const event of answer.stream) if (event.contentBlockDelta && ++words === 5) break;
  controller.abort();
  going.destroy();
  await assertAbandoned(tag, 'bedrock.converse');
});

check('model names', async () => {
  for (const modelId of names) assert.equal(text(await ask('Say yes', { modelId })), 'yes', modelId);
  await assert.rejects(ask('hi', { modelId: ambiguous }), (err) => {
    assert.ok(err instanceof BedrockRuntimeServiceException, String(err));
    assert.match(err.message, /viaopenai\/twin/);
    return true;
  });
});

check('other upstreams', async () => {
  for (const modelId of others) {
    const { by } = await stream('Count to 5', { modelId });
    assert.equal(by.contentBlockDelta.map((d) => d.delta.text).join(''), '1, 2, 3, 4, 5', modelId);
    assert.equal(by.metadata[0].usage.outputTokens, 5, modelId);
    const called = await ask('How is the weather in Paris and London?', { modelId, toolConfig });
    assert.deepEqual(uses(called).map((u) => u.input.city), ['Paris', 'London'], modelId);
  }
});

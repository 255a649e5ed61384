// The OpenAI Agents SDK: a conversation with tools that goes on after the
// server was killed and started again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent, OpenAIConversationsSession, OpenAIResponsesModel, Runner, hostedMcpTool, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import { apiKey, model, url } from './craton.js';
import { suite } from './suite.js';

setTracingDisabled(true);
const { check, absent } = suite('OpenAI Agents SDK', '@openai/agents');
const runner = new Runner({ tracingDisabled: true });
const heard = [];
const weather = tool({
  name: 'get_weather', description: 'The weather in a city.', parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => { heard.push(city); return `fine in ${city}`; },
});

function agent(more = {}, base = `${url}/v1`, key = apiKey) {
  const client = new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0 });
  return { client, agent: new Agent({ name: 'Assistant', model: new OpenAIResponsesModel(client, more.named ?? model), ...more }) };
}

check('text', async () => {
  assert.equal((await runner.run(agent({ instructions: 'Be brief.' }).agent, 'Say good morning')).finalOutput, 'good morning');
});

check('multi-turn', async () => {
  const a = agent().agent;
  const first = await runner.run(a, 'My name is Ada.');
  assert.equal((await runner.run(a, 'What is my name?', { previousResponseId: first.lastResponseId })).finalOutput, 'Your name is Ada.');
  assert.equal((await runner.run(a, [...first.history, { role: 'user', content: 'What is my name?' }])).finalOutput, 'Your name is Ada.');
});

check('streaming', async () => {
  const stream = await runner.run(agent().agent, 'Count to 5', { stream: true });
  const pieces = [];
  for await (const piece of stream.toTextStream()) pieces.push(piece);
  await stream.completed;
  assert.ok(pieces.length > 2);
  assert.equal(pieces.join(''), '1, 2, 3, 4, 5');
});

check('tools', async () => {
  assert.equal((await runner.run(agent({ tools: [weather] }).agent, 'How is the weather in Paris?')).finalOutput, 'The tools answered: fine in Paris');
});

check('parallel tools', async () => {
  heard.length = 0;
  await runner.run(agent({ tools: [weather], modelSettings: { parallelToolCalls: true } }).agent, 'How is the weather in Paris and London?');
  assert.deepEqual(heard.sort(), ['London', 'Paris']);
});

check('streaming tools', async () => {
  const stream = await runner.run(agent({ tools: [weather] }).agent, 'How is the weather in Paris?', { stream: true });
  const kinds = [];
  for await (const event of stream) if (event.type === 'run_item_stream_event') kinds.push(event.name);
  await stream.completed;
  assert.ok(kinds.includes('tool_called') && kinds.includes('tool_output'));
});

check('structured output', async () => {
  const outputType = z.object({ name: z.string(), age: z.number() });
  const { finalOutput } = await runner.run(agent({ outputType }).agent, 'Ada is 36 years old');
  assert.equal(typeof finalOutput.name, 'string');
});

check('wrong key', async () => {
  await assert.rejects(runner.run(agent({}, undefined, 'ck-wrong').agent, 'Hello'), OpenAI.AuthenticationError);
});

check('unknown model', async () => {
  await assert.rejects(runner.run(agent({ named: 'script/none' }).agent, 'Hello'), OpenAI.NotFoundError);
});

check('MCP tools', async () => {
  const desk = hostedMcpTool({ serverLabel: 'desk', serverUrl: 'craton:desk' });
  assert.equal((await runner.run(agent({ tools: [desk] }).agent, 'use desk__read_note {"name": "a"}')).finalOutput, 'The tools answered: the note a');
});

// serve starts a server of this test's own.
async function serve(dir) {
  writeFileSync(join(dir, 'craton.yaml'), 'upstreams:\n  - {name: script, kind: script}\nengine: {disabled: true}\n');
  const child = spawn(process.env.CRATON_BIN, ['serve', '--listen', '127.0.0.1:0', '--data', join(dir, 'data'), '--config', join(dir, 'craton.yaml')],
    { env: { PATH: process.env.PATH, HOME: dir, CRATON_API_KEY: apiKey }, stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = new Promise((done) => child.once('exit', done));
  const address = await new Promise((done, fail) => {
    createInterface(child.stdout).on('line', (line) => {
      const ready = /serves (http:\/\/\S+)/.exec(line);
      if (ready) done(ready[1]);
    });
    gone.then(() => fail(new Error('the server ended before it was ready')));
  });
  return { base: `${address}/v1`, kill: () => { child.kill('SIGKILL'); return gone; } };
}

check('a conversation with tools survives kill -9', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'craton-'));
  let server = await serve(dir);
  try {
    let { client, agent: a } = agent({ tools: [weather] }, server.base);
    let session = new OpenAIConversationsSession({ client });
    await runner.run(a, 'My name is Ada.', { session });
    const first = await runner.run(a, 'How is the weather in Paris?', { session });
    assert.equal(first.finalOutput, 'The tools answered: fine in Paris');
    const conversationId = await session.getSessionId();
    await server.kill();
    server = await serve(dir);
    ({ client, agent: a } = agent({ tools: [weather] }, server.base));
    session = new OpenAIConversationsSession({ client, conversationId });
    assert.equal((await runner.run(a, 'What is my name?', { session })).finalOutput, 'Your name is Ada.');
    assert.equal((await runner.run(a, 'How is the weather in Oslo?', { session })).finalOutput, 'The tools answered: fine in Oslo');
    assert.match((await runner.run(a, 'What did I say first?', { previousResponseId: first.lastResponseId })).finalOutput, /^You first said: /);
  } finally {
    await server.kill();
    rmSync(dir, { recursive: true, force: true });
  }
});

for (const name of ['images', 'reasoning', 'token counting', 'embeddings', 'models', 'model names', 'other upstreams', 'malformed request',
  'oversized request', 'unsupported feature', 'rate limit', 'failure in mid-stream', 'cancellation']) {
  absent(name, 'the SDK sends Responses: see openai responses (Node)');
}

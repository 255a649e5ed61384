// What Responses keep, by the official OpenAI SDK: background, resumed streams,
// conversations, MCP tools and sockets.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { apiKey, model, url } from './craton.js';
import { suite } from './suite.js';

const { check } = suite('openai responses kept', 'openai');
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const ask = (input, more) => client.responses.create({ model, input, ...more });
const desk = { type: 'mcp', server_label: 'desk', server_url: 'craton:desk', require_approval: 'never' };

// ended polls a response until it has ended.
async function ended(response) {
  for (let asked = 0; ['queued', 'in_progress'].includes(response.status); asked++) {
    assert.ok(asked < 400, 'the response does not end');
    await new Promise((done) => setTimeout(done, 50));
    response = await client.responses.retrieve(response.id);
  }
  return response;
}

check('background', async () => {
  const begun = await ask('Count to 5', { background: true });
  assert.equal(begun.status, 'queued');
  assert.equal((await ended(begun)).output_text, '1, 2, 3, 4, 5');
  const slow = await ask('slow 400', { background: true });
  assert.equal((await client.responses.cancel(slow.id)).status, 'cancelled');
  assert.equal((await client.responses.retrieve(slow.id)).status, 'cancelled');
});

check('resumed streams', async () => {
  const whole = [];
  for await (const event of await ask('slow 20', { background: true, stream: true })) whole.push(event);
  assert.deepEqual(whole.map((event) => event.sequence_number), whole.map((_, i) => i));
  const { id } = whole[0].response;
  const rest = [];
  for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: 7 })) rest.push(event);
  assert.deepEqual(rest, whole.slice(8));
  const helper = client.responses.stream({ response_id: id, starting_after: 7 });
  assert.equal((await helper.finalResponse()).output_text, whole.at(-1).response.output[0].content[0].text);
});

check('conversations', async () => {
  const conversation = await client.conversations.create({ items: [{ type: 'message', role: 'user', content: 'My name is Ada.' }] });
  const answer = await ask('What is my name?', { conversation: conversation.id });
  assert.equal(answer.output_text, 'Your name is Ada.');
  const roles = [];
  for await (const item of client.conversations.items.list(conversation.id, { order: 'asc', limit: 1 })) roles.push(item.role);
  assert.deepEqual(roles, ['user', 'user', 'assistant']);
  assert.equal((await client.conversations.delete(conversation.id)).deleted, true);
  await assert.rejects(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError);
});

check('MCP tools', async () => {
  const stream = client.responses.stream({ model, input: 'use desk__read_note {"name": "a"}', tools: [desk] });
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  const final = await stream.finalResponse();
  assert.deepEqual(final.output.map((item) => item.type), ['mcp_list_tools', 'mcp_call', 'message']);
  assert.equal(final.output[1].output, 'the note a');
  assert.ok(kinds.includes('response.mcp_call_arguments.done'));
  const asked = await ask('use desk__write_note {"name": "a"}', { tools: [{ ...desk, require_approval: 'always' }] });
  const request = asked.output.at(-1);
  assert.equal(request.type, 'mcp_approval_request');
  const approved = await ask([{ type: 'mcp_approval_response', approval_request_id: request.id, approve: true }],
    { previous_response_id: asked.id, tools: [{ ...desk, require_approval: 'always' }] });
  assert.equal(approved.output.find((item) => item.type === 'mcp_call').output, 'wrote a');
});

check('compaction', async () => {
  const compacted = await client.responses.compact({ model, input: [{ role: 'user', content: 'My name is Ada.' }] });
  assert.equal(compacted.output.at(-1).type, 'compaction');
  assert.equal((await ask([...compacted.output, { role: 'user', content: 'Say hello' }])).output_text, 'hello');
});

check('sockets', async () => {
  const socket = new ResponsesWS(client);
  const events = [];
  let wake = () => {};
  for (const kind of ['event', 'error']) socket.on(kind, (event) => { events.push(event); wake(); });
  const say = async (input, more) => {
    socket.send({ type: 'response.create', model, input, store: false, ...more });
    for (;;) {
      while (!events.length) await new Promise((done) => { wake = done; });
      const event = events.shift();
      if (event.type === 'response.completed') return event.response;
      if (event instanceof Error) throw event;
    }
  };
  const text = (response) => response.output[0].content[0].text;
  try {
    const first = await say('My name is Ada.');
    assert.equal(text(await say('What is my name?', { previous_response_id: first.id })), 'Your name is Ada.');
  } finally {
    socket.close();
  }
});

// The cases of the Open Responses compliance suite, and what it demands of
// responses and their events.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { apiKey, model, url } from './craton.js';
import { dot, suite } from './suite.js';

const { check } = suite('Open Responses cases', 'ws');
const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
const post = (path, body) => fetch(`${url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
const said = (role, content, more) => ({ type: 'message', role, content, ...more });

// Members that every response has, and those that may be null.
const required = { id: 'string', object: 'string', created_at: 'number', status: 'string', model: 'string', output: 'object', tools: 'object',
  parallel_tool_calls: 'boolean', truncation: 'string', text: 'object', top_p: 'number', temperature: 'number', presence_penalty: 'number',
  frequency_penalty: 'number', top_logprobs: 'number', store: 'boolean', background: 'boolean', service_tier: 'string', metadata: 'object' };
const nullable = ['completed_at', 'incomplete_details', 'previous_response_id', 'instructions', 'error', 'tool_choice', 'reasoning', 'usage',
  'max_output_tokens', 'max_tool_calls', 'safety_identifier', 'prompt_cache_key'];
const statuses = ['completed', 'in_progress', 'incomplete'];

function valid(response, status = 'completed') {
  for (const [name, type] of Object.entries(required)) assert.equal(typeof response[name], type, `${name} is ${JSON.stringify(response[name])}`);
  for (const name of nullable) assert.ok(name in response, `${name} is missing`);
  assert.equal(response.object, 'response');
  assert.equal(response.status, status);
  if (status === 'completed') {
    assert.ok(response.completed_at >= response.created_at);
    for (const name of ['input_tokens', 'output_tokens', 'total_tokens']) assert.equal(typeof response.usage[name], 'number');
    assert.equal(typeof response.usage.input_tokens_details.cached_tokens, 'number');
    assert.equal(typeof response.usage.output_tokens_details.reasoning_tokens, 'number');
  }
  for (const item of response.output) {
    assert.ok(item.id && item.type);
    if (item.type === 'message') {
      assert.equal(item.role, 'assistant');
      assert.ok(statuses.includes(item.status));
      if (item.phase !== undefined) assert.ok(['commentary', 'final_answer'].includes(item.phase));
      for (const part of item.content) {
        assert.equal(typeof part.text, 'string');
        assert.ok(Array.isArray(part.annotations) && Array.isArray(part.logprobs));
      }
    }
    if (item.type === 'function_call') for (const name of ['call_id', 'name', 'arguments', 'status']) assert.equal(typeof item[name], 'string');
  }
  return response;
}

// validEvents checks the order that every stream of events keeps.
function validEvents(events) {
  assert.equal(events[0].type, 'response.created');
  events.forEach((event, i) => assert.equal(event.sequence_number, i));
  const open = new Set();
  for (const event of events) {
    if (event.type === 'response.output_item.added') open.add(event.output_index);
    else if ('output_index' in event) assert.ok(open.has(event.output_index), `${event.type} is about an item that was not added`);
    if (event.type === 'response.output_item.done') open.delete(event.output_index);
    if (event.response) valid(event.response, event.response.status);
  }
  assert.equal(open.size, 0);
  return valid(events.at(-1).response);
}

async function create(body) {
  const answer = await post('responses', { model, ...body });
  assert.equal(answer.status, 200, await (answer.ok ? '' : answer.text()));
  return valid(await answer.json());
}

async function stream(body) {
  const answer = await post('responses', { model, stream: true, ...body });
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
  const frames = (await answer.text()).split('\n\n').filter(Boolean);
  assert.equal(frames.at(-1), 'data: [DONE]');
  const events = frames.slice(0, -1).map((frame) => {
    const [name, data] = frame.split('\n');
    const event = JSON.parse(data.slice('data: '.length));
    assert.equal(name, `event: ${event.type}`);
    return event;
  });
  return { events, response: validEvents(events) };
}

const tools = [{ type: 'function', name: 'get_weather', description: 'The weather at a place.',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] } }];

check('basic response', async () => assert.ok((await create({ input: [said('user', 'Say hello in exactly 3 words.')] })).output.length));
check('streaming response', async () => { await stream({ input: [said('user', 'Count from 1 to 5.')] }); });
check('system prompt', async () => { await create({ input: [said('system', 'You are a pirate.'), said('user', 'Say hello.')] }); });

check('assistant phase', async () => {
  await create({ input: [said('user', 'Hello'), said('assistant', 'Let me see.', { phase: 'commentary' }), said('assistant', 'Hello!', { phase: 'final_answer' }),
    said('user', 'Say hello.')] });
});

check('tool calling', async () => {
  const response = await create({ input: [said('user', 'What is the weather in San Francisco?')], tools });
  assert.ok(response.output.some((item) => item.type === 'function_call'));
  const { events } = await stream({ input: [said('user', 'What is the weather in San Francisco?')], tools });
  for (const kind of ['response.function_call_arguments.delta', 'response.function_call_arguments.done']) assert.ok(events.some((e) => e.type === kind), kind);
  for (const kind of ['added', 'done']) {
    assert.ok(events.some((e) => e.type === `response.output_item.${kind}` && e.item.type === 'function_call'));
  }
});

check('image input', async () => {
  await create({ input: [said('user', [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: `data:image/png;base64,${dot}` }])] });
});

check('multi-turn', async () => {
  const response = await create({ input: [said('user', 'My name is Alice.'), said('assistant', 'Hello Alice!'), said('user', 'What is my name?')] });
  assert.match(response.output[0].content[0].text, /Alice/);
});

check('compaction', async () => {
  const answer = await post('responses/compact', { model, input: [said('user', 'My name is Alice.'), said('assistant', 'Hello Alice!')] });
  const compacted = await answer.json();
  assert.equal(compacted.object, 'response.compaction');
  assert.equal(typeof compacted.created_at, 'number');
  assert.equal(typeof compacted.usage.total_tokens, 'number');
  const item = compacted.output.find(({ type }) => type === 'compaction');
  assert.ok(item.id && item.encrypted_content);
  assert.equal((await post('responses/compact', { input: 'x' })).status, 400);
});

// socket opens a connection: say makes a response or returns the error event.
async function socket(body) {
  const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/responses`, { headers });
  const events = [];
  let wake = () => {};
  ws.on('message', (data) => { events.push(JSON.parse(data)); wake(); });
  await new Promise((open, fail) => { ws.on('open', open); ws.on('error', fail); });
  const say = async (input, more) => {
    ws.send(JSON.stringify({ type: 'response.create', model, input: [said('user', input)], ...more }));
    for (const mine = []; ;) {
      while (!events.length) await new Promise((done) => { wake = done; });
      mine.push(events.shift());
      if (mine.at(-1).type === 'error') return mine.at(-1);
      if (mine.at(-1).type === 'response.completed') return validEvents(mine);
    }
  };
  try {
    return await body(say);
  } finally {
    ws.close();
  }
}

check('WebSocket responses', () => socket(async (say) => {
  const first = await say('My name is Alice.');
  assert.equal((await say('Say hello')).status, 'completed');
  assert.match((await say('What is my name?', { previous_response_id: first.id })).output[0].content[0].text, /Alice/);
}));

check('WebSocket continuation without storing', async () => {
  const id = await socket(async (say) => {
    const first = await say('My name is Alice.', { store: false });
    const second = await say('What is my name?', { store: false, previous_response_id: first.id });
    assert.match(second.output[0].content[0].text, /Alice/);
    return second.id;
  });
  const refused = await socket((say) => say('Hello', { store: false, previous_response_id: id }));
  assert.equal(refused.error.code, 'previous_response_not_found');
  assert.equal(refused.status, 400);
});

check('WebSocket failed continuation', () => socket(async (say) => {
  const missing = await say('Hello', { store: false, previous_response_id: 'resp_missing' });
  assert.equal(missing.error.code, 'previous_response_not_found');
  const first = await say('Hello', { store: false });
  const output = [{ type: 'function_call_output', call_id: 'call_none', output: 'of no call' }];
  assert.equal((await say('unused', { store: false, previous_response_id: first.id, input: output })).type, 'error');
  assert.equal((await say('Hello', { store: false, previous_response_id: first.id })).error.code, 'previous_response_not_found');
}));

check('WebSocket compacted chain', () => socket(async (say) => {
  const compacted = await (await post('responses/compact', { model, input: [said('user', 'My name is Alice.')] })).json();
  const response = await say('unused', { input: [...compacted.output, said('user', 'Say hello')] });
  assert.equal(response.status, 'completed');
}));

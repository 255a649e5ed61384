// Sessions of the Agents API by the official OpenAI SDK, with its stream
// helpers.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { apiKey, model, newTag, url } from './craton.js';
import { dot, person, seen, suite, weather } from './suite.js';

const { check } = suite('openai sessions', 'openai');
const client = (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
const { agents } = client().beta;
const { sessions } = agents;
const tool = { type: 'function', name: 'get_weather', description: 'Tells the weather.', parameters: weather };
const desk = (more) => ({ type: 'mcp', server_label: 'desk', transport: { type: 'http', server_url: 'craton:desk' }, ...more });
const forecast = ({ city }) => ({ city, sky: 'clear' });

// params is a session without an environment.
const params = (input, agent, more) => ({ agent: { model, ...agent }, environment: { type: 'none' }, input, ...more });

// all gathers what an iteration yields.
async function all(iteration) {
  const list = [];
  for await (const one of iteration) list.push(one);
  return list;
}

// settled asks for a session until it has a status.
async function settled(id, status) {
  for (let asked = 0; asked < 500; asked++) {
    const session = await sessions.retrieve(id);
    if (session.status === status) return session;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the session ${id} was never ${status}`);
}

const idle = async (...of) => settled((await sessions.create(params(...of))).id, 'idle');
const message = (text) => ({ type: 'agent.session.input.message', input: [{ role: 'user', content: [{ type: 'input_text', text }] }] });
const cancel = { type: 'agent.session.input.cancel' };
const send = (id, ...events) => sessions.events.create(id, { events });

// outline is a session's items in short: the type, and the text of messages.
async function outline(id) {
  const items = await all(sessions.items.list(id, { order: 'asc', limit: 2 }));
  return items.map((item) => (item.type === 'message' ? `${item.role}: ${item.content.map((part) => part.text).join('')}` : item.type));
}

check('a session is created, runs and is read', async () => {
  const made = await sessions.create(params('Say hello', { instructions: 'Be kind.' }, { metadata: { team: 'a' } }));
  assert.equal(made.object, 'agent.session');
  assert.deepEqual([made.agent.model, made.agent.instructions, made.agent.name, made.environment], [model, 'Be kind.', null, { type: 'none' }]);
  assert.deepEqual([made.error, made.metadata, made.vault_ids, 'spend_control' in made], [null, { team: 'a' }, [], false]);
  const done = await settled(made.id, 'idle');
  assert.equal(done.usage.total_tokens, 5);
  assert.deepEqual(await outline(made.id), ['user: Say hello', 'assistant: hello']);
  await send(made.id, cancel);
  assert.deepEqual((await sessions.retrieve(made.id)).status, 'idle');
  const { _request_id, ...gone } = await sessions.delete(made.id);
  assert.deepEqual(gone, { id: made.id, deleted: true, object: 'agent.session.deleted' });
  await assert.rejects(sessions.retrieve(made.id), (e) => e instanceof OpenAI.NotFoundError && e.code === 'not_found_error');
});

check('creation streams the first turn', async () => {
  const stream = (await sessions.create(params('Count to 5', {}, { stream: true, stream_options: { include_obfuscation: false } }))).withResultCollection();
  const events = await all(stream);
  assert.equal(events[0].type, 'agent.session.created');
  assert.equal(events.at(-1).type, 'agent.session.idle');
  assert.equal(new Set(events.map((e) => e.event_id)).size, events.length);
  assert.ok(events.every((e) => !('obfuscation' in e) && !('error' in e)));
  const created = events.find((e) => e.type === 'agent.session.turn.created');
  assert.deepEqual([created.turn.id, created.turn.subagent_id], [created.turn_id, null]);
  const result = await stream.finalResult();
  assert.equal(result.output_text, '1, 2, 3, 4, 5');
  assert.equal(result.turn.status, 'completed');
});

check('tools run in both stream helpers', async () => {
  const made = await idle('Say yes', { tools: [tool] });
  const result = await sessions.stream(made.id, { input: 'How is the weather in Paris and London?', toolHandlers: { get_weather: forecast } }).finalResult();
  assert.ok(result.output_text.includes('"city":"Paris"') && result.output_text.includes('"city":"London"'));
  assert.deepEqual((await outline(made.id)).slice(3, 7), ['function_call', 'function_call', 'function_call_output', 'function_call_output']);
  const two = await sessions.create({ ...params('first get_weather {"city":"Oslo"} then get_weather {"city":"Bern"}', { tools: [tool] }), stream: true, toolHandlers: { get_weather: forecast } });
  assert.equal((await two.finalResult()).output_text, 'The tools answered: {"city":"Bern","sky":"clear"}');
});

check('a handler fails', async () => {
  const made = await idle('Say yes', { tools: [tool] });
  const failures = [];
  const result = await sessions.stream(made.id, {
    input: 'How is the weather in Paris?', onToolError: (failure) => void failures.push(failure),
    toolHandlers: { get_weather: () => { throw new Error('no weather'); } },
  }).finalResult();
  assert.ok(result.output_text.includes('Tool handler failed.'));
  assert.equal(failures.length, 1);
});

check('a call is answered by hand', async () => {
  const made = await sessions.create(params('How is the weather in Paris?', { tools: [{ ...tool, name: 'weather_of' }] }));
  const { required_actions: [action] } = await settled(made.id, 'requires_action');
  assert.deepEqual([action.type, action.name, action.arguments], ['function_call', 'weather_of', { city: 'Paris' }]);
  const turn = await sessions.turns.retrieve(action.turn_id, { session_id: made.id });
  assert.deepEqual([turn.status, turn.subagent_id], ['waiting', null]);
  const result = (call_id) => ({ type: 'agent.session.input.tool_result', turn_id: action.turn_id, call_id, success: true, output: 'rain' });
  await assert.rejects(send(made.id, result('call_none')), (e) => e.status === 400 && e.code === 'invalid_request_error' && e.error.message === 'Unknown pending tool call: call_none');
  await assert.rejects(sessions.delete(made.id), OpenAI.ConflictError);
  await send(made.id, result(action.call_id));
  await settled(made.id, 'idle');
  assert.equal((await outline(made.id)).at(-1), 'assistant: The tools answered: rain');
});

check('typed output', async () => {
  const stream = await sessions.create(params('A person, name: Ada, 36 years old', { text: { format: { type: 'json_schema', schema: person } } }, { stream: true }));
  assert.deepEqual(JSON.parse((await stream.finalResult()).output_text), { name: 'Ada', age: 36 });
});

check('sessions are listed and changed', async () => {
  const tag = newTag();
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await sessions.create(params('Say yes', { tools: [tool] }, { metadata: { case: tag, 'a key': 'é' }, spend_control: { limit: 250 } }))).id);
  const listed = await all(sessions.list({ metadata: { case: tag, 'a key': 'é' }, limit: 1, order: 'asc' }));
  assert.deepEqual(listed.map((one) => one.id), ids);
  assert.deepEqual(await all(sessions.list({ metadata: { case: tag, other: '' } })), []);
  const changed = await sessions.update(ids[0], { metadata: null, agent: { model: 'house-chat', tools: null, reasoning: { effort: 'low' } }, review: 'auto_review', prompt_cache_options: { ttl: '12h' } });
  assert.deepEqual([changed.metadata, changed.agent.model, changed.agent.tools, changed.agent.reasoning.effort, changed.review, changed.prompt_cache_options],
    [{}, 'house-chat', [], 'low', 'auto_review', { ttl: '12h' }]);
  assert.equal(changed.spend_control.limit, 250);
  assert.ok(!('spend_control' in (await sessions.update(ids[0], { spend_control: null }))));
  await assert.rejects(sessions.update(ids[0], { agent: { model: '' } }), (e) => e.status === 400 && e.param === 'agent.model');
});

check('an idempotency key counts once', async () => {
  const made = await idle('Say yes');
  const key = newTag();
  for (let i = 0; i < 2; i++) {
    await sessions.events.create(made.id, { events: [message('Say one')], 'Idempotency-Key': key });
    await settled(made.id, 'idle');
  }
  assert.deepEqual((await outline(made.id)).slice(2), ['user: Say one', 'assistant: one']);
  await assert.rejects(sessions.events.create(made.id, { events: [message('Say two')], 'Idempotency-Key': key }),
    (e) => e instanceof OpenAI.ConflictError && e.code === 'idempotency_conflict' && e.headers.get('x-should-retry') === 'false');
});

check('turns and their items are listed page by page', async () => {
  const made = await idle('Say zero');
  for (const n of [1, 2]) await sessions.stream(made.id, { input: `Say ${n}` }).finalResult();
  const turns = await all(sessions.turns.list(made.id, { limit: 1, order: 'asc' }));
  assert.deepEqual(turns.map((turn) => turn.status), ['completed', 'completed', 'completed']);
  const items = await all(sessions.turns.items.list(turns[1].id, { session_id: made.id, limit: 1, order: 'asc' }));
  assert.deepEqual(items.map((item) => [item.type, item.turn_id]), [['message', turns[1].id], ['message', turns[1].id]]);
  const [trace] = await all(sessions.traces.list(made.id, { limit: 1 }));
  assert.equal(trace.id, turns[2].id);
  assert.ok(trace.otlp.resourceSpans.length);
  assert.deepEqual(await all(sessions.artifacts.list(made.id)), []);
});

check('a turn is cancelled', async () => {
  const stream = await sessions.create(params('slow 2000', {}, { stream: true }));
  const kinds = [];
  let id;
  for await (const event of stream) {
    kinds.push(event.type);
    id ??= event.session?.id;
    if (event.type === 'agent.session.turn.output_text.delta' && kinds.filter((kind) => kind === event.type).length === 1) await send(id, cancel);
  }
  assert.deepEqual(kinds.slice(-2), ['agent.session.turn.cancelled', 'agent.session.idle']);
  assert.ok((await outline(id))[1].startsWith('assistant: word1'));
});

check('a turn fails, the session goes on', async () => {
  const stream = await sessions.create(params('fail 400', {}, { stream: true }));
  let id;
  await assert.rejects(stream.finalResult(), (e) => {
    id = e.session_id;
    return e.reason === 'failed' && e.turn.error.code === 'invalid_request';
  });
  await settled(id, 'idle');
  assert.equal((await sessions.stream(id, { input: 'Say yes' }).finalResult()).output_text, 'yes');
});

check('images', async () => {
  const content = [{ type: 'input_text', text: 'Look' }, { type: 'input_image', image_url: `data:image/png;base64,${dot}` }];
  const stream = await sessions.create({ ...params([{ role: 'user', content }]), stream: true });
  const result = await stream.finalResult();
  assert.equal(result.output_text, seen);
  const [said] = await all(sessions.items.list(result.session_id, { order: 'asc' }));
  assert.deepEqual(said.content, content);
});

check('approval of a tool server\'s calls', async () => {
  const made = await idle('use desk__read_note {"name":"a"}', { tools: [desk()] });
  const [, call] = await all(sessions.items.list(made.id, { order: 'asc' }));
  assert.deepEqual([call.type, call.server_label, call.name, call.arguments, call.output, call.error, call.status],
    ['mcp_call', 'desk', 'read_note', { name: 'a' }, 'the note a', null, 'completed']);
  for (const decision of ['approve', 'deny', 'cancel']) {
    await send(made.id, message('use desk__write_note {"name":"b"}'));
    const { required_actions: [action] } = await settled(made.id, 'requires_action');
    assert.equal(action.type, 'mcp_approval_request');
    const { message: words, ...request } = action.request;
    assert.deepEqual(request, { type: 'mcp_tool_call', server_label: 'desk', name: 'write_note', arguments: { name: 'b' } });
    assert.ok(words.includes('write_note'));
    await send(made.id, { type: 'agent.session.input.mcp_approval_request_result', request_id: action.request_id, response: { type: 'mcp_tool_call', decision } });
    await settled(made.id, 'idle');
    const done = (await all(sessions.items.list(made.id))).find((item) => item.type === 'mcp_call');
    if (decision === 'approve') assert.deepEqual([done.status, done.output, done.error], ['completed', 'wrote b', null]);
    else assert.deepEqual([done.status, done.output, typeof done.error], ['failed', null, 'string']);
  }
});

check('subagents', async () => {
  const stream = (await sessions.create(params('use create_subagent {"message":"Say hello","name":"Scout"}', { multi_agent: { enabled: true } }, { stream: true }))).withResultCollection();
  const events = await all(stream);
  const { subagent } = events.find((e) => e.type === 'agent.session.subagent.created');
  const id = subagent.session_id;
  assert.deepEqual([subagent.name, subagent.status, subagent.closed_at], ['Scout', 'active', null]);
  const { output_text } = await stream.finalResult();
  assert.ok(output_text.includes('Noted: hello'), output_text);
  const [{ _request_id, ...read }] = [await sessions.subagents.retrieve(subagent.id, { session_id: id })];
  assert.deepEqual(read, subagent);
  assert.deepEqual((await all(sessions.subagents.list(id))).map((one) => one.id), [subagent.id]);
  const [turn] = await all(sessions.subagents.turns.list(subagent.id, { session_id: id }));
  assert.deepEqual([turn.subagent_id, turn.status], [subagent.id, 'completed']);
  const items = await all(sessions.subagents.items.list(subagent.id, { session_id: id, order: 'asc' }));
  assert.deepEqual(items.map((item) => item.type), ['agent_message', 'message']);
});

check('a stream resumes where it was left', async () => {
  const stream = await sessions.create(params('slow 20', {}, { stream: true }));
  let id;
  let last;
  let text = '';
  for await (const event of stream) {
    id ??= event.session?.id;
    last = event.event_id;
    text += event.type === 'agent.session.turn.output_text.delta' ? event.delta : '';
    if (text.includes('word3')) break;
  }
  for await (const event of await sessions.events.stream(id, {}, { headers: { 'Last-Event-ID': last } })) {
    assert.notEqual(event.event_id, last);
    text += event.type === 'agent.session.turn.output_text.delta' ? event.delta : '';
    if (event.type === 'agent.session.idle') break;
  }
  assert.equal(text, Array.from({ length: 20 }, (_, n) => `word${n + 1}`).join(' '));
});

check('errors', async () => {
  await assert.rejects(sessions.retrieve('ses_nobody'), (e) => e instanceof OpenAI.NotFoundError && e.code === 'not_found_error');
  await assert.rejects(sessions.create({ agent: { model }, environment: { type: 'none' } }), (e) => e.status === 400 && e.param === 'input');
  await assert.rejects(sessions.create({ input: 'hi', environment: { type: 'none' } }), (e) => e.status === 400 && e.param === 'agent.model');
  await assert.rejects(sessions.create(params('hi', {}, { environment: { type: 'openai_hosted' } })), (e) => e.status === 400);
  await assert.rejects(sessions.create(params('hi', {}, { stream_options: {} })), (e) => e.status === 400 && e.param === 'stream_options');
  await assert.rejects(sessions.create(params('hi', { tools: [desk({ required: true, transport: { type: 'http', server_url: 'craton:gone' } })] })),
    (e) => e.status === 424 && e.code === 'mcp_server_startup_failed');
  await assert.rejects(client({ apiKey: 'wrong' }).beta.agents.sessions.list(), OpenAI.AuthenticationError);
  const made = await idle('Say yes');
  await assert.rejects(send(made.id, { type: 'agent.session.input.guess' }), (e) => e.status === 400 && e.param === 'events[0].type');
  await assert.rejects(all(sessions.items.list(made.id, { limit: 0 })), (e) => e.status === 400 && e.param === 'limit');
});

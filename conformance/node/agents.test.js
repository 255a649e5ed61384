// Saved agents, environments and templates of the Agents API by the official
// OpenAI SDK.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { apiKey, model, newTag, url } from './craton.js';
import { suite, weather } from './suite.js';

const { check } = suite('openai agents', 'openai');
const client = (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, ...options });
const { agents } = client().beta;
const own = { environment: { type: 'self_hosted', workspace_directory: '/workspace' } };
const secret = Buffer.from('swordfish').toString('base64');

// all gathers what an iteration over pages yields.
async function all(pages) {
  const list = [];
  for await (const one of pages) list.push(one);
  return list;
}

check('an agent is created, read, changed and deleted', async () => {
  const made = await agents.create({
    model, name: 'Helper', metadata: { team: 'a' }, reasoning: { effort: 'low' }, multi_agent: { enabled: true },
    text: { format: { type: 'json_schema', schema: { type: 'object' } } }, compaction: { async: false },
    tools: [{ type: 'function', name: 'look', description: 'Looks.', parameters: weather, async: true }, { type: 'tool_search' }],
  });
  assert.equal(made.object, 'agent');
  assert.deepEqual(made.multi_agent, { enabled: true, max_concurrent_subagents: 6 });
  assert.deepEqual(made.reasoning, { effort: 'low', summary: null });
  assert.deepEqual(made.text, { format: { type: 'json_schema', schema: { type: 'object' } }, verbosity: 'medium' });
  assert.deepEqual(made.tools[0], { type: 'function', name: 'look', description: 'Looks.', parameters: weather, defer_loading: false, async: true });
  assert.deepEqual(await agents.retrieve(made.id), made);
  const changed = await agents.update(made.id, { name: null, metadata: null, tools: null, service_tier: 'fast' });
  assert.deepEqual([changed.name, changed.metadata, changed.tools, changed.service_tier, changed.compaction], [null, {}, [], 'fast', { async: false }]);
  const { _request_id, ...gone } = await agents.delete(made.id);
  assert.ok(_request_id);
  assert.deepEqual(gone, { id: made.id, deleted: true, object: 'agent.deleted' });
  await assert.rejects(agents.retrieve(made.id), OpenAI.NotFoundError);
});

check('agents are listed page by page', async () => {
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await agents.create({ model })).id);
  const listed = (await all(agents.list({ limit: 1, order: 'asc' }))).map((one) => one.id);
  assert.deepEqual(listed.filter((id) => ids.includes(id)), ids);
  await assert.rejects(all(agents.list({ limit: 0 })), (e) => e instanceof OpenAI.BadRequestError && e.param === 'limit');
});

check('what an agent may not be', async () => {
  const server = { type: 'mcp', server_label: 'docs', transport: { type: 'http', server_url: 'https://docs.example.com/mcp', authorization: 'Bearer swordfish' } };
  await assert.rejects(agents.create({ model, tools: [server] }), (e) => {
    assert.equal(e.param, 'tools[0].transport.authorization');
    return e.status === 400 && !e.message.includes('swordfish');
  });
  await assert.rejects(agents.create({}), (e) => e.status === 400 && e.param === 'model');
  await assert.rejects(agents.list({}, { headers: { 'OpenAI-Beta': null } }), (e) => e.status === 400 && e.code === 'invalid_beta');
  await assert.rejects(client({ apiKey: 'wrong' }).beta.agents.list(), (e) => e instanceof OpenAI.AuthenticationError && e.code === 'unauthorized');
  await assert.rejects(agents.automations.list(), (e) => e.status === 400 && e.message.includes('not supported'));
});

check('environments and their files', async () => {
  const key = newTag();
  const made = await agents.environments.create({ ...own, 'Idempotency-Key': key });
  assert.deepEqual([made.type, made.status, made.files], ['self_hosted', 'pending', []]);
  assert.equal((await agents.environments.create({ ...own, 'Idempotency-Key': key })).id, made.id);
  await assert.rejects(client({ maxRetries: 2 }).beta.agents.environments.create(
    { environment: { ...own.environment, workspace_directory: '/else' }, 'Idempotency-Key': key }), OpenAI.ConflictError);
  assert.deepEqual(await agents.environments.retrieve(made.id), made);
  const files = ['/workspace/a/b', '/workspace/a-b', '/workspace/c'];
  for (const path of files) await agents.environments.files.create(made.id, { type: 'inline', path, data: secret });
  const listed = await all(agents.environments.files.list(made.id, { limit: 1, order: 'asc' }));
  assert.deepEqual(listed.map((file) => file.path), files);
  assert.equal(listed[0].size_bytes, 9);
  await assert.rejects(agents.environments.create({ environment: { type: 'openai_hosted' } }), (e) => e.status === 400 && e.message.includes('no sandboxes yet'));
});

check('templates never show their secrets', async () => {
  const source = { type: 'base64', media_type: 'application/zip', data: secret };
  const made = await agents.environments.templates.create({
    name: 'base', env: { TOKEN: 'swordfish' }, setup_commands: [{ command: 'echo swordfish' }],
    files: [{ type: 'inline', path: '/workspace/f', data: secret }], plugins: [{ type: 'inline', name: 'p', description: 'd', source }],
    skills: [{ type: 'skill_reference', skill_id: 'skill_1' }], network: { access: 'restricted', allowed_domains: ['example.com'] },
  });
  assert.deepEqual(made.files, [{ type: 'inline', path: '/workspace/f', size_bytes: 9 }]);
  assert.deepEqual(made.skills, [{ type: 'skill_reference', skill_id: 'skill_1', version: null }]);
  assert.deepEqual(made.network, { access: 'restricted', allowed_domains: ['example.com'] });
  const changed = await agents.environments.templates.update(made.id, { network: null, env: { TOKEN: 'swordfish again' } });
  assert.deepEqual([changed.network.access, changed.name, changed.plugins.length], ['disabled', 'base', 1]);
  const listed = await all(agents.environments.templates.list());
  assert.ok(listed.some((one) => one.id === made.id));
  assert.ok(!JSON.stringify([made, changed, listed]).includes('swordfish') && !JSON.stringify(listed).includes(secret));
  assert.equal((await agents.environments.templates.delete(made.id)).deleted, true);
  await assert.rejects(agents.environments.templates.retrieve(made.id), OpenAI.NotFoundError);
});

// The Files API by the official OpenAI SDK.
import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { apiKey, url } from './craton.js';
import { suite } from './suite.js';

const { check } = suite('openai files', 'openai');
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const upload = (content, name, more) =>
  toFile(Buffer.from(content), name).then((file) => client.files.create({ file, purpose: 'user_data', ...more }));

check('upload, read and delete', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-'));
  const content = 'naïve\n'.repeat(2_000_000); // larger than other bodies may be
  writeFileSync(join(folder, 'notes.md'), content);
  const made = await client.files.create({
    file: createReadStream(join(folder, 'notes.md')), purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: 7200 },
  });
  rmSync(folder, { recursive: true });
  assert.equal(made.object, 'file');
  assert.equal(made.filename, 'notes.md');
  assert.equal(made.bytes, Buffer.byteLength(content));
  assert.equal(made.expires_at - made.created_at, 7200);
  assert.deepEqual(await client.files.retrieve(made.id), made);
  assert.equal(await (await client.files.content(made.id)).text(), content);
  assert.equal((await client.files.waitForProcessing(made.id)).id, made.id);
  assert.deepEqual(await client.files.delete(made.id), { id: made.id, object: 'file', deleted: true });
  await assert.rejects(client.files.content(made.id), OpenAI.NotFoundError);
});

check('stream the content, and a range of it', async () => {
  const made = await upload('0123456789', 'digits.txt', { purpose: 'vision' });
  const part = await client.files.content(made.id, { headers: { Range: 'bytes=3-5' } });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), '345');
});

check('list page by page', async () => {
  const made = [];
  for (const n of [1, 2, 3]) made.push((await upload('{}', `${n}.json`, { purpose: 'evals' })).id);
  const seen = [];
  for await (const file of client.files.list({ purpose: 'evals', order: 'asc', limit: 1 })) {
    if (made.includes(file.id)) seen.push(file.id);
  }
  assert.deepEqual(seen, made);
  const page = await client.files.list({ purpose: 'evals', limit: 2 });
  assert.deepEqual([page.data.length, page.has_more], [2, true]);
});

check('refuse bad uploads', async () => {
  await assert.rejects(upload('x', 'a', { purpose: 'fun' }), (e) => e instanceof OpenAI.BadRequestError && e.param === 'purpose');
  await assert.rejects(upload('x', 'a', { expires_after: { anchor: 'created_at', seconds: 1 } }),
    (e) => e instanceof OpenAI.BadRequestError && e.param === 'expires_after.seconds');
  await assert.rejects(client.files.retrieve('file-unknown'), OpenAI.NotFoundError);
});

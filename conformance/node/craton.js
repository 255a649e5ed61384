// The servers that conformance/stage started, as the tests reach them.
import { randomUUID } from 'node:crypto';

// setting reads what the stage put into the environment.
function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run conformance/run.sh node`);
  return value;
}

export const url = setting('CRATON_CONFORMANCE_URL');
export const apiKey = setting('CRATON_API_KEY');
export const awsCredentials = {
  accessKeyId: setting('CRATON_ACCESS_KEY_ID'),
  secretAccessKey: setting('CRATON_SECRET_ACCESS_KEY'),
};

// The script model, under its whole name and the others it has.
export const model = 'script/script-chat';
export const embedder = 'script/script-embed';
export const names = [model, 'script-chat', 'house-chat'];

// Two upstreams serve ambiguous, so it must be refused.
export const ambiguous = 'twin';

// The script model of another server, reached over each contract.
export const others = ['viaopenai/chat-openai', 'viaanthropic/chat-anthropic', 'viabedrock/chat-bedrock'];

// tooLarge is a text longer than the servers take a body to be.
export const tooLarge = () => 'x'.repeat((8 << 20) + 1);

// tagHeader labels a request, so that what it used can be told from the rest.
export const tagHeader = 'x-craton-tag-case';
export const newTag = () => randomUUID();

// metered waits until requests with the tag are in the usage records, and
// returns their sum; its group is the tag and the contract they came by.
export async function metered(tag) {
  const headers = { authorization: `Bearer ${apiKey}` };
  for (let asked = 0; asked < 100; asked++) {
    const answer = await fetch(`${url}/admin/v1/usage?by=tag:case,dialect`, { headers });
    if (!answer.ok) throw new Error(`usage: ${answer.status} ${await answer.text()}`);
    const row = (await answer.json()).data.find((r) => r.group[0] === tag);
    if (row) return row;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the request never came into the usage records');
}

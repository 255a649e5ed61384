// Runs named cases with node:test and writes what came of them, one JSON line
// each, for conformance/table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metered } from './craton.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = process.env.CRATON_CONFORMANCE_OUT;

// suite names the client that a file of cases is about: check(name, body) runs
// a case, absent(name, reason) tells of one its contract or SDK does not have.
export function suite(client, name) {
  const { version } = JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8'));
  const file = out && join(out, `node-${client.replaceAll(/\W+/g, '-')}.jsonl`);
  if (file) rmSync(file, { force: true });
  const write = (outcome) => file && appendFileSync(file, `${JSON.stringify({ sdk: `${client} (Node)`, version, ...outcome })}\n`);
  return {
    check(name, body) {
      test(name, { timeout: 30_000 }, async () => {
        let ok = false;
        try {
          await body();
          ok = true;
        } finally {
          write({ case: name, ok });
        }
      });
    },
    absent(name, reason) {
      write({ case: name, na: reason });
    },
  };
}

// assertAbandoned checks what was metered of one request of "slow 500" whose
// client went away after a few words; dialect is the contract it came by.
export async function assertAbandoned(tag, dialect) {
  const row = await metered(tag);
  assert.deepEqual(row.group, [tag, dialect]);
  assert.equal(row.requests, 1);
  assert.equal(row.tokens.input, 2);
  assert.ok(row.tokens.output >= 3 && row.tokens.output < 500, `${row.tokens.output} tokens were written`);
}

// assertCounts checks the numbers of "Count to 5" in pieces.
export function assertCounts(deltas) {
  assert.ok(deltas.length > 2, `several deltas, not ${deltas.length}`);
  assert.equal(deltas.join(''), '1, 2, 3, 4, 5');
}

// dot is a PNG of one pixel; seen is what the script model says of it.
export const dot =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
export const seen = `I received 1 image (image/png, ${Buffer.from(dot, 'base64').length} bytes).`;

// weather is the schema of a tool's arguments, person of a structured answer.
export const weather = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
export const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};

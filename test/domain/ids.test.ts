import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isAgentId,
  isSessionId,
  makeAgentId,
  makeInstanceId,
  makeSessionId,
  parseAgentId,
  parseSessionId,
} from '../../src/domain/ids.ts';
import { fc } from '../helpers/properties.ts';
import { thrownBy } from './samples.ts';

const ulid = '01K0ABCDEFGHJKMNPQRSTVWXYZ';
const session = `sess_${ulid}`;
const agent = 'agent_backend_engineer_2_x7k2p9';

/** Variants of an id that try to leave its folder, to end a line early, or to pass for another id. */
function tricks(id: string): readonly string[] {
  return [
    '',
    ' ',
    '.',
    '..',
    '../',
    `../${id}`,
    `${id}/..`,
    `${id}/../../etc/passwd`,
    `${id}/`,
    `${id}\\..`,
    `/${id}`,
    `./${id}`,
    `${id}\0`,
    `${id}\0.json`,
    `\0${id}`,
    `${id}\n`,
    `${id}\r\n`,
    `${id}\n${id}`,
    `\n${id}`,
    `${id}\u2028`,
    ` ${id}`,
    `${id} `,
    `${id}\u200b`,
    `\ufeff${id}`,
    `${id}%2e%2e`,
    `${id}a`,
    id.slice(0, -1),
    id.slice(1),
    `${id.slice(0, -1)}ｚ`,
    `${id.slice(0, -1)}е`,
    `${id.slice(0, -1)}é`,
    `${id.slice(0, -1)}٣`,
    `${id.slice(0, -1)}/`,
    `${id.slice(0, -1)}.`,
    `${id.slice(0, -1)}-`,
    `${id}${'a'.repeat(1_000_000)}`,
    '_'.repeat(1_000_000),
    'constructor',
    '__proto__',
    'latest',
    '$(id)',
    '%',
    '*',
  ];
}

describe('session ids', () => {
  it('are sess_ and a ULID', () => {
    assert.equal(makeSessionId(ulid), session);
    for (const good of [session, `sess_7${'Z'.repeat(25)}`, `sess_${'0'.repeat(26)}`]) {
      assert.equal(isSessionId(good), true, good);
      assert.equal(parseSessionId(good), good);
    }
  });

  const bad = [
    ...tricks(session),
    ulid,
    `${session}${session}`,
    session.toLowerCase(),
    session.toUpperCase(),
    `sess-${ulid}`,
    `inst_${ulid}`,
    `sess_8${'0'.repeat(25)}`,
    ...['I', 'L', 'O', 'U'].map((letter) => `sess_${ulid.slice(0, -1)}${letter}`),
    agent,
  ];
  for (const text of bad) {
    it(`are not ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.equal(isSessionId(text), false);
      const error = thrownBy('INVALID_INPUT', () => parseSessionId(text));
      assert.match(error.message, /is not a session id: it must be 'sess_' and 26 characters/);
      assert.ok(error.message.length < 700, `${error.message.length} characters`);
      assert.ok(String(error.details.value).length <= 200);
      assert.doesNotMatch(error.message, /\n/);
    });
  }

  it('are not made of what is no ULID', () => {
    for (const text of ['', '../x', ulid.toLowerCase(), `${ulid}\n`, `${ulid}0`]) {
      thrownBy('INVALID_INPUT', () => makeSessionId(text));
    }
  });
});

describe('agent ids', () => {
  it('are agent_, the role, the ordinal and six characters', () => {
    assert.equal(makeAgentId('backend_engineer', 2, 'x7k2p9'), agent);
    const good = [
      agent,
      'agent_q_1_000000',
      `agent_${'a'.repeat(63)}_99999_zzzzzz`,
      'agent_tier_2_support_1_abcdef',
    ];
    for (const id of good) {
      assert.equal(isAgentId(id), true, id);
      assert.equal(parseAgentId(id), id);
    }
  });

  const bad = [
    ...tricks(agent),
    agent.toUpperCase(),
    'agent_qa_x7k2p9',
    'agent_qa_0_x7k2p9',
    'agent_qa_01_x7k2p9',
    'agent_qa_100000_x7k2p9',
    'agent_qa_-1_x7k2p9',
    'agent_qa_1.5_x7k2p9',
    'agent__1_x7k2p9',
    'agent_2qa_1_x7k2p9',
    'agent__qa_1_x7k2p9',
    'agent_q/a_1_x7k2p9',
    'agent_../x_1_x7k2p9',
    'agent_q\na_1_x7k2p9',
    'agent_qа_1_x7k2p9',
    `agent_${'a'.repeat(64)}_1_x7k2p9`,
    'agent_qa_1_x7k2p',
    'agent_qa_1_X7K2P9',
    session,
  ];
  for (const text of bad) {
    it(`are not ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.equal(isAgentId(text), false);
      const error = thrownBy('INVALID_INPUT', () => parseAgentId(text));
      assert.match(error.message, /is not an agent id: it looks like agent_backend_engineer_2_x7k2p9/);
      assert.ok(error.message.length < 700, `${error.message.length} characters`);
      assert.ok(String(error.details.value).length <= 200);
      assert.doesNotMatch(error.message, /\n/);
    });
  }

  it('are not made of bad parts', () => {
    const parts: readonly (readonly [string, number, string])[] = [
      ['../../etc', 1, 'x7k2p9'],
      ['', 1, 'x7k2p9'],
      ['QA', 1, 'x7k2p9'],
      ['qa', 0, 'x7k2p9'],
      ['qa', Number.NaN, 'x7k2p9'],
      ['qa', 1e21, 'x7k2p9'],
      ['qa', 1, 'x7k2p'],
      ['qa', 1, 'x7k2p9\n'],
      ['qa', 1, '../../'],
    ];
    for (const [role, ordinal, suffix] of parts) {
      thrownBy('INVALID_INPUT', () => makeAgentId(role, ordinal, suffix));
    }
  });
});

describe('instance ids', () => {
  it('are inst_ and a ULID', () => assert.equal(makeInstanceId(ulid), `inst_${ulid}`));

  it('are made by MAOS itself, so a bad one is a bug', () => {
    for (const text of ['', '../x', ulid.toLowerCase(), `${ulid}\n`, `${ulid}0`]) {
      assert.match(thrownBy('INTERNAL', () => makeInstanceId(text)).message, /is not a ULID/);
    }
  });
});

describe('any text', () => {
  it('that is taken for an id is one plain folder name', () => {
    const piece = fc.constantFrom(
      'sess_',
      'agent_',
      'qa',
      '_1_',
      'x7k2p9',
      ulid,
      '/',
      '..',
      '\0',
      '\n',
      'a',
      '1',
      '_',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        if (isSessionId(text) || isAgentId(text)) assert.match(text, /^[A-Za-z0-9_]{1,95}$/);
      }),
      { numRuns: 500 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TeamWays, teamLines } from '../../../src/application/messaging/team-lines.ts';

const ways: TeamWays = { reach: 'tools', receives: false, lead: null, isAlone: false };
const lines = (more: Partial<TeamWays>): string => teamLines({ ...ways, ...more }).join('\n');

describe('the lines of a prompt about the ways to the team', () => {
  it('name the tools, where its CLI has them', () => {
    const text = lines({});
    for (const tool of [
      'team',
      'send_message',
      'read_messages',
      'ask',
      'report',
      'claim_paths',
      'release_paths',
    ]) {
      assert.ok(text.includes(`\`${tool}\``), tool);
    }
    assert.doesNotMatch(text, /maos (message|ask|claim|report)/);
    assert.match(text, /comes with the answers of these tools/);
    assert.match(lines({ receives: true }), /comes by itself/);
  });

  it('name the commands, where it has no tools', () => {
    const text = lines({ reach: 'commands' });
    for (const command of ['message send', 'message read', 'ask', 'report', 'claim', 'release']) {
      assert.ok(text.includes(`\`maos ${command}`), command);
    }
    assert.doesNotMatch(text, /_/);
  });

  it('are none for a program without a model', () => {
    assert.equal(lines({ reach: null }), '');
    assert.equal(lines({ reach: null, isAlone: true }), '');
  });

  it('are of asking and reporting alone, for an agent that is alone', () => {
    for (const reach of ['tools', 'commands'] as const) {
      const text = lines({ reach, isAlone: true });
      assert.match(text, /ask/);
      assert.match(text, /report/);
      assert.doesNotMatch(text, /message|claim|`team`/);
    }
  });

  it('say who answers', () => {
    assert.match(lines({}), /a question to the user and waits/);
    for (const [reach, way] of [
      ['tools', 'send_message'],
      ['commands', 'maos message send'],
    ] as const) {
      const text = lines({ reach, lead: 'boss' });
      assert.match(text, /a question to the user and waits/, 'an agent answers no request of its own team');
      assert.ok(text.includes(`your lead, boss, can answer, ask it with \`${way}\``), text);
    }
  });

  it('are few', () => {
    for (const reach of ['tools', 'commands'] as const) {
      const text = lines({ reach, lead: 'boss' });
      assert.ok(text.length < 900 && text.split('\n').length <= 8, `${text.length}`);
    }
  });
});

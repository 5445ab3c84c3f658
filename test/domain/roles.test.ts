import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  findPredefinedRole,
  nearestRoleNames,
  predefinedRoleNames,
  roleAliases,
  roleOf,
} from '../../src/domain/roles/catalog.ts';
import { fileRole, isFileRole } from '../../src/domain/roles/file-role.ts';
import {
  customRole,
  isRoleName,
  roleBriefing,
  toRoleName,
  workingAgreement,
} from '../../src/domain/roles/role.ts';

const predefined = predefinedRoleNames.map((name) => customRole({ name, description: name }));

describe('findPredefinedRole', () => {
  it('finds every role by its name', () => {
    for (const role of predefined) assert.equal(findPredefinedRole(role.name, predefined), role);
  });

  it('resolves aliases', () => {
    assert.deepEqual(roleAliases, { architect: 'solution_architect', engineer: 'backend_engineer' });
    assert.equal(findPredefinedRole('architect', predefined)?.name, 'solution_architect');
    assert.equal(findPredefinedRole('engineer', predefined)?.name, 'backend_engineer');
  });

  it('finds nothing under other names, those of object members included', () => {
    for (const name of ['', 'QA', 'backend-engineer', 'wizard', 'constructor', '__proto__']) {
      assert.equal(findPredefinedRole(name, predefined), undefined, name);
    }
  });
});

describe('nearestRoleNames', () => {
  const firstSuggestion = {
    backend_enginer: 'backend_engineer',
    bakcend_engineer: 'backend_engineer',
    'Backend Engineer': 'backend_engineer',
    'frontend-developer': 'frontend_engineer',
    devops_engineer: 'devops',
    security_engineer: 'security',
    code_reviewer: 'reviewer',
    reviwer: 'reviewer',
    designer: 'ux_designer',
    architct: 'solution_architect',
    dev: 'devops',
    PM: 'pm',
  };
  for (const [written, meant] of Object.entries(firstSuggestion)) {
    it(`suggests ${meant} for ${written}`, () => assert.equal(nearestRoleNames(written)[0], meant));
  }

  it('suggests each role once, and no more than asked for', () => {
    assert.deepEqual(nearestRoleNames('engineer', 1), ['backend_engineer']);
    for (const name of ['engineer', 'architect', 'security_engineer', 'data']) {
      const suggestions = nearestRoleNames(name, 3);
      assertBetween(suggestions.length, 1, 3, 'suggestions');
      assert.equal(new Set(suggestions).size, suggestions.length);
    }
    assert.deepEqual(nearestRoleNames('engineer', 0), []);
  });

  it('suggests roles of files beside them', () => {
    assert.deepEqual(nearestRoleNames('scrib', 3, ['scribe']), ['scribe']);
    assert.deepEqual(nearestRoleNames('reviewr', 3, ['reviewer_two', 'reviewer']).slice(0, 1), ['reviewer']);
  });

  it('suggests nothing for what resembles no role', () => {
    for (const name of ['', '   ', '_', 'q', 'xyzzy', 'constructor', 'z'.repeat(100_000)]) {
      assert.deepEqual(nearestRoleNames(name), [], name.slice(0, 20));
    }
  });
});

describe('isRoleName', () => {
  it('accepts snake_case of up to 63 characters', () => {
    for (const name of ['a', 'qa', 'legal_reviewer', 'tier_2_support', `a${'b'.repeat(62)}`]) {
      assert.equal(isRoleName(name), true, name);
    }
  });

  it('refuses everything else', () => {
    for (const name of [
      '',
      'A',
      '2nd',
      '_x',
      'a-b',
      'a b',
      'a\n',
      'a/b',
      '../a',
      'é',
      `a${'b'.repeat(63)}`,
    ]) {
      assert.equal(isRoleName(name), false, JSON.stringify(name));
    }
  });
});

describe('toRoleName', () => {
  it('writes names as MAOS does', () => {
    const names = {
      'code-reviewer': 'code_reviewer',
      'Code Reviewer (v2)': 'code_reviewer_v2',
      already_fine: 'already_fine',
      '--x--': 'x',
      'c++': 'c',
      审: '',
      '': '',
    };
    for (const [written, name] of Object.entries(names)) assert.equal(toRoleName(written), name, written);
  });
});

describe('fileRole', () => {
  const given = { model: null, backend: null, tools: ['Read'], deniedTools: [] };
  const prompt = ' \n# You write\n\n- minutes\n ';
  const role = fileRole(
    { ...given, name: 'scribe', description: 'Use it for minutes.', prompt },
    'user',
    '/a/scribe.md',
  );

  it('is a custom role that says where it comes from', () => {
    assert.equal(isFileRole(role), true);
    assert.equal(isFileRole(customRole({ name: 'x', description: 'd' })), false);
    assert.deepEqual([role.source, role.path, role.predefined], ['user', '/a/scribe.md', false]);
  });

  it('is briefed with its own prompt in place of description and general instructions', () => {
    assert.equal(
      roleBriefing(role),
      `# Your role: Scribe\n\n# You write\n\n- minutes\n\n## Working in this team\n\n${workingAgreement}`,
    );
  });

  it('is briefed as any custom role where its prompt is blank', () => {
    const input = { name: 'scribe', description: 'Writes.' };
    assert.equal(
      roleBriefing(fileRole({ ...given, ...input, prompt: ' \n' }, 'user', '/a')),
      roleBriefing(customRole(input)),
    );
  });
});

describe('roleOf', () => {
  it('gives what a session holds of a role, not what the catalogue has', () => {
    assert.equal(roleOf({ name: 'qa', custom: null }, predefined), findPredefinedRole('qa', predefined));
    const file = { path: '/a', prompt: 'You test.', tools: null, deniedTools: [] };
    const role = roleOf(
      { name: 'qa', custom: { description: 'd', responsibilities: ['r'], file } },
      predefined,
    );
    assert.deepEqual([role.prompt, role.responsibilities, role.predefined], ['You test.', ['r'], false]);
    assert.equal(
      roleOf({ name: 'gone', custom: null }, predefined).description,
      'gone',
      'a role of an older MAOS',
    );
  });
});

describe('customRole', () => {
  it('has sensible defaults', () => {
    const role = customRole({ name: 'legal_reviewer', description: ' Checks licences. ' });
    assert.equal(role.name, 'legal_reviewer');
    assert.equal(role.title, 'Legal reviewer');
    assert.equal(role.description, 'Checks licences.');
    assert.deepEqual(role.responsibilities, []);
    assert.deepEqual(role.capabilities, []);
    assert.equal(role.defaultTimeoutMinutes, 30);
    assert.equal(role.defaultMaxMemoryMb, 2048);
    assert.equal(role.predefined, false);
    assert.match(role.instructions, /Legal reviewer/);
    assert.match(role.instructions, /\$MAOS_SHARED_CONTEXT\b[\s\S]*results\s+folder/);
  });

  it('keeps the responsibilities, without blank ones', () => {
    const role = customRole({ name: 'x', description: 'd', responsibilities: [' Read licences ', '  '] });
    assert.deepEqual(role.responsibilities, ['Read licences']);
    assert.match(role.instructions, /each\s+responsibility/);
  });
});

describe('roleBriefing', () => {
  it('tells a custom role its description once, and omits an empty list of responsibilities', () => {
    const briefing = roleBriefing(customRole({ name: 'legal_reviewer', description: 'Checks licences.' }));
    assert.equal(briefing.split('Checks licences.').length, 2);
    assert.doesNotMatch(briefing, /You are responsible for/);
    assert.ok(briefing.endsWith(workingAgreement));
  });

  it('includes the responsibilities of a custom role', () => {
    const role = customRole({
      name: 'x',
      description: 'd',
      responsibilities: ['Read licences', 'Keep a list'],
    });
    assert.match(roleBriefing(role), /## You are responsible for\n\n- Read licences\n- Keep a list\n/);
  });
});

function assertBetween(value: number, least: number, most: number, what: string): void {
  assert.ok(value >= least && value <= most, `${value} ${what}, expected ${least} to ${most}`);
}

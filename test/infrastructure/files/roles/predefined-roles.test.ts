import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { predefinedRoleNames } from '../../../../src/domain/roles/catalog.ts';
import { isRoleName, roleBriefing, workingAgreement } from '../../../../src/domain/roles/role.ts';
import { predefinedRoles as read } from '../../../../src/infrastructure/files/roles/predefined-roles.ts';

const predefinedRoles = read();

const namesOfTheContract = [
  'orchestrator',
  'solution_architect',
  'application_architect',
  'data_architect',
  'api_architect',
  'security_architect',
  'backend_engineer',
  'frontend_engineer',
  'mobile_engineer',
  'researcher',
  'qa',
  'pm',
  'devops',
  'security',
  'data_scientist',
  'ux_designer',
  'documenter',
  'reviewer',
  'analyst',
  'tester',
  'merger',
];

describe('predefined roles', () => {
  it('are those of the contract, in its order', () => {
    assert.deepEqual(
      predefinedRoles.map((role) => role.name),
      namesOfTheContract,
    );
  });

  it('are files of src/roles, each named after its role', () => {
    const files = readdirSync(new URL('../../../../src/roles/', import.meta.url));
    assert.deepEqual(files.sort(), predefinedRoleNames.map((name) => `${name}.md`).sort());
  });

  it('have distinct titles and descriptions', () => {
    assert.equal(new Set(predefinedRoles.map((role) => role.title)).size, namesOfTheContract.length);
    assert.equal(new Set(predefinedRoles.map((role) => role.description)).size, namesOfTheContract.length);
  });

  for (const role of predefinedRoles) {
    it(`${role.name} is complete`, () => {
      assert.ok(isRoleName(role.name));
      assert.equal(role.predefined, true);
      assert.match(role.title, /^[A-Z]/);
      assert.ok(role.description.length < 140, `description has ${role.description.length} characters`);
      assert.match(role.description, /^[A-Z][^\n]*\.$/);
      assertBetween(role.responsibilities.length, 3, 6, 'responsibilities');
      assertBetween(role.capabilities.length, 3, 7, 'capabilities');
      assert.equal(new Set(role.capabilities).size, role.capabilities.length);
      for (const capability of role.capabilities) assert.match(capability, /^[a-z]+(-[a-z]+)*$/);
      assertBetween(role.defaultTimeoutMinutes, 15, 60, 'timeout in minutes');
      assertBetween(role.defaultMaxMemoryMb, 1024, 4096, 'memory in MB');
    });

    it(`${role.name} has instructions of a useful length that say where it hands over`, () => {
      assertBetween(role.instructions.length, 1200, 3500, 'characters');
      assertBetween(role.instructions.split(/\s+/).length, 250, 450, 'words');
      assert.match(role.instructions, /\$MAOS_SHARED_CONTEXT\b/);
      assert.match(role.instructions, /[a-z<>-]+\.md\b/, 'names the file it hands over');
      assert.match(role.instructions, /results\s+folder/);
    });
  }

  it('share no sentence longer than 60 characters', () => {
    const ownerOf = new Map<string, string>();
    for (const role of predefinedRoles) {
      for (const sentence of longSentences(role.instructions)) {
        assert.equal(ownerOf.get(sentence) ?? role.name, role.name, sentence);
        ownerOf.set(sentence, role.name);
      }
    }
    assert.ok(ownerOf.size > 20 * 8, `only ${ownerOf.size} sentences were compared`);
  });

  it('name only variables that agents really get', () => {
    const given = ['MAOS_PROJECT_ROOT', 'MAOS_SHARED_CONTEXT', 'MAOS_WORKSPACE'];
    for (const role of predefinedRoles) {
      for (const [variable] of roleBriefing(role).matchAll(/MAOS_[A-Z_]+/g)) {
        assert.ok(given.includes(variable), `${role.name}: ${variable}`);
      }
    }
  });

  it('joins who the agent is, what it answers for, how it works and the working agreement', () => {
    for (const role of predefinedRoles) {
      const briefing = roleBriefing(role);
      const parts = [
        role.title,
        role.description,
        ...role.responsibilities,
        role.instructions,
        workingAgreement,
      ];
      let from = 0;
      for (const part of parts) {
        const found = briefing.indexOf(part, from);
        assert.notEqual(found, -1, `${role.name}: ${part.slice(0, 40)}`);
        from = found + part.length;
      }
    }
  });
});

function assertBetween(value: number, least: number, most: number, what: string): void {
  assert.ok(value >= least && value <= most, `${value} ${what}, expected ${least} to ${most}`);
}

function longSentences(text: string): string[] {
  return text
    .split(/\n\n|\n- /)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' '))
    .flatMap((paragraph) => paragraph.split(/(?<=[.:;?!])\s/))
    .map((sentence) => sentence.trim().toLowerCase())
    .filter((sentence) => sentence.length > 60);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RoleFinding } from '../../../src/application/ports/roles.ts';
import { catalogueOf as catalogueOfFound } from '../../../src/application/roles/role-catalogue.ts';
import { predefinedRoleNames } from '../../../src/domain/roles/catalog.ts';
import { fileRole, type RoleSource } from '../../../src/domain/roles/file-role.ts';
import { customRole } from '../../../src/domain/roles/role.ts';

const predefinedRoles = predefinedRoleNames.map((name) => ({
  ...customRole({ name, description: name }),
  predefined: true,
}));

function catalogueOf(files: readonly RoleFinding[]) {
  return catalogueOfFound({ files, predefined: predefinedRoles });
}

function role(name: string, source: RoleSource): RoleFinding {
  const input = { name, description: name, model: null, backend: null, tools: null, deniedTools: [] };
  return { kind: 'role', role: fileRole(input, source, `/${source}/${name}.md`) };
}

function broken(name: string | null): RoleFinding {
  return { kind: 'problem', problem: { path: `/broken/${name}.md`, name, message: 'line 2: it is wrong.' } };
}

describe('the catalogue of roles', () => {
  it('is the predefined ones where no file defines any', () => {
    const { custom, predefined, shadowed, problems, find } = catalogueOf([]);
    assert.deepEqual([custom, predefined, shadowed, problems], [[], predefinedRoles, [], []]);
    assert.equal(find('engineer').name, 'backend_engineer');
  });

  it('gives the nearest of several with one name, also for a predefined one or an alias', () => {
    const found = ['project', 'maos', 'user'] as const;
    const catalogue = catalogueOf([
      ...found.map((source) => role('reviewer', source)),
      role('engineer', 'user'),
      role('scribe', 'user'),
    ]);
    assert.equal(catalogue.find('reviewer').description, 'reviewer');
    assert.equal('path' in catalogue.find('engineer'), true);
    assert.equal(catalogue.find('architect').name, 'solution_architect');
    assert.deepEqual(
      catalogue.custom.map(({ path }) => path),
      ['/project/reviewer.md', '/user/engineer.md', '/user/scribe.md'],
    );
    assert.equal(catalogue.predefined.length, predefinedRoles.length - 1);
    assert.deepEqual(
      catalogue.shadowed.map(({ role: lost, by }) => ['path' in lost ? lost.path : 'predefined', by.path]),
      [
        ['/maos/reviewer.md', '/project/reviewer.md'],
        ['/user/reviewer.md', '/project/reviewer.md'],
        ['predefined', '/project/reviewer.md'],
      ],
    );
  });

  it('knows a role by the name its file gives it', () => {
    const { find } = catalogueOf([role('code_reviewer', 'user')]);
    for (const name of ['code_reviewer', 'code-reviewer', 'Code Reviewer']) {
      assert.equal(find(name).name, 'code_reviewer');
    }
    assert.throws(() => find('code-reviewr'), {
      code: 'INVALID_ROLE',
      message: /Did you mean "code_reviewer"/,
    });
    assert.throws(() => find('Tester'), { code: 'INVALID_ROLE' }, 'predefined ones are as they are');
  });

  it('gives no role in place of one whose nearest file is broken', () => {
    const { custom, problems, find } = catalogueOf([
      role('scribe', 'project'),
      broken('reviewer'),
      broken('scribe'),
      role('reviewer', 'user'),
    ]);
    assert.equal(custom.length, 2);
    assert.equal(problems.length, 2);
    assert.throws(() => find('reviewer'), {
      code: 'INVALID_ROLE',
      message:
        'Role "reviewer" cannot be used because its file "/broken/reviewer.md" is broken: line 2: it is wrong.',
    });
    assert.equal(find('scribe').name, 'scribe', 'a nearer one is not touched by it');
  });

  it('says that something is broken to someone who asks for what it may have been', () => {
    const { find } = catalogueOf([broken(null)]);
    assert.throws(() => find('zzz'), {
      message: /A role file is broken and ignored: see 'maos roles'\.$/,
    });
    const both = catalogueOf([broken(null), broken('b')]);
    assert.throws(() => both.find('zzz'), { message: /2 role files are broken and ignored/ });
  });
});
